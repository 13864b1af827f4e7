"""What can be asked of a store. Every answer is a committed state; none of them waits for the writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, case, false, func, or_, select

from heuresis.archive import call_rows, campaigns, codec, family, loading, schema, state, views
from heuresis.archive.calls import Ask, Call, Fault, Reply
from heuresis.archive.records import (
    REMEASURE,
    Brief,
    CampaignRecord,
    Cost,
    Entry,
    Event,
    Kin,
    Look,
    Member,
    Note,
    Proposal,
    Step,
    Totals,
)
from heuresis.archive.views import Views
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.program import Program

_PAGE = 200
_NO_FAILURE = (Status.SCORED.value, Status.STOPPED.value)
_DEPENDS_ON_LOAD = Status.TIMED_OUT.value
_n, _p, _e, _b, _l = schema.entry.c, schema.proposal.c, schema.evaluation.c, schema.brief.c, schema.log.c
_C: BindParameter[Any] = bindparam("c")
_OPEN = select(_b.body).where(_b.campaign_id == _C, _b.closed == false()).order_by(_b.number)
_MADE = select(schema.proposal).where(_p.campaign_id == _C, _p.brief == bindparam("b")).order_by(_p.attempt)
_VERDICT = loading.ENTRIES.where(
    schema.campaign.c.name == bindparam("name"), _n.brief == bindparam("b"), _n.attempt == bindparam("a")
)
_NORMAL = (
    select(func.min(_p.id))
    .join(schema.campaign, schema.campaign.c.id == _p.campaign_id)
    .where(schema.campaign.c.name == bindparam("name"), _p.normal == bindparam("normal"))
)
_REUSABLE = (
    select(schema.evaluation)
    .join(schema.campaign)
    .where(_e.key == bindparam("key"), _e.status != Status.STOPPED.value)
    .where(or_(_e.status != _DEPENDS_ON_LOAD, schema.campaign.c.name == bindparam("name")))
    .order_by(_e.id)
    .limit(1)
)


_SCORE = (
    select(_n.score)
    .join(schema.program, schema.program.c.id == _n.program_id)
    .join(schema.campaign, schema.campaign.c.id == _n.campaign_id)
    .where(schema.program.c.hash == bindparam("hash"), schema.campaign.c.name == bindparam("name"))
    .where(_n.rank.is_not(None))
    .order_by(_n.rank.desc(), _n.sequence)
    .limit(1)
)
_PROGRAMS_KEPT = 256
_FULL_ID = 64


class StoreReader:
    """The reading half of `Store`. Safe to use from several threads at once."""

    def __init__(self) -> None:
        self._views: dict[str, Views] = {}
        self._recent_program = lru_cache(_PROGRAMS_KEPT)(self._load_program)  # a program never changes

    def snapshot(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def campaign(self, name: str) -> CampaignRecord | None:
        with self.snapshot() as connection:
            return campaigns.one(connection, name)

    def campaigns(self) -> list[CampaignRecord]:
        """All campaigns in the order in which they were made."""
        with self.snapshot() as connection:
            return campaigns.all_of(connection)

    def marks(self, campaign: str) -> bytes | None:
        """The method's state; None before it set any."""
        with self.snapshot() as connection:
            query = select(schema.campaign.c.marks).where(schema.campaign.c.name == campaign)
            marks = connection.execute(query).scalar()
            return None if marks is None else bytes(marks)

    def totals(self, campaign: str) -> Totals:
        """The running sums; the cost does not grow with the campaign."""
        with self.snapshot() as connection:
            return state.read(connection, campaign).totals()

    def members(self, campaign: str, view: str) -> Mapping[str, Member]:
        """A population, niche -> member. Not to be changed."""
        now = self._current_views(campaign).members
        if view not in now:
            raise ConfigError("population", f"one of {', '.join(now)}", view)
        return now[view]

    def open_briefs(self, campaign: str) -> list[Brief]:
        """Committed and not closed, by number: what a resumed driver takes up again."""
        with self.snapshot() as connection:
            now = state.read(connection, campaign)
            return [codec.unpack(body, Brief) for body in connection.execute(_OPEN, {"c": now.id}).scalars()]

    def brief(self, campaign: str, number: int) -> Brief:
        """A committed brief."""
        with self.snapshot() as connection:
            where = (_b.campaign_id == state.read(connection, campaign).id, _b.number == number)
            return codec.unpack(connection.execute(select(_b.body).where(*where)).scalar_one(), Brief)

    def proposals_of(self, campaign: str, brief: int) -> list[tuple[int, Proposal]]:
        """(attempt, proposal) of a brief, by attempt."""
        with self.snapshot() as connection:
            now = state.read(connection, campaign)
            rows = connection.execute(_MADE, {"c": now.id, "b": brief}).mappings().all()
            made = loading.proposals(connection, rows)
            return [(row["attempt"], made[row["id"]]) for row in rows]

    def verdict_of(self, campaign: str, brief: int, attempt: int) -> Entry | None:
        with self.snapshot() as connection:
            bound = {"name": campaign, "b": brief, "a": attempt}
            found = loading.entries(connection, _VERDICT, bound, artifacts=True)
            return found[0] if found else None

    def reusable(self, key: str, campaign: str = "") -> Evaluation | None:
        """The first verdict under an equal key.

        A TIMED_OUT one depends on the machine's load and is given only to the campaign that made it; a STOPPED one
        depends on its race and is given to nobody.
        """
        with self.snapshot() as connection:
            rows = connection.execute(_REUSABLE, {"key": key, "name": campaign}).mappings().all() if key else []
            return loading.evaluations(connection, rows, artifacts=True)[rows[0]["id"]] if rows else None

    def knows_normal(self, campaign: str, normal: str, horizon: int | None = None) -> bool:
        """Whether the campaign has a proposal whose program has this normal form; with a horizon: had it then."""
        with self.snapshot() as connection:
            first = connection.execute(_NORMAL, {"name": campaign, "normal": normal}).scalar()
            return first is not None and (horizon is None or first <= horizon)

    def replies_of(self, campaign: str, brief: int) -> Mapping[int, Reply]:
        """Ask number -> what it came to, of the brief's asks that are answered."""
        with self.snapshot() as connection:
            return call_rows.replies(connection, state.read(connection, campaign).id, brief)

    def faults_of(self, campaign: str, brief: int) -> list[tuple[int, Fault]]:
        """(ask, fault) of the brief's calls that gave nothing."""
        with self.snapshot() as connection:
            return call_rows.faults(connection, state.read(connection, campaign).id, brief)

    def ask_of(self, campaign: str, brief: int, ask: int) -> Ask | None:
        """What was asked."""
        with self.snapshot() as connection:
            return call_rows.ask_of(connection, state.read(connection, campaign).id, brief, ask)

    def unshared_cost(self, campaign: str, brief: int) -> Cost:
        """What the brief's calls have cost, less what its proposals bear already."""
        with self.snapshot() as connection:
            return call_rows.unshared(connection, state.read(connection, campaign).id, brief)

    def open_calls(self, campaign: str) -> list[Call]:
        """Reserved and not settled: in flight, or lost with their driver."""
        with self.snapshot() as connection:
            return call_rows.open_calls(connection, state.read(connection, campaign).id)

    def calls(self, campaign: str, after: int = 0) -> Iterator[Call]:
        """Every call to a model, in the order in which they were opened, a page at a time."""
        while True:
            with self.snapshot() as connection:
                page = list(call_rows.page(connection, state.read(connection, campaign).id, after))
            yield from page
            if not page:
                return
            after = page[-1].number

    def log(self, campaign: str) -> list[Step]:
        """Everything that the campaign did, in order."""
        with self.snapshot() as connection:
            number = state.read(connection, campaign).id
            query = select(_l.kind, _l.brief, _l.item).where(_l.campaign_id == number).order_by(_l.position)
            return [Step(*row) for row in connection.execute(query)]

    def program(self, program_id: str) -> Program:
        """A program by its id or a unique beginning of 4 or more hex digits. Raises ConfigError with the candidates."""
        return (self._recent_program if len(program_id) == _FULL_ID else self._load_program)(program_id)

    def entry(self, campaign: str | None, program_id: str) -> Entry:
        """The best entry of a program, among equals the first; in one campaign, or in all that can be compared.

        In a campaign that measured it again its verdict is the latest one, also when it failed there. The campaigns are
        the refereed ones where there are any, and of these the ones with the newest one's problem, code and settings. A
        score in quarantine is none.
        """
        with self.snapshot() as connection:
            row_id, identity = family.resolve(connection, program_id)
            names = [campaign] if campaign is not None else _names_of(connection, row_id)
            query = loading.ENTRIES.where(
                _n.program_id == row_id, _n.campaign_id.in_([state.read(connection, name).id for name in names])
            )
            measured = case((_p.operator == REMEASURE, -_n.sequence), else_=_n.sequence)  # the latest of these first
            query = query.join(schema.proposal, _p.id == _n.proposal_id)
            query = query.order_by(_n.rank.desc().nulls_last(), measured).limit(1)
            found = loading.as_first_made(connection, loading.entries(connection, query, artifacts=True))
        if not found:
            raise ConfigError("id", f"a program with a verdict in {campaign or 'any campaign'}", identity)
        return found[0]

    def first_entry(self, campaign: str, program_id: str) -> Entry:
        """The first entry of a program in a campaign, whatever came of it later."""
        with self.snapshot() as connection:
            number, program = state.read(connection, campaign).id, family.resolve(connection, program_id)[0]
            return loading.first_of_program(connection, number, program)

    def top(self, campaign: str, count: int) -> list[Entry]:
        """The best entries by rank, each program once; neither failed nor quarantined ones. Artifacts are left out."""
        with self.snapshot() as connection:
            number = state.read(connection, campaign).id
            sequences = _first_of_each(connection, number, count)
            query = loading.ENTRIES.where(_n.sequence.in_(sequences))
            found = loading.entries(connection, query.order_by(_n.rank.desc(), _n.sequence), artifacts=False)
            return loading.as_first_made(connection, found)

    def failed(self, campaign: str, count: int) -> list[Entry]:
        """The newest entries that failed, newest first; a stopped one did not. Artifacts are left out."""
        with self.snapshot() as connection:
            number = state.read(connection, campaign).id
            query = loading.ENTRIES.where(_n.campaign_id == number, _n.status.not_in(_NO_FAILURE))
            return loading.entries(connection, query.order_by(_n.sequence.desc()).limit(count), artifacts=False)

    def quarantined(self, campaign: str) -> list[Entry]:
        """The scored entries in quarantine, each program once, newest first. Artifacts are left out."""
        with self.snapshot() as connection:
            number = state.read(connection, campaign).id
            held = loading.ENTRIES.join(schema.evaluation, _e.id == _n.evaluation_id)
            unranked = (_n.campaign_id == number, _n.score.is_(None), _n.status == Status.SCORED.value)
            query = held.where(*unranked, _e.quarantine.is_not(None)).order_by(_n.sequence.desc())
            found = loading.as_first_made(connection, loading.entries(connection, query, artifacts=False))
        newest: dict[str, Entry] = {}
        for one in found:
            if one.proposal.program is not None:
                newest.setdefault(one.proposal.program.id, one)
        return list(newest.values())

    def released(self, program_id: str) -> bool:
        """Whether a person has let the program out of quarantine; by its full id."""
        query = select(schema.event.c.payload).where(schema.event.c.kind == "quarantine").order_by(schema.event.c.id)
        with self.snapshot() as connection:
            told = [codec.unpack_tags(payload) for payload in connection.execute(query).scalars()]
        reasons = [one.get("reason") for one in told if one.get("program") == program_id]
        return bool(reasons) and not reasons[-1]

    def entries(self, campaign: str, after: int = 0, limit: int | None = None) -> Iterator[Entry]:
        """Entries in commit order, those after a sequence number, a page at a time. Artifacts are left out."""
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page = self._page(campaign, after, size)
            yield from page
            if len(page) < size:
                return
            after, left = page[-1].sequence, None if left is None else left - len(page)

    def evaluated_after(self, campaign: str, sequence: int) -> int:
        """Verdicts made since that entry (neither reused nor refused): what patience counts."""
        with self.snapshot() as connection:
            made = (_n.campaign_id == state.read(connection, campaign).id, _n.reused.is_(False))
            query = select(func.count()).select_from(schema.entry).where(*made, _n.sequence > sequence)
            return connection.execute(query.where(_n.status != Status.REFUSED.value)).scalar_one()

    def score_of(self, campaign: str, program_id: str) -> float | None:
        """The score that a program ranks with, by its full id; None unless scored here and not in quarantine."""
        with self.snapshot() as connection:
            return connection.execute(_SCORE, {"name": campaign, "hash": bytes.fromhex(program_id)}).scalar()

    def by_status(self, campaign: str) -> Mapping[Status, int]:
        """Entries by how they ended."""
        return {Status(name): count for name, count in self.totals(campaign).by_status.items()}

    def lineage(self, campaign: str, program_id: str, depth: int = 1000) -> list[Kin]:
        """The program and its ancestors in a campaign, nearest first, each once, up to this many generations."""
        with self.snapshot() as connection:
            number, program = state.read(connection, campaign).id, family.resolve(connection, program_id)[0]
            return family.ancestors(connection, number, program, depth)

    def children(self, campaign: str, program_id: str) -> list[Kin]:
        """Programs proposed from this one in a campaign, in the order of their verdicts."""
        with self.snapshot() as connection:
            number, program = state.read(connection, campaign).id, family.resolve(connection, program_id)[0]
            return family.children(connection, number, program)

    def full_id(self, program_id: str) -> str:
        """Of the program that a unique beginning of 4 or more hex digits means. Raises ConfigError."""
        with self.snapshot() as connection:
            return family.resolve(connection, program_id)[1]

    def campaigns_with(self, program_id: str) -> list[str]:
        """Names of the campaigns that have a verdict on the program, in the order in which they were made."""
        with self.snapshot() as connection:
            row_id, _ = family.resolve(connection, program_id)
            names = select(schema.campaign.c.name).join(schema.entry, _n.campaign_id == schema.campaign.c.id)
            names = names.where(_n.program_id == row_id).distinct().order_by(schema.campaign.c.id)
            return list(connection.execute(names.add_columns(schema.campaign.c.id)).scalars())

    def notes_of(self, campaign: str, brief: int) -> Mapping[int, Note]:
        """Item -> note, of a brief."""
        with self.snapshot() as connection:
            query = _of(schema.note, state.read(connection, campaign).id).where(schema.note.c.brief == brief)
            return {row["item"]: loading.note(row) for row in connection.execute(query).mappings()}

    def notes(self, campaign: str) -> list[Note]:
        with self.snapshot() as connection:
            rows = connection.execute(_of(schema.note, state.read(connection, campaign).id)).mappings()
            return [loading.note(row) for row in rows]

    def events(self, campaign: str) -> list[Event]:
        with self.snapshot() as connection:
            rows = connection.execute(_of(schema.event, state.read(connection, campaign).id)).mappings()
            return [Event(row["id"], row["kind"], codec.unpack_tags(row["payload"])) for row in rows]

    def looks(self, campaign: str, program_id: str | None = None) -> list[Look]:
        """Every opening of a held-out tier, oldest first."""
        with self.snapshot() as connection:
            query = _of(schema.look, state.read(connection, campaign).id)
            if program_id is not None:
                query = query.where(schema.look.c.program_id == family.resolve(connection, program_id)[0])
            query = query.add_columns(schema.program.c.hash).join(schema.program)
            return [loading.look(connection, row) for row in connection.execute(query).mappings().all()]

    def _load_program(self, program_id: str) -> Program:
        with self.snapshot() as connection:
            row_id, _ = family.resolve(connection, program_id)
            return loading.programs(connection, [row_id])[row_id]

    def _page(self, campaign: str, after: int, size: int) -> list[Entry]:
        with self.snapshot() as connection:
            number = state.read(connection, campaign).id
            query = loading.ENTRIES.where(_n.campaign_id == number, _n.sequence > after)
            return loading.entries(connection, query.order_by(_n.sequence).limit(size), artifacts=False)

    def _current_views(self, campaign: str) -> Views:
        """The committed views; read again only when another process has changed them."""
        with self.snapshot() as connection:
            now = state.read(connection, campaign)
            known = self._views.get(campaign)
            if known is None or known.version != now.version:
                known = self._views[campaign] = views.load(connection, now.id, now.version)
            return known


def _names_of(connection: Connection, program: int) -> list[str]:
    """Campaigns with a verdict on the program whose scores can be compared."""
    judged = select(_n.campaign_id).where(_n.program_id == program)
    named = set(connection.execute(select(schema.campaign.c.name).where(schema.campaign.c.id.in_(judged))).scalars())
    records = [one for one in campaigns.all_of(connection) if one.name in named]
    return [one.name for one in campaigns.comparable(records)]


def _of(table: Any, campaign: int) -> Select[Any]:
    return select(table).where(table.c.campaign_id == campaign).order_by(table.c.id)


def _first_of_each(connection: Connection, campaign: int, count: int) -> list[int]:
    """Sequence numbers of the best entries, one for each program."""
    query = (
        select(_n.program_id, _n.sequence)
        .where(_n.campaign_id == campaign, _n.rank.is_not(None))
        .order_by(_n.rank.desc(), _n.sequence)
    )
    chosen: dict[int, int] = {}
    for program, sequence in connection.execute(query):
        chosen.setdefault(program, sequence)
        if len(chosen) >= count:
            break
    return list(chosen.values())
