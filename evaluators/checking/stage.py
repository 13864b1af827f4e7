"""Where a check plays programs: referee processes with a jail each, and patience that ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from heuresis.errors import HeuresisError
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.evaluators.pool import Pool, Recorded
from heuresis.evaluators.problem import Problem
from heuresis.program import Program

T = TypeVar("T")

_LEAST_PATIENCE_SECONDS = 60.0
_PATIENCE = 20.0
"""Times the cost class. Beyond it the problem itself must hang: what a program does is ended by its limits."""
_QUICK_INSTANCES = 8
_CHUNKS = 3


class Hangs(HeuresisError):
    """The problem's own code does not come back."""


@dataclass(frozen=True)
class Bench:
    """What is checked, and on which instances."""

    problem: Problem
    setup: jobs.Setup
    quick: bool
    told: Callable[[str], None]
    """Progress, in a few words."""

    @property
    def valid(self) -> tuple[int, ...]:
        """The base set, which a search selects on; with `quick` its first instances."""
        size = self.problem.tier_size(Tier.VALID)
        return tuple(range(min(size, _QUICK_INSTANCES) if self.quick else size))

    @property
    def train(self) -> tuple[int, ...]:
        return tuple(range(self.problem.tier_size(Tier.TRAIN)))

    @property
    def chunks(self) -> list[tuple[int, ...]]:
        """The same instances in a few blocks."""
        size = max(1, min(self.problem.block_size, -(-len(self.valid) // _CHUNKS)))
        return [self.valid[start : start + size] for start in range(0, len(self.valid), size)]

    @property
    def patience_seconds(self) -> float:
        blocks = 1 + len(self.valid) // self.problem.block_size
        limit = self.problem.limits.wall_seconds * blocks
        return limit + max(_LEAST_PATIENCE_SECONDS, _PATIENCE * self.problem.cost_seconds)


@dataclass(frozen=True)
class Timed:
    """A verdict, and how long the driver waited for it."""

    evaluation: Evaluation
    seconds: float


class Stage:
    """One referee process that plays what it is given, one program after another."""

    def __init__(self, bench: Bench, wall_seconds: float = 0.0) -> None:
        """`wall_seconds` above 0: a tighter limit than the problem's."""
        self._bench = bench
        self._pool = Pool(replace(bench.setup, wall_seconds=wall_seconds), 1)
        self.isolation = self._pool.isolation

    def play(self, source: str, tier: Tier, indices: Sequence[int]) -> Timed:
        """On these instances, in this order. Raises Hangs, Unavailable."""
        started = time.monotonic()
        future = self._pool.submit(jobs.Job(dict(Program.of(source).files), tier, tuple(indices)))
        return Timed(self._wait(future), time.monotonic() - started)

    def record(self, source: str, tier: Tier, indices: Sequence[int], record_bytes: int) -> Recorded:
        """As `play`, with what crossed the wall."""
        job = jobs.Job(dict(Program.of(source).files), tier, tuple(indices), record_bytes=record_bytes)
        return self._wait(self._pool.record(job))

    def _wait(self, future: Future[T]) -> T:
        patience = self._bench.patience_seconds
        try:
            return future.result(patience)
        except Late:
            raise Hangs(f"{type(self._bench.problem).__name__} did not come back within {patience:.0f} s") from None

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def fresh(bench: Bench, why: str) -> Iterator[Stage]:
    """Another referee process, which has played nothing yet."""
    bench.told(why)
    with Stage(bench) as stage:
        yield stage
