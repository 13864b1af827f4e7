"""The figures behind every score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.evaluators.statistics import jackknife, mean_metrics, paired_difference

numbers = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


def results(values):
    return [Result({"x": value}) for value in values]


def mean_of(some):
    return mean_metrics(some)["x"]


@given(numbers)
def test_the_jackknife_error_of_a_mean_is_the_textbook_one(values):
    value, error = jackknife(results(values), mean_of)
    assert value == pytest.approx(np.mean(values), abs=1e-9)
    assert error == pytest.approx(np.std(values, ddof=1) / math.sqrt(len(values)), abs=1e-9)


def test_the_jackknife_error_of_a_ratio_is_that_of_many_fresh_samples():
    rng = np.random.default_rng(0)

    def sample():
        low = rng.normal(100, 5, 30)
        return [Result({"a": a, "b": b}) for a, b in zip(low * 1.04 + rng.normal(0, 1, 30), low, strict=True)]

    def ratio(some):
        means = mean_metrics(some)
        return means["a"] / means["b"]

    spread = np.std([ratio(sample()) for _ in range(2000)])
    errors = [jackknife(sample(), ratio)[1] for _ in range(50)]
    assert np.mean(errors) == pytest.approx(spread, rel=0.1)


def test_one_instance_has_no_standard_error():
    assert jackknife(results([3.0]), mean_of) == (3.0, 0.0)


def test_a_paired_difference_cancels_what_both_share():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 100, 25)
    noise = rng.normal(0, 0.1, 25)
    a = [
        InstanceResult(Tier.VALID, i, Result({"x": s + 1 + n}))
        for i, (s, n) in enumerate(zip(shared, noise, strict=True))
    ]
    b = [InstanceResult(Tier.VALID, i, Result({"x": s})) for i, s in enumerate(shared)]
    difference = paired_difference(a, b, mean_of)
    assert difference.value == pytest.approx(1 + noise.mean())
    assert difference.standard_error == pytest.approx(noise.std(ddof=1) / 5, rel=1e-6)


def test_a_paired_difference_uses_common_instances_only():
    a = [InstanceResult(Tier.VALID, i, Result({"x": float(i)})) for i in (0, 1, 2)]
    b = [InstanceResult(Tier.VALID, i, Result({"x": 0.0})) for i in (2, 3)]
    assert paired_difference(a, b, mean_of).value == 2.0
    with pytest.raises(ValueError, match="no instance in common"):
        paired_difference(a[:1], b, mean_of)


def test_a_failed_program_has_no_score_and_says_why():
    with pytest.raises(ValueError, match="exactly when SCORED"):
        Evaluation(Status.TIMED_OUT, Score(0.5, 0.0, 1), reason="too slow")
    with pytest.raises(ValueError, match="exactly when SCORED"):
        Evaluation(Status.SCORED, None)
    with pytest.raises(ValueError, match="reason"):
        Evaluation(Status.CRASHED, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_is_finite(value):
    with pytest.raises(ValueError, match="finite"):
        Score(value, 0.0, 1)
    with pytest.raises(ValueError, match="finite"):
        Result({"x": value})


def test_a_perfect_score_has_no_negative_zero():
    assert math.copysign(1.0, Score(-0.0, 0.0, 1).value) == 1.0


def test_numbers_of_numpy_become_plain_ones():
    result = Result({"error": np.float64(0.5), "bins": 3}, {"share": np.float64(0.25)})
    assert [type(value) for value in (*result.metrics.values(), *result.measures.values())] == [float, int, float]
    assert Result({"error": 0.5}).metrics == {"error": 0.5}
