"""`store check`: is what the store says of itself true? Reads everything, changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from heuresis.archive import campaigns, codec, engine, leases, loading, ranks, rebuilding, schema, state, views
from heuresis.archive.populations import of_config
from heuresis.archive.records import CampaignRecord, Cost, Totals
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status

_PAGE = 500
_LONGEST_LEASE_SECONDS = 7 * 86_400.0
_n, _p, _e, _b, _c = schema.entry.c, schema.proposal.c, schema.evaluation.c, schema.brief.c, schema.campaign.c
_k = schema.call.c


def check(store: Store, campaign: str | None = None) -> list[str]:
    """A sentence for each problem; empty for a sound store. With a name only that campaign's rows are recounted."""
    try:
        return _problems(store, campaign)
    except ConfigError as error:
        if error.key != "storage":
            raise
        return [str(error)]


def _problems(store: Store, campaign: str | None) -> list[str]:
    with store.snapshot() as connection:
        damage = engine.integrity_problems(connection)
        if damage:  # the other answers would be about a file that cannot be read
            return damage
        found = list(_whole_store(connection))
        chosen = [one for one in campaigns.all_of(connection) if campaign in (None, one.name)]
        if not chosen and campaign is not None:
            raise state.unknown(connection, campaign)
        for record in chosen:
            found += _campaign(connection, record)
    return found


def _whole_store(connection: Connection) -> Iterator[str]:
    yield from _blobs(connection)
    yield from _programs(connection)
    yield from _evaluations(connection)


def _blobs(connection: Connection) -> Iterator[str]:
    for row in _pages(connection, select(schema.blob), schema.blob.c.id):
        try:
            sound = codec.hash_of(codec.unsqueeze(row.data)) == row.hash
        except codec.Damaged:
            sound = False
        if not sound:
            yield f"stored text {row.hash.hex()[:12]} was changed: it no longer has its hash"


def _programs(connection: Connection) -> Iterator[str]:
    for page in _paged(connection, select(schema.program), schema.program.c.id):
        for row in page:
            try:
                found = loading.programs(connection, [row.id])
                sound = found[row.id].id == row.hash.hex()
            except (codec.Damaged, ConfigError, KeyError):  # unreadable, no main file, no file at all
                sound = False
            if not sound:
                yield f"program {row.hash.hex()[:12]} was changed: its files no longer have its id"


def _evaluations(connection: Connection) -> Iterator[str]:
    result, artifact = schema.result.c, schema.artifact.c
    for page in _paged(connection, select(schema.evaluation), _e.id):
        ids = [row.id for row in page]
        results = _grouped(connection, select(schema.result).where(result.evaluation_id.in_(ids)), result.position)
        saved = select(artifact.evaluation_id, artifact.position, artifact.name, schema.blob.c.hash).join(schema.blob)
        artifacts = _grouped(connection, saved.where(artifact.evaluation_id.in_(ids)), artifact.position)
        for row in page:
            own = [one._mapping for one in results.get(row.id, [])]
            kept = [(one.position, one.name, one.hash) for one in artifacts.get(row.id, [])]
            if codec.digest(row._mapping, own, kept) != row.digest:
                yield f"verdict {row.id} was changed: its score, results or artifacts no longer have their hash"
            if row.status == Status.SCORED.value and not own:
                yield f"verdict {row.id} is scored but has no results"


def _campaign(connection: Connection, record: CampaignRecord) -> Iterator[str]:
    now = state.read(connection, record.name)
    for problem in _problems_of(connection, record, now):
        yield f"campaign {record.name}: {problem}"


def _problems_of(connection: Connection, record: CampaignRecord, now: state.CampaignState) -> Iterator[str]:
    yield from _different(now.totals(), _recount(connection, now))
    yield from _verdicts(connection, now.id)
    yield from _ranking(connection, now.id)
    yield from _lease(connection, record.name)
    try:
        yield from _views(connection, record, now)
    except (codec.Damaged, ConfigError, ValueError) as error:
        yield f"its views cannot be rebuilt: {error}"


def _different(kept: Totals, counted: Totals) -> Iterator[str]:
    for name in (
        "entries",
        "evaluated",
        "by_status",
        "wall_seconds",
        "cpu_seconds",
        "usd",
        "tokens",
        "briefs",
        "calls",
        "faults",
    ):
        before, after = getattr(kept, name), getattr(counted, name)
        if before != after:
            yield f"the running sum of {name} is {before}, its rows say {after}"


