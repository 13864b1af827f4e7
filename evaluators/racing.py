"""Racing: a candidate that is clearly behind an incumbent is stopped before it has played everything. Pure.

Two kinds, by what is known of the instances:

*Fresh instances* (`Problem.promotions`): a test. After each stage the paired differences candidate - incumbent on the
instances both have played are looked at, through the problem's own aggregate. The race ends when even the upper end of
a one-sided interval (Student's, on the jackknife error) is below zero. Look k of K is allowed the share
(1/k^2) / (1 + 1/4 + ... + 1/K^2) of WRONG_STOPS: the first look, which saves most, gets most, and by Bonferroni's
inequality all looks together stop a program as good as the incumbent at most so often. Instances on which the two do
equally well say nothing: with m others the level must also be at least 2^-m, the chance that an equally good program
loses them all. So five instances are the least. And what the incumbent is known to do worse on the instances that the
candidate has not played is credited to the candidate: an incumbent that fails badly now and then stops nobody by having
been spared on the first few.

This is the racing of Maron & Moore (Hoeffding Races, NIPS 6, 1994) with the paired test of Birattari et al. (A Racing
Algorithm for Configuring Metaheuristics, GECCO 2002, "F-Race"), Student's in the place of Friedman's because there are
two programs and the size of a difference counts.

It assumes that instances are independent draws of one distribution (train as valid, unless `Problem.train_as_valid`
says otherwise) and that the mean of a few differences is about normal. It does not hold for a candidate that mostly
loses a little and very rarely wins a lot: see docs/problems.md, which has the figures. As good is meant as measured: an
incumbent that was chosen for its results on these very instances is flattered by them, and so is the bar.

*No fresh instances* (the user's own, or no promotions): exact. `Problem.bound` says what no program can beat on an
instance; the race ends when the results so far, completed by the bounds of what is left, are still below the incumbent.
No statistics, never wrong. Without `bound` there is no race.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from numpy.typing import NDArray

from heuresis.evaluators.intervals import student_quantile
from heuresis.evaluators.nouns import InstanceResult, Result, Tier
from heuresis.evaluators.partition import stages
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.statistics import Statistic, paired_difference

WRONG_STOPS = 0.05
"""How often, at most, a program as good as the incumbent is stopped."""
_LEAST = 5
"""Instances at the first look: with fewer, the chance to lose them all is above any look's level."""
_ID_DIGITS = 8

Some = TypeVar("Some", float, NDArray[Any])


@dataclass(frozen=True)
class Bar:
    """The incumbent that a candidate races against."""

    program: str
    """Its id."""
    results: tuple[InstanceResult, ...]
    """All on train and valid; metrics only."""

    @classmethod
    def of(cls, program: str, results: Sequence[InstanceResult]) -> Bar:
        """What a race needs of an incumbent's results."""
        rows = [row for row in results if row.tier in (Tier.TRAIN, Tier.VALID)]
        return cls(program, tuple(InstanceResult(r.tier, r.index, Result(r.result.metrics)) for r in rows))


