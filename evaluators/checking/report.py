"""What a check of a problem comes to: findings, the programs that were played, and whether a campaign may begin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heuresis.evaluators.nouns import Score, Status


class Level(StrEnum):
    PASS = "pass"
    WARN = "warn"
    """Look at it before money is spent."""
    FAIL = "fail"
    """A campaign would search for the wrong thing."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    reason: str
    """One or two sentences."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind it, finite; names carry units."""

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError(f"the finding {self.check!r} has no reason")
        known = {name: float(value) for name, value in self.figures.items() if math.isfinite(value)}
        object.__setattr__(self, "figures", known)


@dataclass(frozen=True)
class Played:
    """A program that was played on the base set of `valid`."""

    name: str
    role: str
    """seed, sentinel, automatic (made by the check) or cheat."""
    status: Status
    score: Score | None
    value: float | None
    """In the problem's own metric."""
    reason: str
    seconds: float
    """Measured by the driver; of the whole evaluation."""


@dataclass(frozen=True)
class Report:
    """Everything a check has found."""

    problem: str
    findings: tuple[Finding, ...]
    """What must be mended first stands first among those of its level."""
    played: tuple[Played, ...]
    isolation: str
    seconds: float
    quick: bool

    def at(self, level: Level) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level is level)

    @property
    def fit(self) -> bool:
        """Whether a campaign may begin: nothing failed."""
        return not self.at(Level.FAIL)

    @property
    def first(self) -> Finding | None:
        """What to mend first; what else failed may follow from it."""
        return next(iter((*self.at(Level.FAIL), *self.at(Level.WARN))), None)