def _recount(connection: Connection, now: state.CampaignState) -> Totals:
    """The sums made anew, added in the order in which the driver added them, so that they are equal to the last bit."""
    fresh = state.CampaignState(now.id, now.name, 0, 0, 0, {}, 0.0, 0.0, 0.0, 0.0, 0, 0)
    settled = select(_k.usd, _k.tokens, _k.fault).where(_k.campaign_id == now.id, _k.open.is_(False))
    for usd, tokens, fault in connection.execute(settled.order_by(_k.settled)):
        fresh.count_call(Cost(usd, tokens), fault)
    query = select(_n.status, _n.reused, _e.wall_seconds, _e.cpu_seconds).join(schema.evaluation)
    for row in connection.execute(query.where(_n.campaign_id == now.id).order_by(_n.sequence)):
        fresh.count_entry(Status(row.status), row.wall_seconds, row.cpu_seconds, reused=row.reused)
    briefs = select(func.count()).select_from(schema.brief).where(_b.campaign_id == now.id)
    fresh.briefs = connection.execute(briefs).scalar_one()
    return fresh.totals()


def _verdicts(connection: Connection, campaign: int) -> Iterator[str]:
    twice = select(_n.brief, _n.attempt).where(_n.campaign_id == campaign).group_by(_n.brief, _n.attempt)
    for brief, attempt in connection.execute(twice.having(func.count() > 1)):
        yield f"attempt {attempt} at brief {brief} has more than one verdict"
    judged = schema.proposal.outerjoin(schema.entry, _n.proposal_id == _p.id)
    brief = and_(_b.campaign_id == _p.campaign_id, _b.number == _p.brief)
    missing = select(_p.brief, _p.attempt).select_from(judged.join(schema.brief, brief))
    missing = missing.where(_p.campaign_id == campaign, _n.sequence.is_(None), _b.closed.is_(True))
    for number, attempt in connection.execute(missing):
        yield f"brief {number} is closed, but its attempt {attempt} has no verdict"
    stray = select(_p.brief, _p.attempt).join(schema.job).join(schema.entry, _n.proposal_id == _p.id)
    for number, attempt in connection.execute(stray.where(_p.campaign_id == campaign)):
        yield f"attempt {attempt} at brief {number} has its verdict and still a job"
    moved = select(_n.brief, _n.attempt).join(schema.proposal, _p.id == _n.proposal_id)
    elsewhere = or_(_p.brief != _n.brief, _p.attempt != _n.attempt, _p.program_id.is_distinct_from(_n.program_id))
    for number, attempt in connection.execute(moved.where(_n.campaign_id == campaign, elsewhere)):
        yield f"the verdict on attempt {attempt} at brief {number} belongs to another proposal"


def _ranking(connection: Connection, campaign: int) -> Iterator[str]:
    kept = select(_n.sequence, _n.status, _n.score, _n.rank).where(_n.campaign_id == campaign)
    said = {row.sequence: tuple(row)[1:] for row in connection.execute(kept)}
    for row, score, rank in ranks.standings(connection, campaign):
        status, value, place = said[row.sequence]
        if (status, value) != (row.status, score):
            yield f"entry {row.sequence} says {status} {value}, its verdict {row.status} {score}"
        elif place != rank:
            yield f"entry {row.sequence} ranks by {place}, its verdict and those after it say {rank}"


def _lease(connection: Connection, name: str) -> Iterator[str]:
    query = select(_c.lease_owner, _c.lease_expires).where(_c.name == name)
    owner, expires = connection.execute(query).one()
    if (owner is None) != (expires is None):
        yield "its lease has an owner without an end, or an end without an owner"
        return
    if owner is None:
        return
    try:
        leases.Owner.parse(owner)
    except ValueError:
        yield f"its lease belongs to {owner!r}, which names no process"
    if expires > time.time() + _LONGEST_LEASE_SECONDS:
        yield "its lease ends more than a week from now"


def _views(connection: Connection, record: CampaignRecord, now: state.CampaignState) -> Iterator[str]:
    kept = views.load(connection, now.id, now.version).members
    built = rebuilding.members(connection, now.id, of_config(record.config))
    for name in sorted({*kept, *built}):
        here, there = kept.get(name, {}), built.get(name, {})
        wrong = sorted(niche for niche in {*here, *there} if here.get(niche) != there.get(niche))
        if wrong:
            yield f"view {name} differs from its rebuild in {len(wrong)} niches ({', '.join(wrong[:5])})"


def _paged(connection: Connection, query: Select[Any], key: Any) -> Iterator[Sequence[Any]]:
    """The query's rows by a growing key, some hundreds at a time."""
    after = 0
    while page := connection.execute(query.where(key > after).order_by(key).limit(_PAGE)).all():
        yield page
        after = page[-1].id


def _pages(connection: Connection, query: Select[Any], key: Any) -> Iterator[Any]:
    for page in _paged(connection, query, key):
        yield from page


def _grouped(connection: Connection, query: Select[Any], order: Any) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {}
    for row in connection.execute(query.order_by(order)):
        groups.setdefault(row.evaluation_id, []).append(row)
    return groups
