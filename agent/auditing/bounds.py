"""Results that are better than can be: of the whole, and instance by instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heuresis.agent.auditing.findings import Finding, Kind
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Tier
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.tiers import instance_rng

_ROUNDING = 1e-9
"""Relative; sums of floats end here."""


def beyond(problem: Problem, secret: bytes, seen: Sequence[Evaluation]) -> list[Finding]:
    """A finding for each verdict, and each instance, that passes what the problem knows to be possible."""
    words = []
    for one in seen:
        if one.quarantine is not None:
            words.append(one.quarantine)
        for row in one.results:
            words += _of_instance(problem, secret, row)
    return [Finding(Kind.BOUND, text) for text in dict.fromkeys(words)]


def _of_instance(problem: Problem, secret: bytes, row: InstanceResult) -> Iterator[str]:
    where = f"{row.tier.value} instance {row.index}"
    reason = problem.quarantine(problem.summarize([row.result]))
    if reason is not None:
        yield f"{where}: {reason}"
    for metric, limit in _limits(problem, secret, row).items():
        found, objective = row.result.metrics.get(metric), {one.metric: one for one in problem.objectives}.get(metric)
        if found is None or objective is None:
            continue
        if objective.sign * (found - limit) > _ROUNDING * max(1.0, abs(limit)):
            yield f"{where}: {metric} {found:g} is better than its bound {limit:g}"


def _limits(problem: Problem, secret: bytes, row: InstanceResult) -> Mapping[str, float]:
    """The best that each metric can be on this instance, where the problem says."""
    bound: Any = getattr(problem, "bound", None)
    if bound is None or row.tier is not Tier.VALID:
        return {}
    if problem.own_instances is not None:
        instance = problem.own_instances[row.index]
    else:
        instance = problem.generate(row.tier, row.index, instance_rng(secret, row.tier, row.index))
    return bound(instance) or {}
