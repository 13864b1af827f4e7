"""A verdict on a program that has played more instances since: old results and fresh ones together. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from heuresis.evaluators.nouns import Evaluation, InstanceResult, Status, Tier
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.referee import means


def joined(problem: Problem, before: Evaluation, fresh: Evaluation) -> Evaluation:
    """The verdict over all valid instances of both; `fresh` is of that tier only, as `Referee.examine` gives it.

    One that failed on a fresh instance has failed; one in quarantine stays there. Costs are those of the fresh part,
    since the others are counted already. What was said there is withheld: valid instances are kept secret.
    """
    results = (*before.results, *fresh.results)
    if fresh.status is not Status.SCORED:
        return replace(
            withheld(fresh), results=results, feedback=before.feedback, stage="full", quarantine=before.quarantine
        )
    try:
        return _summed(problem, before, fresh, results)
    except (OverflowError, ValueError) as error:  # finite each, but their sum or spread is not
        reason = f"results too large to be summed up ({error})"
        return replace(
            fresh, status=Status.INVALID, score=None, metrics={}, measures={}, results=results, reason=reason,
            feedback=before.feedback, stage="full",
        )  # fmt: skip


def withheld(seen: Evaluation) -> Evaluation:
    """Without the words that a program may have written while it saw secret instances."""
    reason = f"{seen.status.value} on an instance that is kept secret (details withheld)"
    return replace(seen, feedback="", reason=reason if seen.reason else "")


def _summed(problem: Problem, before: Evaluation, fresh: Evaluation, results: Sequence[InstanceResult]) -> Evaluation:
    valid = [row.result for row in results if row.tier is Tier.VALID]
    metrics = {name: float(value) for name, value in problem.summarize(valid).items()}
    if not all(map(math.isfinite, metrics.values())):
        raise ValueError("a metric over all instances is not finite")
    return replace(
        fresh,
        score=problem.aggregate(valid),
        metrics=metrics,
        measures=means(valid),
        results=tuple(results),
        feedback=before.feedback,
        stage="full",
        quarantine=before.quarantine or problem.quarantine(metrics),
    )
