"""The rows of a verdict: evaluation, results, artifacts, entry. Takes an open write connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from heuresis.archive import codec, loading, schema
from heuresis.archive.records import Brief, Entry, TagValue
from heuresis.archive.rows import put
from heuresis.evaluators.nouns import Evaluation, Status
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
    row = connection.execute(_PROPOSAL, place.bound).mappings().one_or_none()
    if row is None:
        raise ValueError(f"{place.campaign}: attempt {place.attempt} at brief {place.brief} was never proposed")
    if row["sequence"] is not None:
        return loading.entries(connection, _EXISTING, {"proposal": row["id"]}, artifacts=True)[0], False
    tags = codec.unpack(row["body"], Brief).tags if tags is None else tags
    program = row["program_id"]
    number, quarantine = put_evaluation(connection, place, program, evaluation, key, reused, put_blob)
    verdict = replace(evaluation, quarantine=quarantine)
    values = place.bound
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
            "score": ranking_score(verdict),
            "reused": reused,
            "tags": codec.pack_tags(tags),
            "seconds": float(seconds),
        },
    )
    connection.execute(_JOB_DONE, {"proposal": row["id"]})
    reach("verdict.inside")
    proposal = loading.proposals(connection, [row])[row["id"]]
    entry = Entry(
        sequence, place.campaign, place.brief, place.attempt, proposal, verdict, dict(tags), reused, float(seconds)
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


def quarantine(connection: Connection, program: int, reason: str | None) -> list[str]:
    """Set the quarantine of every verdict on a program; the names of the campaigns with entries on it come back."""
    packed = None if reason is None else codec.pack_text(reason)
    connection.execute(update(schema.evaluation).where(_e.program_id == program).values(quarantine=packed))
    score: Any = None if reason is not None else select(_e.score).where(_e.id == _n.evaluation_id).scalar_subquery()
    connection.execute(update(schema.entry).where(_n.program_id == program).values(score=score))
    names = select(schema.campaign.c.name).join(schema.entry, _n.campaign_id == schema.campaign.c.id)
    return list(connection.execute(names.where(_n.program_id == program).distinct()).scalars())


def ranking_score(evaluation: Evaluation) -> float | None:
    """What `entry.score` holds: nothing unless scored and trusted."""
    if evaluation.status is not Status.SCORED or evaluation.score is None or evaluation.quarantine is not None:
        return None
    return float(evaluation.score.value)
