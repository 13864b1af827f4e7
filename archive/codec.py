"""Between nouns and the values of a row. Pure.

Bytes in a row start with one byte that says how they are packed: 0 as they are, 1 zlib.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from heuresis.archive.records import TagValue
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program


class Row(Protocol):
    """One row by column name: a mapping of SQLAlchemy's or ours. Any: the type of each column is the schema's."""

    def __getitem__(self, key: str, /) -> Any: ...


T = TypeVar("T")

_PLAIN, _ZLIB = b"\0", b"\1"
_WORTH_SQUEEZING_BYTES = 128
_LEVEL = 6
_pack = msgspec.msgpack.Encoder().encode
_DIGESTED = (
    *("status", "score", "standard_error", "count", "numbers", "reason", "feedback", "stage"),
    *("wall_seconds", "cpu_seconds", "calls", "isolation"),
)
_DIGESTED_RESULT = ("position", "tier", "instance", "name", "numbers", "feedback")


class Damaged(ValueError):
    """Stored bytes that do not read back."""


def squeeze(data: bytes) -> bytes:
    """Compressed where that saves anything."""
    if len(data) < _WORTH_SQUEEZING_BYTES:
        return _PLAIN + data
    small = zlib.compress(data, _LEVEL)
    return _ZLIB + small if len(small) < len(data) else _PLAIN + data


def unsqueeze(stored: bytes) -> bytes:
    """What `squeeze` was given. Raises Damaged."""
    if stored[:1] == _PLAIN:
        return stored[1:]
    try:
        if stored[:1] == _ZLIB:
            return zlib.decompress(stored[1:])
    except zlib.error as error:
        raise Damaged(str(error)) from error
    raise Damaged("unknown packing")


def pack_text(text: str) -> bytes:
    """Any string, lone surrogates included: a model's reply or a program's output may hold them."""
    return squeeze(text.encode("utf-8", "surrogatepass")) if text else _PLAIN


def unpack_text(stored: bytes) -> str:
    return _decoded(unsqueeze(stored)) if stored != _PLAIN else ""


def pack(value: object) -> bytes:
    """A noun or plain values. Lone surrogates in its strings become U+FFFD; free text has `pack_text`."""
    try:
        return squeeze(_pack(value))
    except UnicodeEncodeError:
        return squeeze(_pack(_scrubbed(msgspec.to_builtins(value, builtin_types=(bytes,)))))


def unpack(stored: bytes, kind: type[T]) -> T:
    """What `pack` was given. Raises Damaged."""
    try:
        return msgspec.msgpack.decode(unsqueeze(stored), type=kind)
    except msgspec.DecodeError as error:
        raise Damaged(str(error)) from error


def pack_tags(tags: Mapping[str, TagValue]) -> bytes:
    return pack(dict(tags))


def unpack_tags(stored: bytes) -> dict[str, TagValue]:
    return unpack(stored, dict[str, TagValue])


def hash_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def program_of(files: Mapping[bytes, bytes]) -> Program:
    """The program of these packed paths and packed texts."""
    return Program({unpack_text(path): unpack_text(text) for path, text in files.items()})


def evaluation_row(evaluation: Evaluation) -> dict[str, Any]:
    """Columns of `evaluation`, without its place and its digest."""
    score = evaluation.score
    return {
        "status": evaluation.status.value,
        "score": None if score is None else float(score.value),
        "standard_error": None if score is None else float(score.standard_error),
        "count": None if score is None else score.count,
        "numbers": _numbers(evaluation.metrics, evaluation.measures),
        "reason": pack_text(evaluation.reason),
        "feedback": pack_text(evaluation.feedback),
        "stage": evaluation.stage,
        "wall_seconds": float(evaluation.wall_seconds),
        "cpu_seconds": float(evaluation.cpu_seconds),
        "calls": evaluation.calls,
        "isolation": evaluation.isolation,
        "quarantine": None if evaluation.quarantine is None else pack_text(evaluation.quarantine),
        "self_reported": evaluation.self_reported,
    }


def result_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Columns of `result`, without the evaluation."""
    return [
        {
            "position": position,
            "tier": row.tier.value,
            "instance": row.index,
            "name": row.name,
            "numbers": _numbers(row.result.metrics, row.result.measures),
            "feedback": pack_text(row.result.feedback),
        }
        for position, row in enumerate(evaluation.results)
    ]


def artifacts_of(evaluation: Evaluation) -> list[tuple[int, str, bytes]]:
    """(position, name, content) of everything that was saved, in a fixed order."""
    return [
        (position, name, bytes(row.result.artifacts[name]))
        for position, row in enumerate(evaluation.results)
        for name in sorted(row.result.artifacts)
    ]


def digest(row: Row, results: Sequence[Row], artifacts: Sequence[tuple[int, str, bytes]]) -> bytes:
    """SHA-256 over the stored values of a verdict; `artifacts` are (position, name, hash).

    Quarantine is left out: it may change later. A refereed verdict has the digest of before there were others.
    """
    head = [row[name] for name in _DIGESTED] + (["self_reported"] if row["self_reported"] else [])
    body = [[one[name] for name in _DIGESTED_RESULT] for one in results]
    return hash_of(_pack([head, body, sorted(artifacts)]))


def evaluation_of(row: Row, results: Sequence[Row], artifacts: Mapping[int, Mapping[str, bytes]]) -> Evaluation:
    """The verdict in these rows; `artifacts` are contents by position and name. Raises Damaged."""
    metrics, measures = _numbers_of(row["numbers"])
    score = None if row["score"] is None else Score(row["score"], row["standard_error"], row["count"])
    try:
        return Evaluation(
            status=Status(row["status"]),
            score=score,
            metrics=metrics,
            measures=measures,
            results=tuple(_result_of(one, artifacts.get(one["position"], {})) for one in results),
            reason=unpack_text(row["reason"]),
            feedback=unpack_text(row["feedback"]),
            stage=row["stage"],
            wall_seconds=row["wall_seconds"],
            cpu_seconds=row["cpu_seconds"],
            calls=row["calls"],
            isolation=row["isolation"],
            quarantine=None if row["quarantine"] is None else unpack_text(row["quarantine"]),
            self_reported=bool(row["self_reported"]),
        )
    except Damaged:
        raise
    except ValueError as error:
        raise Damaged(str(error)) from error


def _result_of(row: Row, artifacts: Mapping[str, bytes]) -> InstanceResult:
    metrics, measures = _numbers_of(row["numbers"])
    result = Result(metrics, measures, unpack_text(row["feedback"]), artifacts)
    return InstanceResult(Tier(row["tier"]), row["instance"], result, row["name"])


def _numbers(metrics: Mapping[str, float], measures: Mapping[str, float]) -> bytes:
    return pack([dict(metrics), dict(measures)])


def _numbers_of(stored: bytes) -> tuple[dict[str, float], dict[str, float]]:
    metrics, measures = unpack(stored, tuple[dict[str, float], dict[str, float]])
    return metrics, measures


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise Damaged(str(error)) from error


def _scrubbed(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_scrubbed(key): _scrubbed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item) for item in value]
    return value
