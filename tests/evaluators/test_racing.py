"""A race seldom stops what is as good as the incumbent, soon stops what is much worse, and changes no result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from heuresis.evaluators.nouns import InstanceResult, Result, Status, Tier
from heuresis.evaluators.partition import blocks, stages
from heuresis.evaluators.problem import Objective, Problem
from heuresis.evaluators.problems.online_bin_packing import OnlineBinPacking, weibull_instance
from heuresis.evaluators.racing import WRONG_STOPS, Bar, Race, is_behind, levels, looks
from heuresis.evaluators.referee import Referee
from heuresis.evaluators.statistics import mean_metrics
from heuresis.program import Program
from heuresis.sandbox.worker import open_worker
from tests.fixtures.noisy import Noisy

Array = NDArray[np.float64]
RACES = 10_000
LIMIT = WRONG_STOPS + 3 * (WRONG_STOPS * (1 - WRONG_STOPS) / RACES) ** 0.5
"""Three binomial standard errors above the stated rate."""
LOOKS = {"every 5": [5, 10, 15, 20], "every 10": [5, 15], "after train": [5]}
by_looks = pytest.mark.parametrize("at", LOOKS.values(), ids=LOOKS)


class Mean(Problem):
    """The mean of one number; higher is better."""

    objectives = (Objective("value", "max"),)
    race_size = 5


class Ratio(Problem):
    """A ratio of means, as in bin packing; lower is better."""

    objectives = (Objective("excess", "min"),)
    race_size = 5

    def summarize(self, results):
        means = mean_metrics(results)
        return {"excess": means["bins"] / means["bound"] - 1}


class Sure(Mean):
    """No fresh instances; no value is above 10."""

    promotions = ()

    def bound(self, instance):
        return {"value": 10.0}


class Unsure(Mean):
    promotions = ()


def rows(metrics: list[Mapping[str, float]]) -> list[InstanceResult]:
    """Five instances of train, the rest of valid."""
    places = [(Tier.TRAIN, n) if n < 5 else (Tier.VALID, n - 5) for n in range(len(metrics))]
    return [InstanceResult(tier, n, Result(one)) for (tier, n), one in zip(places, metrics, strict=True)]


def first_stop(mine: Array, theirs: Array, at: list[int]) -> Array:
    """Instances played when each race [R] of these values [R, 25] is stopped; 0: never."""
    stops = np.zeros(len(mine))
    for count, level in zip(at, levels(len(at)), strict=True):
        seen = np.round(mine - theirs, 9)[:, :count]
        error = seen.std(axis=1, ddof=1) / np.sqrt(count)
        credit = np.maximum(0.0, theirs[:, :count].mean(axis=1) - theirs.mean(axis=1))
        stopped = is_behind(seen.mean(axis=1) + credit, error, count, np.count_nonzero(seen, axis=1), level)
        stops[stopped & (stops == 0)] = count
    return stops


def played(problem: Problem, mine: list[Mapping[str, float]], theirs: list[Mapping[str, float]]) -> int:
    """The same for one race through `Race`."""
    race = Race(problem, Bar("a" * 64, tuple(rows(theirs))), lambda index: index)
    ends = np.cumsum([len(indices) for _, _, indices in stages(problem)]).tolist()
    return next((count for count in ends if race.evidence(rows(mine)[:count])), 0)


OUTCOMES: Mapping[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.exponential(size=shape),
    "very skewed": lambda rng, shape: rng.lognormal(0, 1, shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(3, shape),
    "without a mean": lambda rng, shape: rng.standard_cauchy(shape),
    "0 or 1, evenly": lambda rng, shape: (rng.random(shape) < 0.5).astype(float),
    "0 or 1, seldom 1": lambda rng, shape: (rng.random(shape) < 0.1).astype(float),
    "loses now and then": lambda rng, shape: -(rng.exponential(size=shape) ** 2),
}


@by_looks
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_of_ten_thousand_programs_as_good_as_the_incumbent_at_most_the_stated_rate_is_stopped(outcome, at):
    rng = np.random.default_rng(1)
    shared = 3 * rng.normal(size=(RACES, 25))  # some instances are harder, for both
    mine, theirs = (shared + outcome(rng, (RACES, 25)) for _ in range(2))
    assert (first_stop(mine, theirs, at) > 0).mean() <= LIMIT


@by_looks
def test_an_incumbent_that_fails_now_and_then_stops_no_steady_program_as_good_as_it(at):
    rng = np.random.default_rng(8)
    losses = rng.exponential(size=(RACES, 25))  # a mean of 1, as the other has on every instance
    assert (first_stop(rng.normal(-1, 0.5, losses.shape), -losses, at) > 0).mean() <= LIMIT


@by_looks
def test_a_ratio_of_means_keeps_the_rate(at):
    rng = np.random.default_rng(2)
    bound = rng.integers(50, 150, (RACES, 25)).astype(float)
    mine, theirs = (np.round(bound * (1 + 0.1 * rng.gamma(2, size=bound.shape))) for _ in range(2))
    stopped = np.zeros(RACES, bool)
    for count, level in zip(at, levels(len(at)), strict=True):
        sums = [some[:, :count].sum(axis=1, keepdims=True) for some in (mine, theirs, bound)]
        less = [total - some[:, :count] for total, some in zip(sums, (mine, theirs, bound), strict=True)]
        left_out = (less[1] - less[0]) / less[2]
        error = np.sqrt((count - 1) * left_out.var(axis=1))
        credit = np.maximum(0.0, theirs.sum(axis=1) / bound.sum(axis=1) - (sums[1] / sums[2])[:, 0])
        value = ((sums[1] - sums[0]) / sums[2])[:, 0] + credit
        stopped |= is_behind(value, error, count, np.count_nonzero((mine - theirs)[:, :count], axis=1), level)
    assert 0 < stopped.mean() <= LIMIT
    if at == looks(Ratio()):
        of = [[metrics(one, bound[n]) for n, one in enumerate(some[:100])] for some in (mine, theirs)]
        assert [played(Ratio(), a, b) > 0 for a, b in zip(*of, strict=True)] == stopped[:100].tolist()


def metrics(bins: Array, bound: Array) -> list[dict[str, float]]:
    return [{"bins": one, "bound": other} for one, other in zip(bins, bound, strict=True)]


def test_the_race_is_the_one_that_was_simulated():
    rng = np.random.default_rng(3)
    theirs, mine = rng.normal(size=(200, 25)), rng.normal(-0.7, 1, (200, 25))
    expected = first_stop(mine, theirs, looks(Mean()))
    of = [[[{"value": value} for value in one] for one in some] for some in (mine, theirs)]
    assert [played(Mean(), a, b) for a, b in zip(*of, strict=True)] == expected.tolist()
    assert set(expected) == {0, 5, 10, 15, 20}


@by_looks
def test_what_is_much_worse_is_stopped_at_the_first_look(at):
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(RACES, 25))
    stops = first_stop(shared + rng.normal(-4, 1, shared.shape), shared, at)
    assert (stops == 5).mean() > 0.98
    assert (stops == 0).mean() < 0.02


def test_many_small_losses_and_rare_large_wins_break_the_rate_as_the_page_says():
    """Equal means: the incumbent has 1 on nine of ten instances and -9 on one, the other always 0."""
    rng = np.random.default_rng(5)
    theirs = np.where(rng.random((RACES, 25)) < 0.1, -9.0, 1.0)
    theirs += rng.normal(0, 0.3, theirs.shape)
    assert 0.2 < (first_stop(np.zeros(theirs.shape), theirs, [5]) > 0).mean() < 0.3


def test_the_levels_of_all_looks_add_up_to_the_rate_and_the_first_can_stop():
    for count in range(1, 21):
        assert sum(levels(count)) == pytest.approx(WRONG_STOPS)
        assert levels(count)[0] > 0.5**5


def test_before_five_instances_nothing_is_looked_at_and_after_the_last_neither():
    assert looks(Mean()) == [5, 10, 15, 20]
    assert looks(Noisy()) == looks(Mean())
    assert looks(OnlineBinPacking()) == [5]

    class Small(Mean):
        tier_sizes = {Tier.TRAIN: 2, Tier.VALID: 6}
        race_size = 2

    assert looks(Small()) == [6]

    class Apart(Mean):
        train_as_valid = False

    assert looks(Apart()) == [5, 10, 15]


def test_instances_on_which_both_do_equally_well_do_not_count():
    lost = [{"value": 0.0}] * 4 + [{"value": 1.0}] * 21
    assert played(Mean(), lost, [{"value": 1.0}] * 25) == 0
    assert played(Mean(), [{"value": 0.0}] * 25, [{"value": 1.0}] * 25) == 5
    assert played(Mean(), [{"value": 1.0}] * 25, [{"value": 1.0}] * 25) == 0


def test_the_evidence_is_told_in_the_metric_with_its_error_and_its_risk():
    mine = [{"bins": bins, "bound": 100.0} for bins in (120.0, 130.0, 140.0, 130.0, 130.0)]
    bar = Bar("1a2b3c4d5e", tuple(rows([{"bins": 100.0, "bound": 100.0}] * 5)))
    words = Race(Ratio(), bar, lambda index: index).evidence(rows(mine))
    # The error is sqrt(0.02 / 4 / 5) = 0.0316: the squares of -0.1, 0, 0.1, 0, 0 add up to 0.02.
    assert words == "behind the incumbent 1a2b3c4d by 0.3 ± 0.032 on 5 of 25 instances, wrong at most 1 time in 20"


def test_sums_that_overflow_stop_nothing():
    assert played(Mean(), [{"value": -1e308}] * 25, [{"value": 1e308}] * 25) == 0


# no fresh instances: exact


def test_what_can_no_longer_catch_up_is_stopped_and_never_anything_else():
    rng = np.random.default_rng(6)
    stopped = 0
    for _ in range(300):
        mine, theirs = (rng.integers(0, 11, 25).astype(float) for _ in range(2))
        mine = np.minimum(mine, rng.integers(0, 11))
        count = played(Sure(), [{"value": v} for v in mine], [{"value": v} for v in theirs])
        assert count in (0, 10, 15, 20)
        if count:
            stopped += 1
            assert np.append(mine[5:count], [10.0] * (25 - count)).sum() < theirs[5:].sum()
            assert mine[5:].sum() < theirs[5:].sum()
    assert stopped > 50


def test_without_a_bound_there_is_no_race_without_fresh_instances_and_no_block_is_cut():
    assert not Unsure().may_race
    assert played(Unsure(), [{"value": -9.0}] * 25, [{"value": 9.0}] * 25) == 0
    assert [len(indices) for _, _, indices in stages(Unsure())] == [5, 20]
    assert [len(indices) for _, _, indices in stages(Sure())] == [5, 5, 5, 5, 5]


def test_no_rule_beats_the_bound_of_a_bin_packing_instance():
    instance = weibull_instance(np.random.default_rng(7), 300, 100)
    bound = OnlineBinPacking().bound(instance)
    with open_worker(("numpy",)) as worker:
        problem = OnlineBinPacking({"items": "300"})
        referee = Referee(problem, worker, b"secret")
        for text in problem.seeds.values():
            for row in referee.examine(Program.of(text), Tier.VALID, range(3)).results:
                own = problem.bound(referee._instance(Tier.VALID, row.index))
                assert own.keys() == row.result.metrics.keys()
                assert row.result.metrics["bins"] >= own["bins"] == row.result.metrics["lower_bound"]
    assert bound["bins"] == -(-int(instance.items.sum()) // 100)


# in the referee

LINE = "def guess(x):\n    return 3.0 * x + {}\n"


@pytest.fixture(scope="module")
def referee():
    with open_worker(("numpy",)) as worker:
        yield Referee(Noisy(), worker, b"secret")


NOBODY = Bar("nobody", ())
"""Everybody is above it."""


def bar_of(referee: Referee, text: str) -> Bar:
    return Bar.of(Program.of(text).id, referee.judge(Program.of(text)).results)


def test_a_program_that_is_not_stopped_has_the_same_verdict_with_and_without_a_bar(referee):
    bar, program = bar_of(referee, LINE.format(1.0)), Program.of(LINE.format(0.9))
    champion = bar_of(referee, LINE.format(1.5))
    alone, raced = referee.judge(program, champion), referee.judge(program, champion, bar)
    assert raced.score is not None
    assert raced.score.count == 40
    same = {"wall_seconds": 0.0, "cpu_seconds": 0.0}
    assert replace(alone, **same) == replace(raced, **same)


def test_a_program_that_is_clearly_behind_is_stopped_and_what_it_played_is_kept(referee):
    bar, program = bar_of(referee, LINE.format(1.0)), Program.of(LINE.format(9.0))
    alone, raced = referee.judge(program), referee.judge(program, None, bar)
    assert (raced.status, raced.score, raced.stage) == (Status.STOPPED, None, "screening")
    assert raced.results == alone.results[:5]
    assert raced.reason.startswith(f"behind the incumbent {bar.program[:8]} by ")
    assert raced.reason.endswith("on 5 of 25 instances, wrong at most 1 time in 20")
    assert raced.feedback == alone.feedback
    assert 0 < raced.calls < alone.calls
    assert raced.cpu_seconds > 0


def test_a_bar_holds_metrics_of_train_and_valid_and_nothing_else(referee):
    promoted = referee.judge(Program.of(LINE.format(1.0)), NOBODY)
    bar = Bar.of("some id", promoted.results)
    assert len(promoted.results) == 45
    assert [(row.tier, row.index) for row in bar.results] == [
        (tier, index) for tier, count in ((Tier.TRAIN, 5), (Tier.VALID, 40)) for index in range(count)
    ]
    assert all(row.result == Result(row.result.metrics) for row in bar.results)


def test_an_instance_is_played_in_the_same_block_whatever_else_is_played(referee):
    whole = list(blocks(referee.problem, Tier.VALID, range(40)))
    assert [len(block) for block in whole] == [5, 5, 5, 5, 20]
    for start in range(0, 40, 3):
        part = list(blocks(referee.problem, Tier.VALID, range(start, 40)))
        assert part[1:] == whole[-len(part) + 1 :] or len(part) == 1
    text = "import random\ndef guess(x):\n    return random.random()\n"  # depends on the seed of its block
    judged = referee.judge(Program.of(text), NOBODY)
    again = referee.examine(Program.of(text), Tier.VALID, range(20))
    assert again.results == tuple(row for row in judged.results if row.tier is Tier.VALID)[:20]


def test_own_instances_are_raced_exactly(tmp_path):
    file = tmp_path / "own.json"
    items = [[51, 49] * 20, [60] * 40] * 20
    file.write_text(f'{{"instances": {[{"capacity": 100, "items": one} for one in items]}}}'.replace("'", '"'))
    problem = OnlineBinPacking({"instances": str(file)})
    with open_worker(("numpy",)) as worker:
        referee = Referee(problem, worker, b"secret")
        best = Program.of(problem.seeds["best fit"])
        bar = Bar.of(best.id, referee.judge(best).results)
        alike = referee.judge(Program.of(problem.seeds["first fit"]), None, bar)
        worst = referee.judge(Program.of("def priority(item, bins):\n    return bins\n"), None, bar)
    assert alike.score is not None
    # After 20 of 40 it has 800 bins, and 10 * 20 + 10 * 24 is the least that is left; best fit has 20 * 20 + 20 * 40.
    assert worst.status is Status.STOPPED
    assert len(worst.results) == 25
    told = "at best 40.9091 after 20 of 40 instances, and the incumbent has 36.3636; never wrong"
    assert worst.reason == f"behind the incumbent {best.id[:8]} whatever comes: {told}"