@dataclass(frozen=True)
class Race:
    """One candidate against one incumbent."""

    problem: Problem
    bar: Bar
    instance: Callable[[int], Any]
    """An instance of the base set by its index."""
    wrong_stops: float = WRONG_STOPS

    def evidence(self, results: Sequence[InstanceResult]) -> str:
        """Why a program with these results is stopped, in words; empty: it plays on. Asked after each stage."""
        if not self.problem.may_race:
            return ""
        try:
            return self._tested(results) if self.problem.promotion_steps else self._completed(results)
        except (OverflowError, ValueError):  # finite each, but their sum is not: told when all is played
            return ""

    def _tested(self, results: Sequence[InstanceResult]) -> str:
        mine, theirs = _tiers(self.problem, results), _tiers(self.problem, self.bar.results)
        if len(mine) not in self._looks:
            return ""
        statistic = statistic_of(self.problem)
        found = paired_difference(mine, theirs, statistic)
        level = levels(len(self._looks), self.wrong_stops)[self._looks.index(len(mine))]
        pairs = _pairs(mine, theirs)
        differing = sum(statistic([a]) != statistic([b]) for a, b in pairs)
        credit = max(0.0, statistic([b for _, b in pairs]) - statistic([row.result for row in theirs]))
        if not is_behind(found.value + credit, found.standard_error, found.count, differing, level):
            return ""
        unit = f" {unit}" if (unit := self.problem.objectives[0].unit) else ""
        of = sum(len(indices) for _, tier, indices in stages(self.problem) if tier in _raced(self.problem))
        behind = f"{-found.value:.3g}{unit} ± {found.standard_error:.2g}"
        rate = f"wrong at most 1 time in {1 / self.wrong_stops:.3g}"
        return f"behind the incumbent {self._name} by {behind} on {found.count} of {of} instances, {rate}"

    @cached_property
    def _looks(self) -> list[int]:
        return looks(self.problem)

    def _completed(self, results: Sequence[InstanceResult]) -> str:
        size = self.problem.tier_size(Tier.VALID)
        mine = {row.index: row.result for row in results if row.tier is Tier.VALID}
        theirs = {row.index: row.result for row in self.bar.results if row.tier is Tier.VALID and row.index < size}
        if not 0 < len(mine) < size or len(theirs) < size:
            return ""
        bounds = {index: self.problem.bound(self.instance(index)) for index in range(size) if index not in mine}
        if any(metrics is None for metrics in bounds.values()):
            return ""
        best = mine | {index: Result(metrics) for index, metrics in bounds.items() if metrics is not None}
        statistic = statistic_of(self.problem)
        most, needed = (statistic([of[index] for index in range(size)]) for of in (best, theirs))
        if most >= needed:
            return ""
        told = [f"{self.problem.describe_value(value):.6g}" for value in (most, needed)]
        at_best = f"at best {told[0]} after {len(mine)} of {size} instances, and the incumbent has {told[1]}"
        return f"behind the incumbent {self._name} whatever comes: {at_best}; never wrong"

    @property
    def _name(self) -> str:
        return self.bar.program[:_ID_DIGITS]


def looks(problem: Problem) -> list[int]:
    """Numbers of instances after which a race is looked at; after the last stage there is nothing to save."""
    counts, played = [], 0
    for _, tier, indices in stages(problem)[:-1]:
        played += len(indices) if tier in _raced(problem) else 0
        counts.append(played)
    return sorted({count for count in counts if count >= _LEAST})


def levels(count: int, wrong_stops: float = WRONG_STOPS) -> list[float]:
    """How often each of so many looks may stop a program as good as the incumbent; together `wrong_stops`."""
    shares = [1 / look**2 for look in range(1, count + 1)]
    return [wrong_stops * share / sum(shares) for share in shares]


def is_behind(value: Some, standard_error: Some, count: int, differing: Some | int, level: float) -> Any:
    """Whether the upper end of the one-sided interval at this level is below zero, and enough instances differ.

    Elementwise; `count` instances were played, on `differing` of them the two did not do equally well.
    """
    upper = value + standard_error * student_quantile(1 - level, count - 1)
    return (upper < 0) & (0.5**differing <= level)


def is_above(problem: Problem, results: Sequence[InstanceResult], champion: Bar) -> bool:
    """Whether a program with these results is better than the champion, on the valid instances that both have played.

    Not score against score: those of a champion that has played more say something about other instances.
    """
    mine, theirs = ([row for row in rows if row.tier is Tier.VALID] for rows in (results, champion.results))
    if not {row.index for row in mine} & {row.index for row in theirs}:
        return True
    return paired_difference(mine, theirs, statistic_of(problem)).value > 0


def statistic_of(problem: Problem) -> Statistic:
    """Value of the problem's score over some results; higher is better."""
    if type(problem).aggregate is not Problem.aggregate:
        return lambda results: problem.aggregate(results).value
    objective = problem.objectives[0]
    return lambda results: objective.sign * problem.summarize(results)[objective.metric]


def _pairs(mine: Sequence[InstanceResult], theirs: Sequence[InstanceResult]) -> list[tuple[Result, Result]]:
    other = {(row.tier, row.index): row.result for row in theirs}
    return [(row.result, other[row.tier, row.index]) for row in mine if (row.tier, row.index) in other]


def _tiers(problem: Problem, results: Sequence[InstanceResult]) -> list[InstanceResult]:
    return [row for row in results if row.tier in _raced(problem)]


def _raced(problem: Problem) -> tuple[Tier, ...]:
    return (Tier.TRAIN, Tier.VALID) if problem.train_as_valid else (Tier.VALID,)
