"""What a write transaction knows about a campaign while it runs: its id, its sums so far, its views."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select, update

from heuresis.archive import codec, schema
from heuresis.archive.records import Cost, Totals
from heuresis.archive.views import Views
from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators.nouns import Status

_t = schema.total.c
_SELECT = (
    select(schema.total, schema.campaign.c.lease_owner)
    .join(schema.campaign)
    .where(schema.campaign.c.name == bindparam("name"))
)
_UPDATE = (
    update(schema.total)
    .where(_t.campaign_id == bindparam("campaign"))
    .values({column.name: bindparam(column.name) for column in schema.total.columns if column.name != "campaign_id"})
)


@dataclass
class CampaignState:
    """A campaign's running row, changed in memory and written back at the end of the transaction."""

    id: int
    name: str
    version: int
    """Of the views."""
    entries: int
    evaluated: int
    by_status: dict[str, int]
    wall_seconds: float
    cpu_seconds: float
    active_seconds: float
    usd: float
    tokens: int
    briefs: int
    calls: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    logged: int = 0
    """Steps in the log."""
    views: Views | None = None
    """Loaded when the first entry is placed."""
    dirty: bool = False

    def count_call(self, cost: Cost, fault: str | None) -> None:
        self.calls += 1
        self.usd += cost.usd
        self.tokens += cost.tokens
        if fault is not None:
            self.faults[fault] = self.faults.get(fault, 0) + 1
        self.dirty = True

    def count_entry(self, status: Status, wall_seconds: float, cpu_seconds: float, *, reused: bool) -> None:
        """A reused verdict counts as an entry and costs nothing."""
        self.entries += 1
        self.by_status[status.value] = self.by_status.get(status.value, 0) + 1
        if not reused:
            self.evaluated += status is not Status.REFUSED
            self.wall_seconds += wall_seconds
            self.cpu_seconds += cpu_seconds
        self.dirty = True

    def totals(self) -> Totals:
        return Totals(
            entries=self.entries,
            evaluated=self.evaluated,
            by_status=dict(self.by_status),
            wall_seconds=self.wall_seconds,
            cpu_seconds=self.cpu_seconds,
            active_seconds=self.active_seconds,
            usd=self.usd,
            tokens=self.tokens,
            briefs=self.briefs,
            calls=self.calls,
            faults=dict(self.faults),
        )


def fresh(campaign: int) -> dict[str, object]:
    """The `total` row of a new campaign."""
    zeros: dict[str, object] = {column.name: 0 for column in schema.total.columns}
    return zeros | {"campaign_id": campaign, "by_status": codec.pack({}), "faults": codec.pack({})}


def read(connection: Connection, name: str, owner: str | None = None) -> CampaignState:
    """The campaign's running row. With an owner: raises Unavailable when that owner has lost the campaign."""
    row = connection.execute(_SELECT, {"name": name}).mappings().one_or_none()
    if row is None:
        raise unknown(connection, name)
    if owner is not None and row["lease_owner"] != owner:
        raise Unavailable(f"another driver has taken over the campaign {name}; this one stops.")
    return CampaignState(
        id=row["campaign_id"],
        name=name,
        version=row["views_version"],
        entries=row["entries"],
        evaluated=row["evaluated"],
        by_status=codec.unpack(row["by_status"], dict[str, int]),
        wall_seconds=row["wall_seconds"],
        cpu_seconds=row["cpu_seconds"],
        active_seconds=row["active_seconds"],
        usd=row["usd"],
        tokens=row["tokens"],
        briefs=row["briefs"],
        calls=row["calls"],
        faults=codec.unpack(row["faults"], dict[str, int]),
        logged=row["logged"],
    )


def write(connection: Connection, state: CampaignState) -> None:
    """The running row back to its table."""
    row = {name: getattr(state, name) for name in _COPIED}
    row |= {"by_status": codec.pack(state.by_status), "faults": codec.pack(state.faults)}
    row |= {"campaign": state.id, "views_version": state.version}
    connection.execute(_UPDATE, row)


def unknown(connection: Connection, name: str) -> ConfigError:
    """The error for a campaign that is not there, with those that are."""
    names = connection.execute(select(schema.campaign.c.name).order_by(schema.campaign.c.id)).scalars().all()
    there = f"There are: {', '.join(names)}." if names else "The store has none yet."
    return ConfigError("campaign", "a campaign of this store", name, there)


_COPIED = (
    *("entries", "evaluated", "wall_seconds", "cpu_seconds", "active_seconds"),
    *("usd", "tokens", "briefs", "calls", "logged"),
)
