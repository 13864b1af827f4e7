"""Does what a program is told give the answer away?"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heuresis.evaluators.checking import programs
from heuresis.evaluators.checking.cast import Cast
from heuresis.evaluators.checking.comparing import WARN_BELOW, Separation, separation
from heuresis.evaluators.checking.looking import Sighting, digest_of
from heuresis.evaluators.checking.report import Finding, Level
from heuresis.evaluators.checking.stage import Bench, Stage
from heuresis.evaluators.nouns import Status, Tier
from heuresis.evaluators.pool import Recorded

LEAK, ARGUMENTS = "leak", "arguments"

_RECORD_BYTES = 1 << 20
_SCREENED = 2
"""Training instances that a peek is tried on first."""
_FINALISTS = 3
"""Of the peeks, so many are played on the base set."""
_LEAST_SECONDS = 10.0


def record(bench: Bench, stage: Stage, cast: Cast) -> Recorded:
    """The known good on a few training instances, with what crossed the wall."""
    bench.told("reading what crosses the wall")
    return stage.record(cast.known_good.source, Tier.TRAIN, bench.train[:_SCREENED], _RECORD_BYTES)


def check_leaks(bench: Bench, stage: Stage, cast: Cast, recorded: Recorded, seen: Sequence[Sighting]) -> list[Finding]:
    """`leak` and `arguments`."""
    return [_peeked(bench, stage, cast), _arguments(recorded, seen)]


@dataclass(frozen=True)
class _Tried:
    peek: programs.Written
    score: float


def _peeked(bench: Bench, stage: Stage, cast: Cast) -> Finding:
    """Programs that return an argument as the answer: is one better than the known good?"""
    written = programs.peeks(bench.problem.required, cast.known_good.source)
    tried = list(_tried(bench, stage, written))
    best: tuple[Separation, str, float] | None = None
    for one in sorted(tried, key=lambda one: -one.score)[:_FINALISTS]:
        bench.told(f"peeking: {one.peek.name}")
        played = stage.play(one.peek.source, Tier.VALID, bench.valid).evaluation
        if played.score is None:
            continue
        apart = separation(bench.problem, played, cast.best.evaluation)
        if best is None or apart.in_errors > best[0].in_errors:
            best = apart, one.peek.name, bench.problem.describe_value(played.score.value) + 0.0
    figures: dict[str, float] = {"peeks": len(written), "that_fit": len(tried)}
    if best is None:
        return Finding(LEAK, Level.PASS, "No argument, nor anything simple made of one, is an allowed answer.", figures)
    apart, name, value = best
    metric = bench.problem.objectives[0].metric
    figures |= {"separation_standard_errors": apart.in_errors}
    if apart.in_errors >= WARN_BELOW:
        reason = (
            f"Label leak in the arguments: a program in which {name} scores {metric} {value:.4g}, above "
            f"{cast.best.name}: {apart.text}. If that is an honest rule, make it a seed."
        )
        return Finding(LEAK, Level.FAIL, reason, figures)
    reason = (
        f"The best of {len(tried)} programs that return something made of one argument is not above {cast.best.name}."
    )
    return Finding(LEAK, Level.PASS, reason, figures)


def _tried(bench: Bench, stage: Stage, written: Sequence[programs.Written]) -> Iterator[_Tried]:
    """Those whose answer is allowed, with their score on a little; as many as there is time for."""
    ends = time.monotonic() + max(_LEAST_SECONDS, 2 * bench.problem.cost_seconds)
    indices = bench.train[:_SCREENED]
    bench.told(f"peeking into the arguments in {len(written)} ways")
    for peek in written if indices else ():
        if time.monotonic() > ends:
            return
        played = stage.play(peek.source, Tier.TRAIN, indices).evaluation
        if played.status is Status.SCORED and played.score is not None:
            yield _Tried(peek, played.score.value)


def _arguments(recorded: Recorded, seen: Sequence[Sighting]) -> Finding:
    """What the known good was told while it played training instances."""
    calls, kinds, digests = 0, set(), set()
    for value in _crossing(recorded.transcript.data):
        calls += 1
        kinds.add(_kind(value))
        if isinstance(value, dict) and "array" in value:
            digests.add(digest_of(_array(value["array"])))
    figures = {"calls": recorded.transcript.calls, "arguments": calls}
    if held := _held_out(digests, seen):
        reason = (
            f"A program that plays train is told {held} array(s) of held-out instances: keep them out of the arguments."
        )
        return Finding(ARGUMENTS, Level.FAIL, reason, figures)
    told = ", ".join(sorted(kinds)) or "nothing"
    functions = (
        " Functions are run by the referee; see that they tell no more than they must." if "function" in kinds else ""
    )
    return Finding(ARGUMENTS, Level.PASS, f"What crosses the wall: {told}.{functions}", figures)


def _held_out(digests: set[str], seen: Sequence[Sighting]) -> int:
    """Arrays that belong to test or shift instances and to no training instance; constants belong to both."""
    open_ones = {digest for one in seen if one.tier is Tier.TRAIN for digest in one.arrays}
    held = {digest for one in seen if one.tier in (Tier.TEST, Tier.SHIFT) for digest in one.arrays}
    return len(digests & (held - open_ones))


def _crossing(data: bytes) -> Iterator[Any]:
    """Every argument of every call that is kept."""
    for line in gzip.decompress(data).decode().splitlines() if data else ():
        read = json.loads(line)
        for call in (*read.get("call", ()), *read.get("send", ())):
            yield from call["args"]
            yield from call.get("kwargs", {}).values()


def _kind(value: Any) -> str:
    if not isinstance(value, dict):
        return "list" if isinstance(value, list) else type(value).__name__
    if "array" in value:
        return f"array of {np.dtype(value['array'][0]).name}"
    return str(next(iter(value)))


def _array(kept: Sequence[Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(kept[2]), dtype=kept[0]).reshape(kept[1])
