"""Two verdicts side by side: how far apart in standard errors, and where they differ to the bit. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.statistics import paired_difference

FAIL_BELOW = 2.0
"""Standard errors. Below, one set of instances in twenty would tell the two apart by chance alone."""
WARN_BELOW = 4.0
"""Standard errors. A search that looks hundreds of times needs more than two."""


@dataclass(frozen=True)
class Separation:
    """How much higher one program scores than another, on the same instances."""

    value: float
    standard_error: float
    count: int

    @property
    def in_errors(self) -> float:
        """Infinite where there is a difference and no error: of a single instance, or the same on every one."""
        if self.standard_error > 0:
            return self.value / self.standard_error
        return math.copysign(math.inf, self.value) if self.value else 0.0

    @property
    def text(self) -> str:
        if self.count == 1:
            return f"a difference of {self.value:.4g} on the only instance"
        if self.standard_error == 0:
            return f"the same difference, {self.value:.4g}, on every instance"
        return f"{self.in_errors:.1f} standard errors"


def separation(problem: Problem, high: Evaluation, low: Evaluation) -> Separation:
    """Score of `high` minus score of `low`; one without a score is infinitely low."""
    if high.score is None or low.score is None:
        sides = (high.score is not None) - (low.score is not None)
        return Separation(math.copysign(math.inf, sides) if sides else 0.0, 0.0, 2)
    sign, metric = problem.objectives[0].sign, problem.objectives[0].metric

    def score(results: Sequence[Result]) -> float:
        return sign * problem.summarize(results)[metric]

    found = paired_difference(high.results, low.results, score)
    return Separation(found.value, found.standard_error, found.count)


@dataclass(frozen=True)
class Change:
    """The first place where two verdicts on one program differ."""

    instance: int
    metric: str
    """Empty where one of them has no result for the instance at all."""
    before: float
    after: float

    @property
    def text(self) -> str:
        if not self.metric:
            return f"instance {self.instance} has a result in one of the two evaluations only"
        return f"instance {self.instance}: `{self.metric}` was {self.before!r}, then {self.after!r}"


def change(before: Sequence[InstanceResult], after: Sequence[InstanceResult]) -> Change | None:
    """None where every metric of every instance is the same to the last bit, in whatever order they stand."""
    later = {row.index: row.result.metrics for row in after}
    for row in sorted(before, key=lambda one: one.index):
        metrics = later.pop(row.index, None)
        if metrics is None or metrics.keys() != row.result.metrics.keys():
            return Change(row.index, "", 0.0, 0.0)
        for name, value in row.result.metrics.items():
            if float(value).hex() != float(metrics[name]).hex():
                return Change(row.index, name, float(value), float(metrics[name]))
    return Change(min(later), "", 0.0, 0.0) if later else None


def moved_with(
    quick: Sequence[Sequence[InstanceResult]], slow: Sequence[InstanceResult]
) -> dict[str, tuple[float, float]]:
    """Metrics that moved by more than they scatter: name -> mean of the quick evaluations, mean of the slow one."""
    moved = {}
    for name in slow[0].result.metrics if slow else ():
        rows = [{row.index: float(row.result.metrics[name]) for row in one} for one in (*quick, slow)]
        common = sorted(set.intersection(*(set(row) for row in rows)))
        means = [sum(row[i] for i in common) / len(common) for row in rows]
        scatter = max(means[:-1]) - min(means[:-1])
        centre = sum(means[:-1]) / len(means[:-1])
        if abs(means[-1] - centre) > _MOVED * scatter:
            moved[name] = (centre, means[-1])
    return moved


_MOVED = 5.0
"""Times the scatter of the evaluations that were not slowed down; a metric that does not scatter must not move."""
