"""Confidence intervals around scores. Pure.

Student's interval stands on the jackknife error of `statistics`; it is exact for means of normal values (Student 1908,
https://doi.org/10.1093/biomet/6.1.1), a good approximation for others from some ten instances on. The percentile
bootstrap (Efron & Tibshirani 1993, chapter 13) assumes no shape, costs hundreds of aggregates, and is too narrow below
some twenty instances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from heuresis.evaluators.nouns import Result, Score
from heuresis.evaluators.statistics import Statistic

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
_STEPS = 200


@dataclass(frozen=True)
class Interval:
    """Both ends, and how often such an interval holds the true value."""

    low: float
    high: float
    confidence: float


def student(
    value: float, standard_error: float, count: int, confidence: float = CONFIDENCE, comparisons: int = 1
) -> Interval:
    """Two-sided. With `comparisons`, all of so many intervals hold at once with this confidence (Bonferroni).

    Raises ValueError for a single instance: nothing is known about its noise.
    """
    _check(count, confidence, comparisons)
    reach = standard_error * student_quantile(1 - (1 - confidence) / (2 * comparisons), count - 1)
    return Interval(value - reach, value + reach, confidence)


def interval_or_none(value: float, standard_error: float, count: int, comparisons: int = 1) -> Interval | None:
    """`student` for whoever shows it: None for a single instance."""
    return student(value, standard_error, count, comparisons=comparisons) if count > 1 else None


def lower_bound(score: Score, confidence: float = CONFIDENCE) -> float:
    """What the true score exceeds with this confidence (one-sided). That of a single instance is its value."""
    if score.count < 2 or not score.standard_error:
        return score.value
    return score.value - score.standard_error * student_quantile(confidence, score.count - 1)


def bootstrap(
    results: Sequence[Result],
    statistic: Statistic,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    resamples: int = 1000,
) -> Interval:
    """Percentile interval of the statistic over instances drawn with replacement. Raises ValueError for one result."""
    import numpy as np  # at use: whoever only reads a store needs none of it

    _check(len(results), confidence, 1)
    drawn = rng.integers(len(results), size=(resamples, len(results)))
    values = [statistic([results[i] for i in row]) for row in drawn]
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), confidence)


@lru_cache(4096)
@lru_cache(1024)
def student_quantile(probability: float, degrees: int) -> float:
    """Of Student's t distribution with a whole number of degrees of freedom.

    By Newton's steps on the finite series of Abramowitz & Stegun, 26.7.3 and 26.7.4. (The same from a library takes
    longer to import than a command may take.)
    """
    if not 0 < probability < 1 or degrees < 1:
        raise ValueError(f"a probability and degrees of freedom, not {probability} and {degrees}")
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees)
    t = NormalDist().inv_cdf(probability)  # below it; the distribution is concave here, so that steps only go up
    for _ in range(_STEPS):
        step = (probability - (0.5 + 0.5 * _within(t, degrees))) / _density(t, degrees)
        t += step
        if abs(step) <= 1e-14 * max(1.0, t):
            break
    return t


def _within(t: float, degrees: int) -> float:
    """The probability of a value between -t and t."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for order in range(2 + odd, degrees + 1, 2):
        total += term
        term *= cosine * cosine * (order - 1) / order
    whole = math.sin(angle) * total
    return 2 / math.pi * (angle + whole) if odd else whole


def _density(t: float, degrees: int) -> float:
    half = (degrees + 1) / 2
    scale = math.lgamma(half) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(scale - half * math.log1p(t * t / degrees))


def _check(count: int, confidence: float, comparisons: int) -> None:
    if count < 2:
        raise ValueError(f"an interval needs at least two instances, not {count}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    if comparisons < 1:
        raise ValueError(f"at least one comparison, not {comparisons}")
