"""Which programs of an archive a meta-agent is shown: pure, and each policy is capped.

The policies compared in arXiv 2510.06711, where showing everything did worse than showing nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heuresis.archive.records import Member

POLICIES = ("all", "none", "best", "parents", "diverse")
MOST_SHOWN = 50
"""By `all`: the best of them. A prompt that grows with the archive would soon be longer than any model reads."""
_MOST_WEIGHED = 100
"""Candidates of `diverse`: the best of them."""
_TOURNAMENT = 3
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Shown:
    """What goes into the brief."""

    parents: tuple[str, ...] = ()
    inspirations: tuple[str, ...] = ()


def choose(
    policy: str,
    members: Sequence[Member],
    size: int,
    parents: int,
    text: Callable[[str], str],
    rng: np.random.Generator,
) -> Shown:
    """Program ids by a policy of POLICIES; `text` gives a program's text by its id.

    all: at most MOST_SHOWN. none: nothing. best: the best `size`. parents: `size` by tournament. diverse: `parents` by
    tournament, and beside them the programs whose texts differ most, `size` in all. Best first, except the diverse.
    """
    ranked = sorted(members, key=_rank, reverse=True)
    if policy == "all":
        return Shown(inspirations=_ids(ranked[:MOST_SHOWN]))
    if policy == "best":
        return Shown(inspirations=_ids(ranked[:size]))
    if policy == "parents":
        return Shown(_ids(tournaments(ranked, size, rng)))
    if policy == "diverse":
        chosen = tournaments(ranked, min(parents, size), rng)
        texts = {member.program: text(member.program) for member in ranked[:_MOST_WEIGHED] + chosen}
        return Shown(_ids(chosen), tuple(farthest(texts, _ids(chosen), size - len(chosen))))
    return Shown()


def tournaments(ranked: Sequence[Member], count: int, rng: np.random.Generator) -> list[Member]:
    """Different members, each the best of three drawn from those left; best first."""
    left = list(range(len(ranked)))
    chosen = []
    for _ in range(min(count, len(left))):
        winner = min(int(rng.integers(len(left))) for _ in range(_TOURNAMENT))
        chosen.append(left.pop(winner))
    return [ranked[index] for index in sorted(chosen)]


def farthest(texts: Mapping[str, str], chosen: Sequence[str], count: int) -> list[str]:
    """Greedily `count` further keys, each as far as can be from the nearest of those chosen; of equals the first.

    Farthest-point selection (Gonzalez 1985, https://doi.org/10.1016/0304-3975(85)90224-5) under the Jaccard distance of
    the sets of words and signs.
    """
    near = {key: min((_distance(text, texts[one]) for one in chosen), default=1.0) for key, text in texts.items()}
    left = [key for key in texts if key not in chosen]
    found: list[str] = []
    while left and len(found) < count:
        best = max(left, key=near.__getitem__)
        left.remove(best)
        found.append(best)
        for key in left:
            near[key] = min(near[key], _distance(texts[key], texts[best]))
    return found


def _distance(one: str, other: str) -> float:
    a, b = _words(one), _words(other)
    return 1.0 - len(a & b) / len(a | b) if a or b else 0.0


@lru_cache(2_000)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def _ids(members: Sequence[Member]) -> tuple[str, ...]:
    return tuple(member.program for member in members)


def _rank(member: Member) -> tuple[float, int, int]:
    return member.score, -member.size, -member.sequence
