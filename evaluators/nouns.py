"""What judging is made of: tiers, statuses, results, scores, evaluations. Frozen data, checked when built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Tier(StrEnum):
    """Which exam an instance belongs to."""

    TRAIN = "train"
    """Details may be shown to whoever writes programs."""
    VALID = "valid"
    """Selection; only aggregates are shown. An endless stream: indices 0.. are the base set."""
    TEST = "test"
    """Same generator, never seen; opened by `heuresis test`, every look stored."""
    SHIFT = "shift"
    """Another size, family or horizon; opened like `test`."""


HELD_OUT = (Tier.TEST, Tier.SHIFT)
"""Never in a prompt, a selector or a listing of what was found: only looks hold their results."""


class Status(StrEnum):
    """How an evaluation ended. A failure is a status, never a number."""

    SCORED = "scored"
    STOPPED = "stopped"
    """Lost a race: partial results are kept, there is no score."""
    REFUSED = "refused"
    """Not run: cannot be parsed, entry point missing, too large, no program at all."""
    CRASHED = "crashed"
    INVALID = "invalid"
    """Ran, but answered what the problem forbids: wrong shape, NaN, an infeasible solution."""
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    VIOLATION = "violation"
    """Broke a limit or the protocol on purpose or by accident: output flood, garbage on the wire."""


@dataclass(frozen=True)
class Score:
    """Higher is better, everywhere."""

    value: float
    standard_error: float
    """Over instances (jackknife); NaN-free: 0.0 when there is one instance."""
    count: int
    """Instances behind it."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a score is finite, not {self.value}")
        if not (math.isfinite(self.standard_error) and self.standard_error >= 0):
            raise ValueError(f"a standard error is finite and >= 0, not {self.standard_error}")
        object.__setattr__(self, "value", float(self.value) + 0.0)  # no negative zero, no number of numpy: no frame or
        object.__setattr__(self, "standard_error", float(self.standard_error))  # database has them
        if self.count < 1:
            raise ValueError(f"a score stands on at least one instance, not {self.count}")


@dataclass(frozen=True)
class Result:
    """What the referee saw on one instance."""

    metrics: Mapping[str, float]
    """Finite numbers by name; names carry units (`excess_percent`, `tour_length`)."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """Behaviour descriptors, computed by the referee."""
    feedback: str = ""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    """What `exam.save` kept: the packing or the weights found."""

    def __post_init__(self) -> None:
        for group in (self.metrics, self.measures):
            for name, value in group.items():
                if not isinstance(value, (int, float)) or not math.isfinite(value):
                    raise ValueError(f"{name} is a finite number, not {value!r}")
        for field_name in ("metrics", "measures"):  # numpy's float is one of Python's, and no database or frame has it
            plain = {name: v if type(v) in (int, float) else float(v) for name, v in getattr(self, field_name).items()}
            object.__setattr__(self, field_name, plain)


@dataclass(frozen=True)
class InstanceResult:
    """A result with its place: which instance of which tier."""

    tier: Tier
    index: int
    result: Result
    name: str = ""
    """Of the user's own instance, where it has one."""


@dataclass(frozen=True)
class Evaluation:
    """The referee's verdict on one program."""

    status: Status
    score: Score | None
    """Present exactly when SCORED; from the `valid` tier (or from the tier that was asked for)."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Aggregated over the scored tier."""
    measures: Mapping[str, float] = field(default_factory=dict)
    results: tuple[InstanceResult, ...] = ()
    reason: str = ""
    """In words; empty when SCORED."""
    feedback: str = ""
    """From the train tier and the program's own output; may be shown to whoever writes programs."""
    stage: str = ""
    """Where it ended: gate, smoke, screening, full, or the tier that was asked for."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    calls: int = 0
    """Remote calls into the jail."""
    isolation: str = ""
    quarantine: str | None = None
    """A reason to distrust it (a result beyond a proven bound); never a parent until released."""
    self_reported: bool = False
    """What was scored ran beside what scored it and may have forged its score; never listed beside refereed ones."""

    def __post_init__(self) -> None:
        if (self.status is Status.SCORED) != (self.score is not None):
            raise ValueError(f"a score is present exactly when SCORED, not with {self.status}")
        if self.status is not Status.SCORED and not self.reason:
            raise ValueError(f"{self.status} needs a reason in words")
