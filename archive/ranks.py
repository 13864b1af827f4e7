"""What entries rank by: the lower bound of the verdict that stands. Takes an open connection.

A program has one verdict in a campaign that ranks: its first one, or, once it was measured again, the latest of those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from heuresis.archive import loading, schema
from heuresis.archive.records import REMEASURE, REPEAT
from heuresis.evaluators.intervals import lower_bound
from heuresis.evaluators.nouns import Evaluation, Score, Status

_n, _p, _e = schema.entry.c, schema.proposal.c, schema.evaluation.c
_PAGE = 1000
_OF = (_n.campaign_id == bindparam("c"), _n.program_id == bindparam("g"))
_RUNNING = (  # not sorted: a database that is asked for an order walks through the whole campaign in it
    select(_n.sequence, _n.evaluation_id)
    .join(schema.proposal, _p.id == _n.proposal_id)
    .where(*_OF, _p.operator == REMEASURE)
)
_EVALUATION = select(schema.evaluation).where(_e.id == bindparam("id"))
_SUPERSEDE = update(schema.entry).where(*_OF, _n.sequence < bindparam("s")).values(rank=None)
_SET = update(schema.entry).where(_n.sequence == bindparam("s"))
_ROWS = (
    select(
        *(_n.sequence, _n.campaign_id, _n.program_id, _p.operator, _e.status, _e.score, _e.standard_error, _e.count),
        _e.quarantine.is_not(None).label("distrusted"),
    )
    .join(schema.proposal, _p.id == _n.proposal_id)
    .join(schema.evaluation, _e.id == _n.evaluation_id)
)


def ranking_score(evaluation: Evaluation) -> float | None:
    """What `entry.score` holds: nothing unless scored and trusted."""
    if evaluation.status is not Status.SCORED or evaluation.score is None or evaluation.quarantine is not None:
        return None
    return float(evaluation.score.value)


def rank_of(operator: str, evaluation: Evaluation) -> float | None:
    """What `entry.rank` holds when the entry is written: nothing for a repeat, which only shows noise."""
    if evaluation.score is None or ranking_score(evaluation) is None or operator == REPEAT:
        return None
    return lower_bound(evaluation.score)


def running(connection: Connection, campaign: int, program: int | None) -> tuple[int, Evaluation] | None:
    """Row id and verdict of the last time that the program was measured again in the campaign; None if never."""
    bound = {"c": campaign, "g": program}
    found = connection.execute(_RUNNING, bound).all() if program is not None else []
    if not found:
        return None
    number = max(found)[1]
    rows = connection.execute(_EVALUATION, {"id": number}).mappings().all()
    return int(number), loading.evaluations(connection, rows, artifacts=True)[number]


def supersede(connection: Connection, campaign: int, program: int, sequence: int) -> None:
    """Entries on the program before this one rank no more."""
    connection.execute(_SUPERSEDE, {"c": campaign, "g": program, "s": sequence})


def restore(connection: Connection, program: int | None = None) -> None:
    """Set score and rank of every entry (on one program) to what its verdict says: for a quarantine, an upgrade."""
    query = _ROWS if program is None else _ROWS.where(_n.program_id == program)
    after, last = 0, _last_measured(connection)
    while page := connection.execute(query.where(_n.sequence > after).order_by(_n.sequence).limit(_PAGE)).all():
        values = [{"s": row.sequence, "score": score, "rank": rank} for row, score, rank in standing(page, last)]
        connection.execute(_SET, values)
        after = page[-1].sequence


def standings(connection: Connection, campaign: int) -> Iterator[tuple[Any, float | None, float | None]]:
    """Each entry of a campaign with the score and the rank it must have."""
    rows = connection.execute(_ROWS.where(_n.campaign_id == campaign).order_by(_n.sequence)).all()
    return standing(rows, _last_measured(connection))


def standing(
    rows: Sequence[Any], last: Mapping[tuple[int, int], int]
) -> Iterator[tuple[Any, float | None, float | None]]:
    for row in rows:
        if row.status != Status.SCORED.value or row.distrusted:
            yield row, None, None
            continue
        stands = row.operator != REPEAT and row.sequence >= last.get((row.campaign_id, row.program_id), 0)
        yield row, row.score, _bound(row) if stands else None


def _bound(row: Any) -> float | None:
    """None for figures that no score has: the row was changed, and `store check` finds that by its hash."""
    try:
        return lower_bound(Score(row.score, row.standard_error, row.count))
    except (TypeError, ValueError):
        return None


def _last_measured(connection: Connection) -> dict[tuple[int, int], int]:
    """(campaign, program) -> the last entry that measured it again."""
    query = select(_n.campaign_id, _n.program_id, _n.sequence).join(schema.proposal, _p.id == _n.proposal_id)
    rows = connection.execute(query.where(_p.operator == REMEASURE).order_by(_n.sequence))
    return {(campaign, program): sequence for campaign, program, sequence in rows}
