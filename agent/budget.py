"""When a campaign ends. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from heuresis.archive.records import Totals
from heuresis.errors import ConfigError

OPTIONS: Mapping[str, str] = {
    "evaluations": "--evaluations",
    "minutes": "--minutes",
    "target": "--target",
    "patience": "--patience",
    "usd": "--max-usd",
    "tokens": "--max-tokens",
    "calls": "--max-calls",
}
"""Limit -> the option that sets it."""


_WHOLE = ("evaluations", "patience", "tokens", "calls")


@dataclass(frozen=True)
class Budget:
    """Limits of a whole campaign, over all its runs. None = no limit of that kind."""

    evaluations: int | None = None
    """Verdicts made; reused and refused ones cost nothing."""
    minutes: float | None = None
    """Of a running driver; a stopped campaign does not age."""
    target: float | None = None
    """In the first objective's own metric and direction: reached means done."""
    patience: int | None = None
    """Evaluations without a new best."""
    usd: float | None = None
    """Of calls to the model, as our ledger counts them: unknown ones at what was reserved for them."""
    tokens: int | None = None
    """Read and written by the model."""
    calls: int | None = None
    """To the model, whatever became of them."""

    def __post_init__(self) -> None:
        for key, option in OPTIONS.items():
            _check(key, option, getattr(self, key))

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Budget:
        return cls(**{key: values.get(key) for key in OPTIONS})  # type: ignore[arg-type]

    def as_json(self) -> dict[str, float | int | None]:
        return {key: getattr(self, key) for key in OPTIONS}

    @property
    def limits_calls(self) -> bool:
        return self.usd is not None or self.tokens is not None or self.calls is not None

    def beyond(self, usd: float, tokens: int, calls: int) -> str:
        """Which limit these sums would break, in words, or an empty string."""
        if self.usd is not None and usd > self.usd:
            return f"budget of ${self.usd:g} has no room for the next call"
        if self.tokens is not None and tokens > self.tokens:
            return f"budget of {self.tokens:,} tokens has no room for the next call"
        if self.calls is not None and calls > self.calls:
            return f"budget of {self.calls:,} calls has no room for the next"
        return ""

    def room(self, totals: Totals, in_flight: int) -> int:
        """How many more evaluations may start now."""
        if self.evaluations is None:
            return 1_000_000_000
        return self.evaluations - totals.evaluated - in_flight

    def spent(self, totals: Totals, best: float | None, sign: float, since_best: int) -> str:
        """Why the campaign is over, in words, or an empty string.

        `best`: best score (higher is better); `sign` turns it back into the metric; `since_best`: evaluations
        since the best was found.
        """
        if self.evaluations is not None and totals.evaluated >= self.evaluations:
            return f"budget of {self.evaluations:,} evaluations spent"
        if self.minutes is not None and totals.active_seconds >= 60 * self.minutes:
            used = f"{totals.active_seconds / 60:.1f}"  # what was being judged at the end took its time
            more = f", {used} used" if used != f"{self.minutes:.1f}" else ""
            return f"budget of {self.minutes:g} minute{'s' * (self.minutes != 1)} spent{more}"
        if self.target is not None and best is not None and best >= sign * self.target:
            return f"target {self.target:g} reached"
        if self.patience is not None and since_best >= self.patience:
            return f"no new best in {since_best:,} evaluations (patience {self.patience:,})"
        return ""


def _check(key: str, option: str, value: object) -> None:
    """Raises ConfigError for a limit that is none."""
    if value is None:
        return
    kinds = int if key in _WHOLE else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ConfigError(option, "a whole number above 0" if key in _WHOLE else "a number", value)
    if key != "target" and not (value > 0 and math.isfinite(value)):
        raise ConfigError(option, "a number above 0", f"{value:g}")
    if math.isnan(value):
        raise ConfigError(option, "a number", value)
