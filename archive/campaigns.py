"""Campaign rows: made, read, leased, ended. Takes an open connection."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, insert, select, update

from heuresis.archive import leases, schema, state
from heuresis.archive.populations import of_config
from heuresis.archive.records import CampaignRecord
from heuresis.archive.rows import put
from heuresis.errors import ConfigError

_c = schema.campaign.c


def make(connection: Connection, record: CampaignRecord) -> None:
    """Write a new campaign and its running row. Raises ConfigError when the name is taken or the config is not JSON."""
    if not record.name:
        raise ConfigError("name", "a name for the campaign", record.name)
    if one(connection, record.name) is not None:
        raise ConfigError("name", "a new name", f"{record.name}, which is there already")
    row = {
        "name": record.name,
        "problem": record.problem,
        "problem_hash": record.problem_hash,
        "method": record.method,
        "config": config_text(record.config),
        "seed": str(record.seed),
        "secret": record.secret,
        "isolation": record.isolation,
        "created": record.created,
        "finished": record.finished,
    }
    number = put(connection, insert(schema.campaign), row)
    connection.execute(insert(schema.total), state.fresh(number))


def config_text(config: Mapping[str, object]) -> str:
    """The config as JSON, checked: it reads back equal and its populations can be built."""
    of_config(config)
    try:
        text = json.dumps(dict(config), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError("config", "plain JSON values", str(error)) from error
    return text


def one(connection: Connection, name: str) -> CampaignRecord | None:
    row = connection.execute(select(schema.campaign).where(_c.name == name)).mappings().one_or_none()
    return None if row is None else _record(row)


def all_of(connection: Connection) -> list[CampaignRecord]:
    return [_record(row) for row in connection.execute(select(schema.campaign).order_by(_c.id)).mappings()]


def comparable(records: Sequence[CampaignRecord]) -> list[CampaignRecord]:
    """Those that were refereed, where there are any; of these the ones on the scale of the newest."""
    refereed = [one for one in records if not one.self_reported] or list(records)
    return [one for one in refereed if one.scale == refereed[-1].scale]


def lease(connection: Connection, name: str, owner: str, now: float, ttl_seconds: float) -> str | None:
    """Give the campaign to an owner; the one it was taken from comes back.

    Raises ConfigError while another holds it.
    """
    before = check_free(connection, name, owner, now)
    values = {"lease_owner": owner, "lease_expires": now + ttl_seconds}
    connection.execute(update(schema.campaign).where(_c.name == name).values(values))
    return before if before != owner else None


def check_free(connection: Connection, name: str, owner: str, now: float) -> str | None:
    """Who had it last, if anybody. Raises ConfigError while another than this owner holds it."""
    row = connection.execute(select(_c.lease_owner, _c.lease_expires).where(_c.name == name)).one_or_none()
    if row is None:
        raise state.unknown(connection, name)
    before, expires = row.lease_owner, row.lease_expires
    if before is not None and before != owner and leases.holds(before, expires, now):
        them = leases.Owner.parse(before).words
        end = "End it first." if leases.local(before) else f"Its lease ends in {expires - now:.0f} seconds."
        raise ConfigError("campaign", "a campaign that nobody is running", f"{name}, which {them} runs", end)
    return None if before is None else str(before)


def unlease(connection: Connection, name: str, owner: str) -> None:
    """Take the campaign from its owner; nothing happens when it is another's by now."""
    mine = update(schema.campaign).where(_c.name == name, _c.lease_owner == owner)
    connection.execute(mine.values(lease_owner=None, lease_expires=None))


def owner_of(connection: Connection, name: str) -> str | None:
    """Who holds the campaign."""
    held: str | None = connection.execute(select(_c.lease_owner).where(_c.name == name)).scalar()
    return held


def _record(row: RowMapping) -> CampaignRecord:
    return CampaignRecord(
        name=row["name"],
        problem=row["problem"],
        problem_hash=row["problem_hash"],
        method=row["method"],
        config=json.loads(row["config"]),
        seed=int(row["seed"]),
        secret=bytes(row["secret"]),
        isolation=row["isolation"],
        created=row["created"],
        finished=row["finished"],
    )
