"""How much noise a campaign's pilot has seen: the best seed, played again (`records.REPEAT`, `records.REMEASURE`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from heuresis.archive import schema
from heuresis.archive.records import REMEASURE, REPEAT, Entry
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Evaluation, Tier

_n, _p = schema.entry.c, schema.proposal.c
_FIRST_BRIEFS = 200
"""The pilot comes right after the seeds: no need to look at a whole campaign for it."""
_PILOT = (
    select(_n.brief)
    .join(schema.proposal, _p.id == _n.proposal_id)
    .join(schema.campaign, schema.campaign.c.id == _n.campaign_id)
    .where(schema.campaign.c.name == bindparam("name"), _n.brief < _FIRST_BRIEFS, _p.operator == REPEAT)
    .order_by(_n.brief)
    .limit(1)
)


@dataclass(frozen=True)
class Noise:
    """What the same code showed when it was played again."""

    program: str
    """Id of the seed."""
    count: int
    """Instances of a base set, on which programs are compared."""
    failed: str = ""
    """How it ended on the same instances, where it has no score this time."""
    repeats: bool = True
    """Whether the same instances gave the same numbers, to the last bit."""
    deviation: float = 0.0
    """By how much the score moved on the same instances."""
    floor: float | None = None
    """Standard deviation to be expected of the difference of its scores on two base sets: sqrt(2 s^2 / n), with s from
    all instances it has played by then. None where there are no fresh instances, or no noise to see."""
    played: int = 0
    """Instances that the floor stands on."""


def noise_of(store: Store, campaign: str) -> Noise | None:
    """None until the pilot has flown, and in campaigns that were begun before there were pilots."""
    with store.snapshot() as connection:
        number = connection.execute(_PILOT, {"name": campaign}).scalar()
    again = None if number is None else store.verdict_of(campaign, number, 0)
    if number is None or again is None or again.proposal.program is None:
        return None
    program = again.proposal.program.id
    first = store.first_entry(campaign, program).evaluation
    if first.score is None:
        return None
    count, measured = first.score.count, store.verdict_of(campaign, number + 1, 0)
    floor, played = _floor(measured, program, count)
    if again.evaluation.score is None:
        return Noise(program, count, again.evaluation.status.value, False, 0.0, floor, played)
    moved = abs(again.evaluation.score.value - first.score.value)
    return Noise(program, count, "", _same(first, again.evaluation), moved, floor, played)


def _floor(measured: Entry | None, program: str, count: int) -> tuple[float | None, int]:
    """The error of all it has played, scaled to the difference of two sets of `count`."""
    if measured is None or measured.proposal.operator != REMEASURE or measured.proposal.program is None:
        return None, 0
    score = measured.evaluation.score
    if measured.proposal.program.id != program or score is None:
        return None, 0
    return score.standard_error * math.sqrt(2 * score.count / count), score.count


def _same(one: Evaluation, other: Evaluation) -> bool:
    """On the instances that both have played, in all that was measured."""
    mine = {row.index: row.result for row in one.results if row.tier is Tier.VALID}
    return all(
        dict(mine[row.index].metrics) == dict(row.result.metrics)
        and dict(mine[row.index].measures) == dict(row.result.measures)
        for row in other.results
        if row.tier is Tier.VALID and row.index in mine
    )
