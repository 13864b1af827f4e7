"""The rows of a verdict: evaluation, results, artifacts, entry. Takes an open write connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from heuresis.archive import codec, loading, ranks, schema
from heuresis.archive.records import REMEASURE, REPEAT, Brief, Entry, TagValue, check_open
from heuresis.archive.rows import put
from heuresis.evaluators.nouns import Evaluation
from heuresis.failpoints import reach

PutBlob = Callable[[bytes], int]

_p, _e, _n = schema.proposal.c, schema.evaluation.c, schema.entry.c
_b = schema.brief.c
_EXISTING = loading.ENTRIES.where(_n.proposal_id == bindparam("proposal"))
_PROPOSAL = (
    select(schema.proposal, _b.body, _n.sequence)
    .join(schema.brief, and_(_b.campaign_id == _p.campaign_id, _b.number == _p.brief))
    .outerjoin(schema.entry, _n.proposal_id == _p.id)
    .where(_p.campaign_id == bindparam("c"), _p.brief == bindparam("b"), _p.attempt == bindparam("a"))
)
_EQUAL = (
    select(_e.id, _e.quarantine).where(_e.key == bindparam("key"), _e.digest == bindparam("digest")).order_by(_e.id)
).limit(1)
_EVALUATION = insert(schema.evaluation)
_RESULT = insert(schema.result)
_ARTIFACT = insert(schema.artifact)
_ENTRY = insert(schema.entry)
_JOB_DONE = delete(schema.job).where(schema.job.c.proposal_id == bindparam("proposal"))


@dataclass(frozen=True)
class Place:
    """Which attempt a verdict is on."""

    campaign_id: int
    campaign: str
    brief: int
    attempt: int

    @property
    def bound(self) -> dict[str, int]:
        return {"c": self.campaign_id, "b": self.brief, "a": self.attempt}


def keep(
    connection: Connection,
    place: Place,
    evaluation: Evaluation,
    key: str,
    reused: bool,
    tags: Mapping[str, TagValue] | None,
    seconds: float,
    put_blob: PutBlob,
) -> tuple[Entry, bool]:
    """The entry of an attempt, and whether it is new: the verdict is written unless the attempt has one."""
    check_open(evaluation)
    row = connection.execute(_PROPOSAL, place.bound).mappings().one_or_none()
    if row is None:
        raise ValueError(f"{place.campaign}: attempt {place.attempt} at brief {place.brief} was never proposed")
    if row["sequence"] is not None:
        return loading.entries(connection, _EXISTING, {"proposal": row["id"]}, artifacts=True)[0], False
    tags = codec.unpack(row["body"], Brief).tags if tags is None else tags
    program, values = row["program_id"], place.bound
    own = row["operator"] in (REMEASURE, REPEAT)  # what was played again for its own sake is kept as it came
    running = None if own else ranks.running(connection, place.campaign_id, program)
    if running is None:
        number, quarantine = put_evaluation(connection, place, program, evaluation, key, reused, put_blob)
        verdict = replace(evaluation, quarantine=quarantine)
    else:  # proposed again, after it was measured again: one program has one verdict in a campaign, the latest
        number, verdict = running
    rank = ranks.rank_of(row["operator"], verdict)
    sequence = put(
        connection,
        _ENTRY,
        {
            "campaign_id": values["c"],
            "brief": values["b"],
            "attempt": values["a"],
            "proposal_id": row["id"],
            "program_id": program,
            "evaluation_id": number,
            "status": verdict.status.value,
            "score": ranks.ranking_score(verdict),
            "rank": rank,
            "reused": reused,
            "tags": codec.pack_tags(tags),
            "seconds": float(seconds),
        },
    )
    if row["operator"] == REMEASURE:
        ranks.supersede(connection, values["c"], program, sequence)
    connection.execute(_JOB_DONE, {"proposal": row["id"]})
    reach("verdict.inside")
    proposal = loading.proposals(connection, [row])[row["id"]]
    entry = Entry(
        *(sequence, place.campaign, place.brief, place.attempt, proposal, verdict, dict(tags), reused, float(seconds)),
        rank,
    )
    return entry, True


def put_evaluation(
    connection: Connection,
    place: Place,
    program: int | None,
    evaluation: Evaluation,
    key: str,
    reused: bool,
    put_blob: PutBlob,
) -> tuple[int, str | None]:
    """Row id and quarantine of the verdict: the stored one when reused and equal, else a new one."""
    row, results = codec.evaluation_row(evaluation), codec.result_rows(evaluation)
    artifacts = codec.artifacts_of(evaluation)
    hashes = [(position, name, codec.hash_of(content)) for position, name, content in artifacts]
    digest = codec.digest(row, results, hashes)
    if reused and key:
        found = connection.execute(_EQUAL, {"key": key, "digest": digest}).one_or_none()
        if found is not None:
            return found.id, None if found.quarantine is None else codec.unpack_text(found.quarantine)
    row |= {"campaign_id": place.campaign_id, "program_id": program, "key": key or None, "digest": digest}
    number = put(connection, _EVALUATION, row)
    if results:
        connection.execute(_RESULT, [one | {"evaluation_id": number} for one in results])
    saved = [
        {"evaluation_id": number, "position": position, "name": name, "blob_id": put_blob(content)}
        for position, name, content in artifacts
    ]
    if saved:
        connection.execute(_ARTIFACT, saved)
    return number, evaluation.quarantine


def quarantine(connection: Connection, program: int, reason: str | None, only: int | None = None) -> list[str]:
    """Set the quarantine of every verdict on a program; the names of the campaigns with entries on it come back.

    `only`: the campaign whose own verdicts and entries are meant.
    """
    packed = None if reason is None else codec.pack_text(reason)
    judged, entered = [_e.program_id == program], [_n.program_id == program]
    if only is not None:
        judged, entered = [*judged, _e.campaign_id == only], [*entered, _n.campaign_id == only]
    connection.execute(update(schema.evaluation).where(*judged).values(quarantine=packed))
    ranks.restore(connection, program)
    names = select(schema.campaign.c.name).join(schema.entry, _n.campaign_id == schema.campaign.c.id)
    return list(connection.execute(names.where(*entered).distinct()).scalars())


def distrust(connection: Connection, program: int) -> str:
    """Why a program is in quarantine; empty when it is not."""
    query = select(_e.quarantine).where(_e.program_id == program, _e.quarantine.is_not(None)).limit(1)
    found = connection.execute(query).scalar()
    return "" if found is None else codec.unpack_text(found)
