"""Scores as a person reads them: in the problem's own metric, direction and unit, with their standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord
    from heuresis.evaluators.nouns import Score
    from heuresis.evaluators.problem import Objective


@dataclass(frozen=True)
class Scale:
    """Turns scores (higher is better) back into a metric."""

    metric: str = "score"
    unit: str = ""
    sign: float = 1.0

    @classmethod
    def of_objective(cls, objective: Objective) -> Scale:
        return cls(objective.metric, objective.unit, objective.sign)

    @classmethod
    def of(cls, record: CampaignRecord) -> Scale:
        """That of the campaign's problem; where its file is gone or broken, the bare score."""
        from heuresis.errors import ConfigError
        from heuresis.evaluators.catalog import problem_class

        try:
            return cls.of_objective(problem_class(record.problem).objectives[0])
        except ConfigError:
            return cls()

    @property
    def better(self) -> str:
        return "lower is better" if self.sign < 0 else "higher is better"

    def value(self, score: float) -> float:
        return self.sign * score + 0.0

    def text(self, score: Score) -> str:
        """`0.713 % ± 0.021`."""
        return self.measured(self.value(score.value), score.standard_error)

    def measured(self, value: float, standard_error: float) -> str:
        digits = places(standard_error)
        return f"{self.amount(value, digits)} ± {number(standard_error, digits)}"

    def amount(self, value: float, digits: int | None = None) -> str:
        return f"{number(value, digits)} {self.unit}".rstrip()


def places(standard_error: float) -> int | None:
    """Decimals that show two digits of the standard error, at least two; None when there is no error to go by."""
    if standard_error <= 0:
        return None
    return min(10, max(2, 1 - math.floor(math.log10(standard_error))))


def number(value: float, digits: int | None = None) -> str:
    """With these decimals, or six significant digits."""
    return f"{value:.6g}" if digits is None else f"{value:,.{digits}f}"


def tier_text(tier: str, count: int) -> str:
    return f"{tier}, {count} instance{'s' * (count != 1)}"


def seconds_text(seconds: float) -> str:
    """`12 ms`, `0.3 s`, `42 s`, `3:05`, `1:02:03`."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
