"""Two verdicts on the same instances, as a difference of scores with its interval. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from heuresis.agent.auditing.findings import Gap
from heuresis.evaluators.intervals import CONFIDENCE, student, student_quantile
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Tier
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.statistics import Difference, paired_difference


def gap_of(problem: Problem, one: Evaluation, other: Evaluation, comparisons: int = 1) -> Gap:
    """`one` minus `other`, paired; both were scored. With `comparisons`, that many gaps hold at once."""
    return _gap(_paired(problem, one.results, other.results), comparisons)


def drop_of(problem: Problem, before: tuple[Evaluation, Evaluation], after: tuple[Evaluation, Evaluation]) -> Gap:
    """How a program's lead over another changed from some instances to others: the difference of two paired ones.

    Each pair is (program, other). The two differences are independent, so their errors add as squares; the degrees of
    freedom are those of the smaller one, which makes the interval too wide rather than too narrow.
    """
    was, now = (_paired(problem, _valid(one), _valid(other)) for one, other in (before, after))
    value = now.value - was.value
    error = math.hypot(was.standard_error, now.standard_error)
    count = min(was.count, now.count)
    reach = error * student_quantile((1 + CONFIDENCE) / 2, count - 1) if count > 1 and error else 0.0
    return Gap(value, value - reach, value + reach, count)


def lead_of(problem: Problem, one: Evaluation, other: Evaluation) -> float:
    """By how much `one` is ahead on their common valid instances."""
    return _paired(problem, _valid(one), _valid(other)).value


def value_of(problem: Problem, seen: Evaluation) -> tuple[float, float]:
    """Metric and standard error of a verdict that has a score."""
    assert seen.score is not None
    return problem.describe_value(seen.score.value) + 0.0, seen.score.standard_error  # no minus zero


def _paired(problem: Problem, one: Sequence[InstanceResult], other: Sequence[InstanceResult]) -> Difference:
    return paired_difference(one, other, _score(problem))


def _score(problem: Problem) -> Callable[[Sequence[Result]], float]:
    objective = problem.objectives[0]
    return lambda results: objective.sign * problem.summarize(results)[objective.metric]


def _gap(found: Difference, comparisons: int) -> Gap:
    if found.count < 2 or not found.standard_error:
        return Gap(found.value, found.value, found.value, found.count)
    interval = student(found.value, found.standard_error, found.count, comparisons=comparisons)
    return Gap(found.value, interval.low, interval.high, found.count)


def _valid(seen: Evaluation) -> list[InstanceResult]:
    return [row for row in seen.results if row.tier is Tier.VALID]
