"""Confidence intervals hold the true value as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from heuresis.evaluators.intervals import bootstrap, lower_bound, student, student_quantile
from heuresis.evaluators.nouns import Result, Score
from heuresis.evaluators.statistics import jackknife, mean_metrics


def _mean(results):
    return mean_metrics(results)["x"]


def test_students_quantile_is_that_of_the_tables():
    assert student_quantile(0.975, 10) == pytest.approx(2.228, abs=5e-4)
    assert student_quantile(0.95, 1) == pytest.approx(6.314, abs=5e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 19, 20, 139, 1000])
def test_students_quantile_is_that_of_scipy(degrees):
    for probability in (1e-6, 0.04, 0.5, 0.6, 0.95, 0.975, 0.9995, 1 - 1e-7):
        expected = pytest.approx(stdtrit(degrees, probability), rel=1e-7, abs=1e-12)
        assert student_quantile(probability, degrees) == expected


@pytest.mark.parametrize("count", [3, 10, 40])
def test_students_interval_holds_the_mean_of_normal_values_as_often_as_it_says(count):
    rng, held, above, rounds = np.random.default_rng(count), 0, 0, 4000
    for row in rng.normal(2.0, 3.0, (rounds, count)):
        error = row.std(ddof=1) / np.sqrt(count)
        interval = student(row.mean(), error, count, 0.9)
        held += interval.low <= 2.0 <= interval.high
        above += lower_bound(Score(row.mean(), error, count), 0.9) <= 2.0
    sigma = np.sqrt(0.09 / rounds)
    assert abs(held / rounds - 0.9) < 4 * sigma
    assert abs(above / rounds - 0.9) < 4 * sigma


def test_all_of_several_corrected_intervals_hold_at_once_as_often_as_they_say():
    rng, rounds, looks = np.random.default_rng(7), 2000, 5
    rows = rng.normal(0.0, 1.0, (rounds, looks, 12))
    held = 0
    for group in rows:
        intervals = [student(r.mean(), r.std(ddof=1) / np.sqrt(12), 12, 0.9, comparisons=looks) for r in group]
        held += all(one.low <= 0 <= one.high for one in intervals)
    assert held / rounds > 0.9 - 4 * np.sqrt(0.09 / rounds)


def test_the_bootstrap_holds_the_mean_of_skewed_values_about_as_often_as_it_says():
    rng, held, rounds = np.random.default_rng(3), 0, 200
    for row in rng.exponential(1.0, (rounds, 60)):
        interval = bootstrap([Result({"x": float(x)}) for x in row], _mean, rng, 0.9, resamples=200)
        held += interval.low <= 1.0 <= interval.high
    assert 0.8 < held / rounds < 0.97


def test_a_bootstrap_and_students_interval_agree_on_many_normal_values():
    rng = np.random.default_rng(5)
    results = [Result({"x": float(x)}) for x in rng.normal(0, 1, 200)]
    value, error = jackknife(results, _mean)
    one, other = student(value, error, 200), bootstrap(results, _mean, rng)
    assert one.low == pytest.approx(other.low, abs=0.25 * error)
    assert one.high == pytest.approx(other.high, abs=0.25 * error)


def test_a_single_instance_has_no_interval_and_its_value_is_its_bound():
    with pytest.raises(ValueError, match="two instances, not 1"):
        student(1.0, 0.0, 1)
    assert lower_bound(Score(1.0, 0.0, 1)) == 1.0


@pytest.mark.parametrize(("confidence", "comparisons"), [(0.0, 1), (1.0, 1), (0.95, 0)])
def test_what_is_no_confidence_is_told(confidence, comparisons):
    with pytest.raises(ValueError, match=r"confidence|comparison"):
        student(0.0, 1.0, 10, confidence, comparisons)
