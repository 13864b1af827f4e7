"""How the instances of a tier are cut: into stages, between which a race looks, and into blocks, each a jailed child.

A cut depends on the problem and the index alone: not on whether there is a race, nor on how much is played. So results
are the same with and without a race. Beyond the base set `valid` is cut at its multiples. Where playing began anew
within a block (a promotion, a measurement of fresh instances), whoever plays it again says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, pairwise

from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.problem import Problem

_CHEAP_SECONDS = 3.0
"""Up to this cost class a separate smoke run costs more than it saves: screening is the smoke run."""

Stage = tuple[str, Tier, Sequence[int]]
"""Name, tier, indices."""


def stages(problem: Problem) -> list[Stage]:
    """What every candidate plays, in order: smoke, screening, and the base set of `valid` piece by piece."""
    smoke, train = smoke_count(problem), problem.tier_size(Tier.TRAIN)
    first: list[Stage] = [("smoke", Tier.TRAIN, range(smoke))] if smoke else []
    base = [*_pieces(problem, Tier.VALID), problem.tier_size(Tier.VALID)]
    return [
        *first,
        ("screening", Tier.TRAIN, range(smoke, train)),
        *(("full", Tier.VALID, range(start, stop)) for start, stop in pairwise(base)),
    ]


def blocks(problem: Problem, tier: Tier, indices: Sequence[int], starts: Collection[int] = ()) -> Iterator[list[int]]:
    """The indices, which ascend, block by block. `starts`: where playing began anew, within a block perhaps."""
    pieces, size, begun = _pieces(problem, tier), max(1, problem.tier_size(tier)), sorted(starts)

    def block(index: int) -> tuple[int, int, int]:
        piece = pieces[bisect_right(pieces, index) - 1]
        start = piece if index < size else index - index % size
        return start, (index - start) // problem.block_size, bisect_right(begun, index)

    for _, found in groupby(indices, block):
        yield list(found)


def smoke_count(problem: Problem) -> int:
    """How many train instances are played apart, before the others."""
    return 1 if problem.tier_size(Tier.TRAIN) > 1 and problem.cost_seconds > _CHEAP_SECONDS else 0


def _pieces(problem: Problem, tier: Tier) -> list[int]:
    """Where a block of a tier's base set begins whatever `block_size` says."""
    if tier is Tier.TRAIN:
        return sorted({0, smoke_count(problem)})
    size = problem.tier_size(tier)
    if tier is Tier.VALID and problem.may_race:
        return list(range(0, size, problem.race_size)) or [0]
    return [0]
