"""Two verdicts on the same instances, compared pairwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heuresis.cli.output import counted, say
from heuresis.cli.scale import MEANING, Scale, ends, interval_text, number, places
from heuresis.cli.stores import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heuresis.agent.looking import Compared
    from heuresis.archive.store import Store
    from heuresis.evaluators.intervals import Interval
    from heuresis.evaluators.nouns import Evaluation, InstanceResult, Score
    from heuresis.evaluators.problem import Problem
    from heuresis.evaluators.statistics import Difference

_STAGES_OF_SELECTION = ("full", "valid")


def difference(problem: Problem, one: Evaluation, other: Evaluation) -> Difference:
    """`one` minus `other` in the first objective's metric. Raises ValueError without a common instance."""
    from heuresis.evaluators.statistics import paired_difference

    metric = problem.objectives[0].metric
    return paired_difference(_scored(one), _scored(other), lambda results: problem.summarize(results)[metric])


def _scored(evaluation: Evaluation) -> Sequence[InstanceResult]:
    """The results behind the score: training instances are judged on the way and do not count."""
    from heuresis.evaluators.nouns import Tier

    if evaluation.stage in _STAGES_OF_SELECTION:
        return [row for row in evaluation.results if row.tier is Tier.VALID]
    return evaluation.results


def gain_text(found: Compared) -> str:
    """`+3.270 ± 0.021`: more is better, whatever the metric's direction. `equal` on every instance."""
    digits = places(found.standard_error)
    if found.gain == 0 and found.standard_error == 0:
        return "equal"
    sign = "-" if found.gain < 0 else "+"
    error = f" ± {number(found.standard_error, digits)}" if found.count > 1 else ""
    return f"{sign}{number(abs(found.gain), digits)}{error}"


def in_metric(interval: Interval | None, scale: Scale) -> tuple[float | None, float | None]:
    """Low and high of a gain's interval as a difference of the metric, for JSON and CSV."""
    low, high = ends(interval)
    if low is None or high is None:
        return None, None
    return (low, high) if scale.sign > 0 else (-high + 0.0, -low + 0.0)


@dataclass(frozen=True)
class Pair:
    """Two verdicts of one campaign, on valid."""

    campaign: str
    scale: Scale
    old: Score
    new: Score
    change: Compared
    """From the old one to the new one, over the instances that both have played."""


def pair_of(store: Store, old: str, new: str) -> Pair | None:
    """In the newest campaign that has scored both."""
    from heuresis.agent.judging import campaign_of
    from heuresis.agent.looking import compared
    from heuresis.errors import ConfigError

    for record in reversed(store.campaigns()):
        try:
            first, second = store.entry(record.name, old).evaluation, store.entry(record.name, new).evaluation
            problem = campaign_of(record).problem
        except ConfigError:  # not both in this campaign, or its problem file is gone
            continue
        if first.score and second.score:
            scale = Scale.of_objective(problem.objectives[0])
            change = compared(difference(problem, second, first), scale.sign, 1)
            return Pair(record.name, scale, first.score, second.score, change)
    return None


def tell_pair(pair: Pair, old: str, new: str) -> None:
    scale, change = pair.scale, pair.change
    say(f"{scale.metric}, {scale.better}, campaign {pair.campaign}", "bold")
    say(f"{MEANING}.", "dim")
    for word, program, score in (("from", old, pair.old), ("to", new, pair.new)):
        say(f"{word:<4}  {short(program)}  {scale.compact('valid', score)}")
    say(f"{_in_words(pair)} (valid, {counted(change.count, 'instance')}, paired)")
    if pair.old.count != pair.new.count:
        say("Their counts differ; the difference is on the instances that both have played.", "dim")


def _in_words(pair: Pair) -> str:
    """`better by 0.551 % ± 0.030 [0.490, 0.612]`."""
    from heuresis.agent.looking import Claim

    change, digits = pair.change, places(pair.change.standard_error)
    if change.claim is Claim.EQUAL:
        return "equal"
    word = "better" if change.gain >= 0 else "worse"
    amount = f"{word} by {pair.scale.amount(abs(change.gain), digits)}"
    if change.alone is None:
        return amount
    sides = sorted((abs(change.alone.low), abs(change.alone.high)))
    text = f"{amount} ± {number(change.standard_error, digits)}"
    if change.claim is Claim.UNCLEAR:
        gain = interval_text(change.alone, change.standard_error)
        return f"not distinguishable: {text}, gain in {gain}"
    return f"{text} [{number(sides[0], digits)}, {number(sides[1], digits)}]"


def pair_object(pair: Pair) -> dict[str, object]:
    """For JSON. Differences are in the metric, new minus old."""
    scale, change = pair.scale, pair.change
    low, high = in_metric(change.alone, scale)
    return {
        "campaign": pair.campaign,
        "metric": scale.metric,
        "tier": "valid",
        "from": _score_object(scale, pair.old),
        "to": _score_object(scale, pair.new),
        "difference": scale.sign * change.gain + 0.0,
        "standard_error": change.standard_error,
        "count": change.count,
        "low": low,
        "high": high,
        "claim": change.claim.value,
    }


def _score_object(scale: Scale, score: Score) -> dict[str, object]:
    low, high = ends(scale.interval(score))
    value, error = scale.value(score.value), score.standard_error
    return {"value": value, "standard_error": error, "count": score.count, "low": low, "high": high}
