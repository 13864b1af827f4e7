"""How every kind of jail stands on this machine: whether it holds, what it covers, how long a program takes in it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from heuresis.errors import HeuresisError
from heuresis.plugins import found
from heuresis.program import Limits, Program
from heuresis.sandbox.backends import SHIPPED, load_backend, probed, shipped_backend
from heuresis.sandbox.backends.base import Backend, Noted
from heuresis.sandbox.protocol import Call
from heuresis.sandbox.worker import JailWorker, probe_worker

_PROGRAM = Program.of("def f(x): return x")
_TIMES = 15


@dataclass(frozen=True)
class Standing:
    """One kind of jail on this machine."""

    name: str
    isolation: str
    """What would stand on a row; empty when it cannot be used."""
    trouble: str
    """Why it cannot; empty when every attack of the probe failed."""
    covers: str
    misses: str
    milliseconds: float | None
    """Median from the start of a fresh program to its first answer; None when it was not measured."""
    how: str = ""
    """How programs are kept apart here, where a kind of jail has more than one way (its `note`)."""


def survey(times: int = _TIMES) -> Iterator[Standing]:
    """Every kind of ours, strongest first, then those of plugins. Each is attacked, and timed with `times` starts."""
    for name in SHIPPED:
        yield _look(name, shipped_backend(name), times)
    for name in found("sandboxes"):
        if name not in SHIPPED:
            try:
                yield _look(name, load_backend(name), times)
            except HeuresisError as error:
                yield Standing(name, "", str(error), "", "", None)


def _look(name: str, backend: Backend, times: int) -> Standing:
    trouble = probed(name, backend, probe_worker) if backend.jailed else backend.missing()
    isolation, how, milliseconds = "", "", None
    if not trouble:
        try:
            with JailWorker(backend, (), 1.0) as worker:
                isolation, milliseconds = worker.isolation, _first_answer(worker, times)
            how = backend.note() if isinstance(backend, Noted) else ""
        except HeuresisError as error:
            trouble = str(error)
    return Standing(name, isolation, trouble, backend.covers, backend.misses, milliseconds, how)


def _first_answer(worker: JailWorker, times: int) -> float | None:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        with worker.start(_PROGRAM, ("f",), Limits(), 0) as session:
            session.call([Call("f", (1.0,))])
            seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds) if seconds else None
