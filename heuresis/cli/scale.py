"""Scores as a person reads them: in the problem's own metric, direction and unit, with error and 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord
    from heuresis.evaluators.intervals import Interval
    from heuresis.evaluators.nouns import Score
    from heuresis.evaluators.problem import Objective

MEANING = "±: one standard error over instances; [low, high]: 95 % interval (Student)"
"""Said once above the figures."""
NO_INTERVAL = "one instance, no interval"


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

    @property
    def title(self) -> str:
        """Of a column whose cells leave the unit out."""
        return f"{self.metric} [{self.unit}]" if self.unit else self.metric

    def text(self, score: Score) -> str:
        """`0.713 % ± 0.021`; of a single instance the value alone."""
        return self._measured(score, self.unit)

    def bare(self, score: Score) -> str:
        """`0.713 ± 0.021`, for a column with the unit in its title."""
        return self._measured(score, "")

    def measured(self, value: float, standard_error: float) -> str:
        """`0.713 % ± 0.021`, of a value in the metric."""
        digits = places(standard_error)
        return f"{self.amount(value, digits)} ± {number(standard_error, digits)}"

    def _measured(self, score: Score, unit: str) -> str:
        digits = places(score.standard_error)
        value = f"{number(self.value(score.value), digits)} {unit}".rstrip()
        return f"{value} ± {number(score.standard_error, digits)}" if score.count > 1 else value

    def interval(self, score: Score, comparisons: int = 1) -> Interval | None:
        """95 %, in the metric; None for a single instance."""
        from heuresis.evaluators.intervals import interval_or_none

        return interval_or_none(self.value(score.value), score.standard_error, score.count, comparisons)

    def around(self, score: Score, comparisons: int = 1) -> str:
        """`[0.669, 0.757]`."""
        return interval_text(self.interval(score, comparisons), score.standard_error)

    def compact(self, tier: str, score: Score) -> str:
        """`0.713 % ± 0.021 [0.669, 0.757] (valid, 20)`."""
        return f"{self.text(score)} {self._place(tier, score)}"

    def full(self, tier: str, score: Score) -> str:
        """`0.713 % ± 0.021  (valid, 20 instances; 95 % [0.669, 0.757]; lower is better)`."""
        around = f"{tier_text(tier, score.count)}; 95 % {self.around(score)}" if score.count > 1 else NO_INTERVAL
        return f"{self.text(score)}  ({around if score.count > 1 else f'{tier}, {around}'}; {self.better})"

    def brief(self, tier: str, score: Score) -> str:
        """`0.713 % [0.669, 0.757] (valid, 20)`, for lines that have no room for the error too."""
        return f"{self.amount(self.value(score.value), places(score.standard_error))} {self._place(tier, score)}"

    def _place(self, tier: str, score: Score) -> str:
        return f"{self.around(score)} ({tier}, {score.count})" if score.count > 1 else f"({tier}, {NO_INTERVAL})"

    def amount(self, value: float, digits: int | None = None) -> str:
        return f"{number(value, digits)} {self.unit}".rstrip()


def places(standard_error: float) -> int | None:
    """Decimals that show two digits of the standard error, at least two; None when there is no error to go by."""
    if standard_error <= 0:
        return None
    return min(10, max(2, 1 - math.floor(math.log10(standard_error))))


def interval_text(interval: Interval | None, standard_error: float, missing: str = NO_INTERVAL) -> str:
    """`[0.669, 0.757]`, with the decimals of its standard error."""
    if interval is None:
        return missing
    digits = places(standard_error)
    return f"[{number(interval.low, digits)}, {number(interval.high, digits)}]"


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """`low` and `high` of JSON and CSV."""
    return (None, None) if interval is None else (interval.low, interval.high)


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
