"""Means, standard errors and paired differences. Pure.

One formula serves every aggregate: the jackknife (Tukey 1958; Efron & Stein 1981, https://doi.org/10.1214/aos/1176345462).
For a mean it is exactly s / sqrt(n); for a ratio of means it needs n evaluations where a bootstrap needs hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heuresis.evaluators.nouns import InstanceResult, Result

Statistic = Callable[[Sequence[Result]], float]


def mean_metrics(results: Sequence[Result]) -> dict[str, float]:
    """Name -> mean over the results that all share the same names. Raises ValueError when they do not."""
    if not results:
        raise ValueError("no results to summarize")
    names = results[0].metrics.keys()
    if any(result.metrics.keys() != names for result in results):
        raise ValueError("every result of a problem has the same metrics")
    return {name: math.fsum(result.metrics[name] for result in results) / len(results) for name in names}


def jackknife(results: Sequence[Result], statistic: Statistic) -> tuple[float, float]:
    """The statistic over all results, and its standard error (0.0 for a single result)."""
    value = statistic(results)
    count = len(results)
    if count < 2:
        return value, 0.0
    left_out = [statistic([*results[:i], *results[i + 1 :]]) for i in range(count)]
    return value, _jackknife_error(left_out)


def _jackknife_error(left_out: Sequence[float]) -> float:
    count = len(left_out)
    mean = math.fsum(left_out) / count
    return math.sqrt((count - 1) / count) * math.hypot(*(x - mean for x in left_out))  # squares could overflow


@dataclass(frozen=True)
class Difference:
    """a - b on the instances both have played."""

    value: float
    standard_error: float
    count: int


def paired_difference(a: Sequence[InstanceResult], b: Sequence[InstanceResult], statistic: Statistic) -> Difference:
    """statistic(a) - statistic(b) over their common instances. Raises ValueError when there is none.

    Instance-to-instance noise that both share cancels: the error is that of the difference, not of two means.
    """
    right = {(row.tier, row.index): row.result for row in b}
    pairs = [(row.result, right[row.tier, row.index]) for row in a if (row.tier, row.index) in right]
    if not pairs:
        raise ValueError("the two have no instance in common")
    difference = [statistic([p[0] for p in pairs]) - statistic([p[1] for p in pairs])]
    if len(pairs) == 1:
        return Difference(difference[0], 0.0, 1)
    left_out = []
    for i in range(len(pairs)):
        rest = [*pairs[:i], *pairs[i + 1 :]]
        left_out.append(statistic([p[0] for p in rest]) - statistic([p[1] for p in rest]))
    return Difference(difference[0], _jackknife_error(left_out), len(pairs))
