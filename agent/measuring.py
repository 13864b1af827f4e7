"""Programs played again: the noise pilot at the start of a campaign, and its elite on fresh instances. Pure.

The best of many is lucky, too. So the few best are played on fresh valid instances, again and again, and carry the
value over all they have played. The luckiest fall to where they belong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from heuresis.archive.records import REMEASURE, REPEAT, Brief, Member
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.problem import Problem

MEASURING = (REPEAT, REMEASURE)
"""Operators that propose a program that is known, to have it played again."""
PILOT = 2
"""Briefs of the noise pilot, right after the seeds: the best seed again on the same instances, then on fresh ones."""
EVERY, _AT = 25, 12
"""Briefs from one measurement of the elite to the next. One brief in 25 costs some 4 % of the plays, and gives each of
the elite 20 fresh instances in 125 briefs. The offset keeps out of the way of methods that act at round numbers."""
_ELITE = 3
"""The first by rank: the champion is what is claimed in the end, and the next ones are what it is claimed against. In
simulations of equal candidates (tests/agent/test_winners_curse.py) the first by mean, which the lower bound holds back
anyway, were a waste: the champion's luck stayed what it was without them."""
_MOST = 500
"""Instances after which a program is known well enough: a fifth of the error of the usual 20. More would fill the
store, since each verdict keeps all its results."""
_SCORED_FOR_ONE = 10
"""Programs that must have been scored for each measurement. A score takes a base set too, so the share of plays stays
below a tenth also where most programs fail."""
PLAYS = "plays"
"""Tag of such a brief: how its valid instances were played, `140+20`: what was played before, then each fresh part."""


def pilot(position: int, problem: Problem, members: Iterable[Member], seeds: Collection[str]) -> Brief | None:
    """The pilot's brief at position 0 or 1; None where there is nothing to find out."""
    best = max((one for one in members if one.program in seeds), key=_rank, default=None)
    if best is None:
        return None
    if position == 0:
        return Brief(REPEAT, (best.program,))
    return brief_for(problem, best, "") if position == 1 and _measurable(problem, best) else None


def turn(number: int) -> bool:
    """Whether the brief of this number is the elite's."""
    return number % EVERY == _AT


def elite(
    number: int, scored: int, problem: Problem, members: Iterable[Member], busy: Collection[str]
) -> Member | None:
    """Who is measured at this brief: of the first by rank the one that has played least; None for most briefs.

    `scored`: entries with a score so far. `busy`: programs that are being measured.
    """
    if not turn(number) or scored < _SCORED_FOR_ONE * (number // EVERY + 1):
        return None
    best = sorted(members, key=_rank, reverse=True)[:_ELITE]
    left = [one for one in best if one.program not in busy and _measurable(problem, one)]
    return min(left, key=lambda one: (one.count, -one.rank, one.sequence), default=None)


def brief_for(problem: Problem, member: Member, plays: str) -> Brief:
    """To measure this member; `plays`: how it was played so far, empty for a program that was not measured again."""
    fresh = min(problem.tier_size(Tier.VALID), _MOST - member.count)
    return Brief(REMEASURE, (member.program,), tags={PLAYS: f"{plays or member.count}+{fresh}"})


def indices(plays: str) -> range:
    """The fresh instances of a tag `plays`: the last part."""
    parts = [int(part) for part in plays.split("+")]
    return range(sum(parts[:-1]), sum(parts))


def starts(problem: Problem, plays: str) -> list[int]:
    """Where its playing of the valid instances began again: at promotions, and at each fresh part of a tag `plays`."""
    parts = [int(part) for part in plays.split("+")] if plays else []
    promoted = [step for step in problem.promotion_steps if not parts or step < parts[0]]
    return promoted + [sum(parts[:position]) for position in range(1, len(parts))]


def _measurable(problem: Problem, member: Member) -> bool:
    """Where there are fresh instances and noise to average out."""
    return bool(problem.promotion_steps) and member.rank < member.score and member.count < _MOST


def _rank(member: Member) -> tuple[float, int]:
    return member.rank, -member.sequence
