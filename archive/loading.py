"""From rows to nouns: programs, proposals, verdicts and entries, many at a time. Takes an open connection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BindParameter, Connection, RowMapping, Select, bindparam, select

from heuresis.archive import codec, schema
from heuresis.archive.records import REMEASURE, Cost, Entry, Look, Looker, Note, Proposal
from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.program import Program

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_f, _b, _r, _a, _p, _e, _n = (
    schema.file.c,
    schema.blob.c,
    schema.result.c,
    schema.artifact.c,
    schema.proposal.c,
    schema.evaluation.c,
    schema.entry.c,
)
_FILES = select(_f.program_id, _f.path, _b.data).join(schema.blob, _b.id == _f.blob_id).where(_f.program_id.in_(_IDS))
_PARENTS = (
    select(schema.parent.c.proposal_id, schema.program.c.hash)
    .join(schema.program)
    .where(schema.parent.c.proposal_id.in_(_IDS))
    .order_by(schema.parent.c.proposal_id, schema.parent.c.position)
)
_RESULTS = select(schema.result).where(_r.evaluation_id.in_(_IDS)).order_by(_r.evaluation_id, _r.position)
_ARTIFACTS = select(_a.evaluation_id, _a.position, _a.name, _b.data).join(schema.blob).where(_a.evaluation_id.in_(_IDS))
_PROPOSALS = select(schema.proposal).where(_p.id.in_(_IDS))
_EVALUATIONS = select(schema.evaluation).where(_e.id.in_(_IDS))

ENTRIES = select(schema.entry, schema.campaign.c.name.label("campaign")).join(
    schema.campaign, schema.campaign.c.id == schema.entry.c.campaign_id
)
"""What `entries` reads; add a where, an order and a limit."""


def programs(connection: Connection, ids: Iterable[int]) -> dict[int, Program]:
    """Programs by row id."""
    files: dict[int, dict[bytes, bytes]] = defaultdict(dict)
    for program, path, data in connection.execute(_FILES, {"ids": sorted(set(ids))}):
        files[program][path] = data
    return {program: codec.program_of(found) for program, found in files.items()}


def proposals(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, Proposal]:
    """Proposals by row id, from rows of `proposal`."""
    ids = [row["id"] for row in rows]
    texts = programs(connection, (row["program_id"] for row in rows if row["program_id"] is not None))
    parents: dict[int, list[str]] = defaultdict(list)
    for proposal, program in connection.execute(_PARENTS, {"ids": ids}):
        parents[proposal].append(program.hex())
    return {row["id"]: _proposal(row, texts.get(row["program_id"]), parents[row["id"]]) for row in rows}


def evaluations(connection: Connection, rows: Sequence[RowMapping], *, artifacts: bool) -> dict[int, Evaluation]:
    """Verdicts by row id, from rows of `evaluation`; what programs saved is read only when asked for."""
    ids = [row["id"] for row in rows]
    results: dict[int, list[RowMapping]] = defaultdict(list)
    for result in connection.execute(_RESULTS, {"ids": ids}).mappings():
        results[result["evaluation_id"]].append(result)
    saved: dict[int, dict[int, dict[str, bytes]]] = defaultdict(lambda: defaultdict(dict))
    if artifacts:
        for evaluation, position, name, data in connection.execute(_ARTIFACTS, {"ids": ids}):
            saved[evaluation][position][name] = codec.unsqueeze(data)
    return {row["id"]: codec.evaluation_of(row, results[row["id"]], saved[row["id"]]) for row in rows}


def entries(
    connection: Connection, query: Select[Any], bound: Mapping[str, object] | None = None, *, artifacts: bool
) -> list[Entry]:
    """Entries of a query made from `ENTRIES`, in its order."""
    rows = connection.execute(query, bound or {}).mappings().all()
    if not rows:
        return []
    proposal_rows = _rows(connection, _PROPOSALS, [row["proposal_id"] for row in rows])
    evaluation_rows = _rows(connection, _EVALUATIONS, [row["evaluation_id"] for row in rows])
    made = proposals(connection, proposal_rows)
    judged = evaluations(connection, evaluation_rows, artifacts=artifacts)
    return [_entry(row, made[row["proposal_id"]], judged[row["evaluation_id"]]) for row in rows]


def _entry(row: RowMapping, made: Proposal, judged: Evaluation) -> Entry:
    """Raises codec.Damaged for rows that somebody made point to what no entry may hold."""
    tags = codec.unpack_tags(row["tags"])
    try:
        return Entry(
            sequence=row["sequence"],
            campaign=row["campaign"],
            brief=row["brief"],
            attempt=row["attempt"],
            proposal=made,
            evaluation=judged,
            tags=tags,
            reused=row["reused"],
            seconds=row["seconds"],
            rank=row["rank"],
        )
    except ValueError as error:
        raise codec.Damaged(f"entry {row['sequence']}: {error}") from error


def first_alike(connection: Connection, sequence: int) -> Entry:
    """The first entry in its campaign on the program that this entry is on; what it saved is left out."""
    mine = select(_n.campaign_id, _n.program_id).where(_n.sequence == sequence)
    return first_of_program(connection, *connection.execute(mine).one())


def first_of_program(connection: Connection, campaign: int, program: int) -> Entry:
    """The first entry on a program in a campaign; what it saved is left out."""
    query = ENTRIES.where(_n.campaign_id == campaign, _n.program_id == program)
    return entries(connection, query.order_by(_n.sequence).limit(1), artifacts=False)[0]


def _rows(connection: Connection, query: Select[Any], ids: Sequence[int]) -> Sequence[RowMapping]:
    return connection.execute(query, {"ids": sorted(set(ids))}).mappings().all() if ids else []


def _proposal(row: RowMapping, program: Program | None, parents: Sequence[str]) -> Proposal:
    return Proposal(
        program=program,
        operator=row["operator"],
        parents=tuple(parents),
        idea=codec.unpack_text(row["idea"]),
        refusal=codec.unpack_text(row["refusal"]),
        prompt=codec.unpack_text(row["prompt"]),
        reply=codec.unpack_text(row["reply"]),
        model=row["model"],
        cost=Cost(row["usd"], row["tokens"], row["model_calls"]),
    )


def as_first_made(connection: Connection, entries: list[Entry]) -> list[Entry]:
    """Those that were measured again as they were first made, with the verdict and the rank that they have now."""
    return [
        one if one.proposal.operator != REMEASURE else _with_verdict(first_alike(connection, one.sequence), one)
        for one in entries
    ]


def _with_verdict(first: Entry, now: Entry) -> Entry:
    tags = {**first.tags, **now.tags}
    return replace(first, evaluation=now.evaluation, rank=now.rank, tags=tags)


def note(row: Any) -> Note:
    return Note(row["id"], codec.unpack_text(row["text"]), codec.unpack(row["programs"], tuple[str, ...]))


def look(connection: Connection, row: Any) -> Look:
    seen = None
    if row["evaluation_id"] is not None:
        query = select(schema.evaluation).where(_e.id == row["evaluation_id"])
        rows = connection.execute(query).mappings().all()
        seen = evaluations(connection, rows, artifacts=True)[row["evaluation_id"]]
    by = Looker(row["user_name"], row["host"], row["opened"])
    return Look(row["id"], row["hash"].hex(), Tier(row["tier"]), row["count"], seen, by)
