"""Does a program that fails get a status, and no score?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from heuresis.evaluators.checking import programs
from heuresis.evaluators.checking.cast import Cast
from heuresis.evaluators.checking.comparing import FAIL_BELOW, separation
from heuresis.evaluators.checking.report import Finding, Level
from heuresis.evaluators.checking.stage import Bench, Stage
from heuresis.evaluators.nouns import Evaluation, Status, Tier
from heuresis.evaluators.problem import Problem

ROBUST = "failing programs"

_HANG_SECONDS = 2.0
_TRIPPED = re.compile(r"could not use what the program returned \((\w+)")
_ODD = {
    "a program that returns None": "None",
    "a program that returns a text": "'?'",
    "a program that returns an object": "{'?': [1, [2.5, None]]}",
    "a program that returns a wrong shape": "[[0.5, 0.25, 0.125], [1.0]]",
    "a program that returns an empty list": "[]",
}


@dataclass(frozen=True)
class _Failing:
    name: str
    seen: Evaluation
    good: bool
    """Not below the known good."""


def check_failing(bench: Bench, stage: Stage, cast: Cast, known_good: Evaluation) -> Finding:
    """`failing programs`: what crashes, hangs, dies, returns NaN or nonsense, beside the known good on train."""
    indices = [row.index for row in known_good.results]
    if not indices:
        return Finding(ROBUST, Level.WARN, "There is no training instance to try it on.")
    bench.told("playing programs that fail")
    seen = []
    for name, source in _sources(bench.problem, cast.known_good.source):
        played = stage.play(source, Tier.TRAIN, indices).evaluation
        seen.append(_Failing(name, played, _is_good(bench.problem, played, known_good)))
    seen.append(_hanging(bench, known_good))
    return _finding(seen)


def _sources(problem: Problem, known_good: str) -> Iterator[tuple[str, str]]:
    entries = problem.required
    yield "a program that raises", programs.answering(entries, "1 // 0")
    yield "a program that dies", programs.answering(entries, "__import__('os')._exit(1)")
    yield "a program that returns only NaN", programs.filled(entries, known_good, "NaN")
    for name, expression in _ODD.items():
        yield name, programs.answering(entries, expression)


def _hanging(bench: Bench, known_good: Evaluation) -> _Failing:
    """With less time than the problem gives: that the limit ends it is what matters."""
    bench.told("playing a program that hangs")
    source = programs.answering(bench.problem.required, "__import__('time').sleep(1e6)")
    with Stage(bench, wall_seconds=_HANG_SECONDS) as stage:
        played = stage.play(source, Tier.TRAIN, bench.train[:1]).evaluation
    return _Failing("a program that hangs", played, _is_good(bench.problem, played, known_good))


def _is_good(problem: Problem, played: Evaluation, known_good: Evaluation) -> bool:
    if played.score is None or known_good.score is None:
        return played.score is not None
    return separation(problem, known_good, played).in_errors < FAIL_BELOW


def _finding(seen: list[_Failing]) -> Finding:
    scored = [one for one in seen if one.seen.status is Status.SCORED]
    figures = {"programs": len(seen), "with_a_score": len(scored)}
    for one in scored:
        if one.good:
            value = one.seen.score.value if one.seen.score else 0.0
            reason = f"{one.name[0].upper()}{one.name[1:]} is scored as well as the known good: raise Invalid."
            return Finding(ROBUST, Level.FAIL, reason, {**figures, "score": value})
    if scored:
        names = ", ".join(one.name for one in scored)
        return Finding(ROBUST, Level.WARN, f"Scored, if poorly: {names}. Raise Invalid for it.", figures)
    tripped = {match.group(1): one.name for one in seen if (match := _TRIPPED.search(one.seen.reason))}
    if tripped:
        kind, name = next(iter(tripped.items()))
        reason = f"`run` raises {kind} for {name}: check answers (heuresis.evaluators.checks) and tell what is wrong."
        return Finding(ROBUST, Level.WARN, reason, figures)
    return Finding(ROBUST, Level.PASS, f"{len(seen)} programs that fail each got a status and no score.", figures)
