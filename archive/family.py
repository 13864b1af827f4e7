"""Who came from whom, and which program an abbreviated id means. Takes an open connection."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from heuresis.archive import schema
from heuresis.archive.records import REMEASURE, Kin
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status

_SHORTEST = 4
_DIGITS = 64
_SHOWN = 8
_n, _p, _g = schema.entry.c, schema.proposal.c, schema.program.c
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_RANGE = (
    select(_g.id, _g.hash)
    .where(_g.hash.between(bindparam("low"), bindparam("high")))
    .order_by(_g.hash)
    .limit(_SHOWN + 1)
)
_FIRST = (
    select(func.min(_n.sequence))
    .where(_n.program_id.in_(_IDS), _n.campaign_id == bindparam("campaign"))
    .group_by(_n.program_id)
)
_KIN = (
    select(_n.program_id, _g.hash, _p.operator, _n.proposal_id, _n.status, _n.score, _n.sequence)
    .join(schema.program, _g.id == _n.program_id)
    .join(schema.proposal, _p.id == _n.proposal_id)
    .where(_n.sequence.in_(_FIRST.scalar_subquery()))
    .order_by(_n.sequence)
)
_MEASURED = (
    select(_n.sequence, _n.program_id, _n.status, _n.score)  # not sorted, for the sake of the index
    .join(schema.proposal, _p.id == _n.proposal_id)
    .where(_n.program_id.in_(_IDS), _n.campaign_id == bindparam("campaign"), _p.operator == REMEASURE)
)
_PARENTS = (
    select(schema.parent.c.proposal_id, _g.id, _g.hash)
    .join(schema.program, _g.id == schema.parent.c.program_id)
    .where(schema.parent.c.proposal_id.in_(_IDS))
    .order_by(schema.parent.c.proposal_id, schema.parent.c.position)
)
_CHILDREN = (
    select(_p.program_id)
    .join(schema.parent, schema.parent.c.proposal_id == _p.id)
    .where(schema.parent.c.program_id == bindparam("program"), _p.program_id.is_not(None))
    .where(_p.campaign_id == bindparam("campaign"))
    .distinct()
)


def resolve(connection: Connection, program_id: str) -> tuple[int, str]:
    """Row id and full id of the program that an id, or the beginning of one, means. Raises ConfigError."""
    wanted = program_id.lower()
    if not (_SHORTEST <= len(wanted) <= _DIGITS and set(wanted) <= set(string.hexdigits)):
        raise ConfigError("id", f"{_SHORTEST} to {_DIGITS} hex digits of a program id", program_id)
    bounds = {name: bytes.fromhex(wanted.ljust(_DIGITS, pad)) for name, pad in (("low", "0"), ("high", "f"))}
    rows = connection.execute(_RANGE, bounds).all()
    if not rows:
        raise ConfigError("id", "a program of this store", program_id, "`heuresis top` lists the best.")
    if len(rows) > 1:
        names = ", ".join(row.hash.hex()[: len(wanted) + 8] for row in rows[:_SHOWN])
        more = " and more" if len(rows) > _SHOWN else ""
        raise ConfigError("id", "the beginning of one program id", f"{program_id}, which fits {names}{more}")
    return rows[0].id, rows[0].hash.hex()


def ancestors(connection: Connection, campaign: int, program: int, depth: int) -> list[Kin]:
    """The program and those it came from, a generation at a time; each once, so a cycle ends the walk."""
    seen: set[int] = set()
    found: list[Kin] = []
    generation = [program]
    for distance in range(depth + 1):
        seen.update(generation)
        kin, above = _kin(connection, campaign, generation, distance)
        found += kin
        generation = [one for one in above if one not in seen]
        if not generation:
            break
    return found


def children(connection: Connection, campaign: int, program: int) -> list[Kin]:
    """Programs with this one among the parents of a proposal of theirs."""
    ids = connection.execute(_CHILDREN, {"program": program, "campaign": campaign}).scalars().all()
    return _kin(connection, campaign, [one for one in ids if one is not None and one != program], 1)[0]


def _running(connection: Connection, campaign: int, programs: Iterable[int]) -> dict[int, tuple[str, float | None]]:
    """Status and score of those that were measured again, the last time."""
    rows = connection.execute(_MEASURED, {"ids": list(programs), "campaign": campaign}).all()
    return {program: (status, score) for _, program, status, score in sorted(rows, key=lambda row: row.sequence)}


def _kin(connection: Connection, campaign: int, programs: Sequence[int], depth: int) -> tuple[list[Kin], list[int]]:
    """How these programs first came about in the campaign and stand now, and the row ids of their parents."""
    running = _running(connection, campaign, programs)
    rows = connection.execute(_KIN, {"ids": list(programs), "campaign": campaign}).all()
    parents: dict[int, list[str]] = {row.proposal_id: [] for row in rows}
    above: dict[int, None] = {}
    for proposal, parent, identity in connection.execute(_PARENTS, {"ids": list(parents)}):
        parents[proposal].append(identity.hex())
        above[parent] = None
    now = {row.program_id: running.get(row.program_id, (row.status, row.score)) for row in rows}
    kin = [
        Kin(
            program=row.hash.hex(),
            operator=row.operator,
            parents=tuple(parents[row.proposal_id]),
            status=Status(now[row.program_id][0]),
            score=now[row.program_id][1],
            sequence=row.sequence,
            depth=depth,
        )
        for row in rows
    ]
    return kin, list(above)
