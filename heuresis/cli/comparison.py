"""Two verdicts on the same instances, compared pairwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heuresis.cli.scale import Scale, number, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heuresis.evaluators.nouns import Evaluation, InstanceResult
    from heuresis.evaluators.problem import Problem
    from heuresis.evaluators.statistics import Difference

_STAGES_OF_SELECTION = ("full", "valid")


def difference(problem: Problem, one: Evaluation, other: Evaluation) -> Difference:
    """`one` minus `other` in the first objective's metric. Raises ValueError without a common instance."""
    from heuresis.evaluators.statistics import paired_difference

    metric = problem.objectives[0].metric
    return paired_difference(_scored(one), _scored(other), lambda results: problem.summarize(results)[metric])


def gain_text(scale: Scale, found: Difference) -> str:
    """`better by 3.270 % ± 0.021`, or `equal`."""
    gain, digits = found.value * scale.sign, places(found.standard_error)
    if gain == 0 and found.standard_error == 0:
        return "equal"
    word = "better" if gain >= 0 else "worse"
    return f"{word} by {scale.amount(abs(gain), digits)} ± {number(found.standard_error, digits)}"


def _scored(evaluation: Evaluation) -> Sequence[InstanceResult]:
    """The results behind the score: training instances are judged on the way and do not count."""
    from heuresis.evaluators.nouns import Tier

    if evaluation.stage in _STAGES_OF_SELECTION:
        return [row for row in evaluation.results if row.tier is Tier.VALID]
    return evaluation.results
