"""A campaign's populations as they stand: read once from their rows, then kept in step by the one who writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, insert, select

from heuresis.archive import schema
from heuresis.archive.populations import Changes, Population, of_config
from heuresis.archive.records import Entry, Member

_m = schema.member.c
_SELECT = (
    select(_m.view, _m.niche, schema.program.c.hash, _m.score, _m.size, _m.sequence, _m.signature, _m.rank, _m.count)
    .join(schema.program)
    .where(_m.campaign_id == bindparam("campaign"))
)
_CONFIG = select(schema.campaign.c.config).where(schema.campaign.c.id == bindparam("campaign"))
_DELETE = delete(schema.member).where(
    _m.campaign_id == bindparam("c"), _m.view == bindparam("v"), _m.niche == bindparam("n")
)
_CLEAR = delete(schema.member).where(_m.campaign_id == bindparam("campaign"))
_PROGRAM = select(schema.program.c.id).where(schema.program.c.hash == bindparam("hash"))
_INSERT = insert(schema.member)


@dataclass(frozen=True)
class Views:
    """All populations of one campaign at one version. Never changed once made."""

    version: int
    populations: tuple[Population, ...]
    members: Mapping[str, Mapping[str, Member]] = field(default_factory=dict)
    """View -> niche -> member."""


def load(connection: Connection, campaign: int, version: int) -> Views:
    """The views as committed."""
    config = json.loads(connection.execute(_CONFIG, {"campaign": campaign}).scalar_one())
    populations = of_config(config)
    members: dict[str, dict[str, Member]] = {population.name: {} for population in populations}
    for view, niche, program, *rest in connection.execute(_SELECT, {"campaign": campaign}):
        members.setdefault(view, {})[niche] = Member(program.hex(), *rest)
    return Views(version, populations, members)


def place(connection: Connection, campaign: int, views: Views, entry: Entry) -> Views:
    """Offer an entry to every population and write the rows that change. The same object when nothing changed."""
    members = dict(views.members)
    for population in views.populations:
        now = members[population.name]
        _, changes = population.place(now, entry)
        if changes:
            write(connection, campaign, population.name, now, changes)
            members[population.name] = changed(now, changes)
    if members == views.members:
        return views
    return Views(views.version + 1, views.populations, members)


def changed(members: Mapping[str, Member], changes: Changes) -> dict[str, Member]:
    """New members; the old mapping is left alone, since others may be reading it."""
    merged: dict[str, Member | None] = {**members, **changes}
    return {niche: member for niche, member in merged.items() if member is not None}


def write(connection: Connection, campaign: int, view: str, now: Mapping[str, Member], changes: Changes) -> None:
    """Carry the changes over to the rows of `now`."""
    gone = [{"c": campaign, "v": view, "n": niche} for niche in changes if niche in now]
    if gone:
        connection.execute(_DELETE, gone)
    rows = [_row(connection, campaign, view, niche, member) for niche, member in changes.items() if member is not None]
    if rows:
        connection.execute(_INSERT, rows)


def clear(connection: Connection, campaign: int) -> None:
    """Delete all member rows of a campaign."""
    connection.execute(_CLEAR, {"campaign": campaign})


def _row(connection: Connection, campaign: int, view: str, niche: str, member: Member) -> dict[str, object]:
    program = connection.execute(_PROGRAM, {"hash": bytes.fromhex(member.program)}).scalar_one()
    return {
        "campaign_id": campaign,
        "view": view,
        "niche": niche,
        "program_id": program,
        "score": member.score,
        "size": member.size,
        "sequence": member.sequence,
        "signature": member.signature,
        "rank": member.rank,
        "count": member.count,
    }
