"""Who stands above whom, and what it means when a program that has looked at nothing is not at the bottom."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from heuresis.evaluators.checking.cast import Actor, Cast
from heuresis.evaluators.checking.comparing import FAIL_BELOW, WARN_BELOW, change, separation
from heuresis.evaluators.checking.report import Finding, Level
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.problem import Problem

ORDER, SATURATED, ZERO, SIGNAL, CHEATS = "order", "saturated", "optimum at zero", "signal", "cheats"


def check_standing(problem: Problem, cast: Cast) -> list[Finding]:
    """`saturated`, `optimum at zero`, `signal`, `order`, `cheats`. One cause is told once, by its name."""
    findings = [check(problem, cast) for check in (_saturated, _zero, _signal)]
    failed = [finding for finding in findings if finding.level is Level.FAIL]
    kept = _until_first_failure(findings)
    return [*kept, _order(problem, cast, failed[0].check if failed else ""), _cheats(problem, cast)]


def _until_first_failure(findings: Sequence[Finding]) -> list[Finding]:
    """What follows from the first failure would only say the same in other words."""
    kept = []
    for finding in findings:
        kept.append(finding)
        if finding.level is Level.FAIL:
            break
    return kept


def _saturated(problem: Problem, cast: Cast) -> Finding:
    good = cast.known_good.evaluation
    metric = problem.objectives[0].metric
    values = {row.result.metrics[metric] for row in good.results} if len(good.results) > 1 else set()
    for reason in (_at_the_end(problem, cast, values), _all_the_same(cast, values), _lazy_at_reference(problem, cast)):
        if reason:
            return Finding(SATURATED, Level.FAIL, f"Saturated: {reason}.")
    return Finding(SATURATED, Level.PASS, "The known good program leaves room above it, and programs differ.")


def _at_the_end(problem: Problem, cast: Cast, values: set[float]) -> str:
    objective = problem.objectives[0]
    ends = {"min": (0.0,), "max": (100.0,) if objective.unit == "%" else (1.0,)}[objective.direction]
    if values and values <= set(ends):
        return f"{cast.known_good.name} has `{objective.metric}` {ends[0]:g} on every instance, and nothing is better"
    return ""


def _all_the_same(cast: Cast, values: set[float]) -> str:
    good = cast.known_good.evaluation
    same = [actor for actor in cast.lazy if _is_scored(actor) and _equal(good, actor.evaluation)]
    if same and len(values) == 1:
        return f"{same[0].name} and {cast.known_good.name} both reach {min(values):g} on every instance"
    others = [seed for seed in cast.seeds if seed.source != cast.known_good.source]
    if others and not same and all(_equal(good, seed.evaluation) for seed in others) and len(good.results) > 1:
        return f"all {len(others) + 1} seeds have the same results on every instance"
    return ""


def _lazy_at_reference(problem: Problem, cast: Cast) -> str:
    sign = problem.objectives[0].sign
    known = [reference for reference in problem.references if problem.is_about(reference)]
    if not known:
        return ""
    best = max(known, key=lambda reference: sign * reference.value)
    reached = [actor for actor in cast.lazy if _is_scored(actor) and actor.score >= sign * best.value]
    return f"{reached[0].name} reaches the best published value, {best.value:g} ({best.name})" if reached else ""


def _zero(problem: Problem, cast: Cast) -> Finding:
    if not cast.constants or not any(_is_scored(actor) for actor in cast.constants):
        return Finding(ZERO, Level.PASS, "No constant answer is even allowed.")
    best = max(cast.constants, key=lambda actor: actor.score)
    apart = separation(problem, cast.known_good.evaluation, best.evaluation)
    luck = separation(problem, best.evaluation, cast.random.evaluation)
    figures = {"separation_standard_errors": apart.in_errors, "difference": apart.value}
    if apart.in_errors < FAIL_BELOW and luck.in_errors >= FAIL_BELOW:
        reason = (
            f"Optimum at zero: {best.name} as the answer scores {_value(problem, best)}, the known good program "
            f"({cast.known_good.name}) {_value(problem, cast.known_good)}. Move the optimum by random numbers."
        )
        return Finding(ZERO, Level.FAIL, reason, figures)
    if apart.in_errors < FAIL_BELOW:
        reason = f"The best constant answer ({best.name}) is hardly below the known good: {apart.text}."
        return Finding(ZERO, Level.WARN, reason, figures)
    reason = f"The best constant answer ({best.name}) is below the known good: {apart.text}."
    return Finding(ZERO, Level.PASS, reason, figures)


def _signal(problem: Problem, cast: Cast) -> Finding:
    if not _is_scored(cast.random):
        status = cast.random.evaluation.status.value
        return Finding(SIGNAL, Level.PASS, f"Random answers get no score at all ({status}).")
    apart = separation(problem, cast.known_good.evaluation, cast.random.evaluation)
    figures = {"separation_standard_errors": apart.in_errors, "difference": apart.value}
    if abs(apart.in_errors) >= FAIL_BELOW:
        return Finding(SIGNAL, Level.PASS, f"Random answers are told apart: {apart.text}.", figures)
    same = change(cast.known_good.evaluation.results, cast.random.evaluation.results) is None
    what = "every instance comes out the same for both" if same else f"{apart.text} over {apart.count} instances"
    reason = f"No signal: random answers cannot be told from {cast.known_good.name} ({what})."
    if not same:
        reason += " Play more instances, or less noisy ones."
    return Finding(SIGNAL, Level.FAIL, reason, figures)


def _order(problem: Problem, cast: Cast, explained: str) -> Finding:
    good = cast.known_good
    pairs = [(good, low) for low in (cast.no_op, cast.random) if low.name != good.name]
    pairs += [(high, low) for low, high in itertools.pairwise(cast.sentinels)]
    found = [(separation(problem, high.evaluation, low.evaluation), high, low) for high, low in pairs]
    apart, high, low = min(found, key=lambda one: one[0].in_errors)
    figures = {"separation_standard_errors": apart.in_errors, "instances": apart.count}
    told = f"{high.name} ({_value(problem, high)}) over {low.name} ({_value(problem, low)}): {apart.text}"
    if apart.in_errors < FAIL_BELOW:
        if explained:
            return Finding(
                ORDER, Level.WARN, f"Not as it must be, for the reason told under {explained}: {told}.", figures
            )
        return Finding(ORDER, Level.FAIL, f"Programs do not come in the order they must: {told}.", figures)
    if apart.in_errors < WARN_BELOW:
        return Finding(
            ORDER, Level.WARN, f"In order, but narrowly: {told}. More instances would help a search.", figures
        )
    return Finding(ORDER, Level.PASS, f"In order; the narrowest is {told}.", figures)


def _cheats(problem: Problem, cast: Cast) -> Finding:
    good = cast.best
    scored = [actor for actor in cast.cheats if _is_scored(actor)]
    above = [
        actor for actor in scored if separation(problem, actor.evaluation, good.evaluation).in_errors >= FAIL_BELOW
    ]
    figures = {"cheats": len(cast.cheats), "with_a_score": len(scored)}
    if above:
        best = max(above, key=lambda actor: actor.score)
        reason = f"The cheat `{best.name}` scores {_value(problem, best)}, above {good.name} ({_value(problem, good)})."
        return Finding(CHEATS, Level.FAIL, reason, figures)
    reason = (
        f"None of {len(cast.cheats)} cheats stands above {good.name}; {len(cast.cheats) - len(scored)} got no score."
    )
    return Finding(CHEATS, Level.PASS, reason, figures)


def _is_scored(actor: Actor) -> bool:
    return actor.evaluation.status is Status.SCORED


def _equal(one: Evaluation, two: Evaluation) -> bool:
    return two.score is not None and change(one.results, two.results) is None


def _value(problem: Problem, actor: Actor) -> str:
    score = actor.evaluation.score
    if score is None:
        return actor.evaluation.status.value.replace("_", " ")
    objective = problem.objectives[0]
    return (
        f"{objective.metric} {problem.describe_value(score.value) + 0.0:.4g}{objective.unit and ' ' + objective.unit}"
    )
