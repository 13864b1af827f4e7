"""Online bin packing: published numbers, and three ways to play that must agree bin for bin."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Invalid
from heuresis.evaluators.problems import packing_paths as paths
from heuresis.evaluators.problems.online_bin_packing import BEST_FIT, FIRST_FIT, OnlineBinPacking, weibull_instance
from heuresis.evaluators.referee import Referee
from heuresis.program import Program
from heuresis.sandbox.worker import open_worker

needs_data = pytest.mark.skipif(
    "HEURESIS_DATA" not in os.environ, reason="HEURESIS_DATA names no folder with the published instance files"
)


class Local:
    """A rule as `paths` sees the program: a callable with `many`. Our own code, so it needs no jail."""

    def __init__(self, rule):
        self.rule = rule
        self.calls = 0

    def __call__(self, item, bins):
        self.calls += 1
        with np.errstate(all="ignore"):
            return self.rule(item, bins.copy())

    def many(self, arguments):
        return [self(*one) for one in arguments]


def generated_rule(rng: np.random.Generator):
    """A random elementwise rule; about half of them tie, some give NaN for some rooms."""
    a, b, c = rng.normal(size=3)
    power = rng.integers(1, 4)
    forms = [
        lambda item, bins: a * (bins - item) ** power + b * np.abs(bins - item - 30 * c),
        lambda item, bins: np.where(bins - item < 20 * abs(a), b * bins, c * item),
        lambda item, bins: np.round(a * np.sin(b * bins) + c * np.log1p(bins - item), 1),
        lambda item, bins: np.floor_divide(bins - item, 1 + int(10 * abs(a))) * np.sign(b),
        lambda item, bins: a / (bins - item) + b * np.sqrt(bins - item - 5 * abs(c)),
        lambda item, bins: -np.mod(bins, item) + a * (bins == item),
        lambda item, bins: a * np.sin(b * bins) + c * np.log1p(bins - item) * item,
        lambda item, bins: (bins - item - 50 * abs(c)) ** 2 * a + b * np.sqrt(bins),
    ]
    return forms[int(rng.integers(len(forms)))]


def python_loop(rule, instance):
    """The plain baseline: every bin there could be, numpy.argmax over the feasible ones."""
    rooms = np.full(len(instance.items), float(instance.capacity))
    for item in instance.items.tolist():
        fits = np.flatnonzero(rooms >= item)
        with np.errstate(all="ignore"):
            rooms[fits[np.argmax(rule(float(item), rooms[fits]))]] -= item
    return int((rooms < instance.capacity).sum())


def test_three_paths_and_the_plain_loop_give_the_same_bins_on_200_rules():
    rng = np.random.default_rng(1)
    kinds = {True: 0, False: 0}
    for number in range(200):
        rule = Local(generated_rule(rng))
        instance = weibull_instance(np.random.default_rng(number), 300, 100)
        sizes = np.unique(instance.items)
        table = paths.read_table(rule, sizes, 100)
        try:
            by_calls = paths.pack_by_calls(rule, instance, 2)
        except Invalid:
            with pytest.raises(Invalid, match="only NaN"):
                paths.pack_by_table(instance, table)
            continue
        assert paths.pack_by_table(instance, table, histogram=False) == by_calls
        if not table.ties:
            assert paths.pack_by_table(instance, table, histogram=True) == by_calls
        if number % 10 == 0:
            assert python_loop(rule.rule, instance) == by_calls.bins
        kinds[table.ties] += 1
    assert min(kinds.values()) > 20


def test_an_elementwise_rule_costs_at_most_one_table_of_calls():
    rule = Local(lambda item, bins: item - bins)
    instances = [weibull_instance(np.random.default_rng(n), 5000, 100) for n in range(20)]
    tables = paths.find_tables(rule, instances, 2, np.random.default_rng(0))
    probes = 2 * paths._PROBED_SIZES + paths._SAMPLED_STEPS
    assert list(tables.by_capacity) == [100]
    assert rule.calls <= 101 + probes


@pytest.mark.parametrize(
    "rule",
    [
        lambda item, bins: bins - bins.mean(),
        lambda item, bins: np.arange(len(bins)) % 3 - bins,
        lambda item, bins: np.where(len(bins) > 40, bins, -bins),
        lambda item, bins: np.append(-bins[1:], bins[0]),
    ],
    ids=["mean", "position", "length", "neighbour"],
)
def test_a_rule_that_looks_at_more_than_its_bin_gets_no_table(rule):
    instances = [weibull_instance(np.random.default_rng(n), 2000, 100) for n in range(3)]
    assert paths.find_tables(Local(rule), instances, 2, np.random.default_rng(0)).by_capacity == {}


def test_no_question_before_play_is_about_items_of_the_exam():
    """Else a rule could tell from the bins it is shown which items are still to come."""
    asked = []
    rule = Local(lambda item, bins: asked.append((item, bins.tobytes())) or np.where(bins == 100, 1.0, -bins))
    for seed in (1, 2):
        instances = [weibull_instance(np.random.default_rng(seed + n), 1000, 100) for n in range(2)]
        paths.find_tables(rule, instances, 2, np.random.default_rng(0))
    half = len(asked) // 2
    assert asked[:half] == asked[half:]


def test_a_changed_instance_is_another_problem(tmp_path):
    file = tmp_path / "mine.json"
    items = [1 + n % 90 for n in range(3000)]
    hashes = set()
    for position in (None, 0, 1500, 2999):
        changed = [item + (n == position) for n, item in enumerate(items)]
        file.write_text(json.dumps({"instances": [{"capacity": 100, "items": changed}]}))
        hashes.add(OnlineBinPacking({"instances": str(file)}).hash)
    assert len(hashes) == 4


def test_showing_every_empty_bin_changes_nothing():
    instance = weibull_instance(np.random.default_rng(3), 400, 100)
    for rule in (lambda item, bins: item - bins, lambda item, bins: -np.mod(bins, item)):
        assert paths.pack_by_calls(Local(rule), instance, 0) == paths.pack_by_calls(Local(rule), instance, 2)


def test_the_first_nan_wins_and_only_nan_is_invalid():
    instance = paths.PackingInstance(np.array([60, 30, 5]), 100)
    some = Local(lambda item, bins: np.where(bins == 40, np.nan, bins))
    assert paths.pack_by_calls(some, instance, 2).bins == 2  # 30 goes to the NaN bin (room 40), 5 to an empty one
    with pytest.raises(Invalid, match="only NaN"):
        paths.pack_by_calls(Local(lambda item, bins: bins * np.nan), instance, 2)


def test_excess_is_a_ratio_of_means():
    results = [
        Result({"excess_percent": 100.0, "bins": 2, "lower_bound": 1}),
        Result({"excess_percent": 0.0, "bins": 99, "lower_bound": 99}),
    ]
    assert OnlineBinPacking().summarize(results)["excess_percent"] == pytest.approx(1.0)


@needs_data
@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "first", "best"), [("bin_packing_or3", 5.74, 5.37), ("bin_packing_weibull_5k", 4.23, 3.98)]
)
def test_published_values_of_first_fit_and_best_fit_are_reproduced(file, first, best):
    source = Path(os.environ["HEURESIS_DATA"]) / f"{file}.json"
    problem = OnlineBinPacking({"instances": str(source)})
    with open_worker(tuple(problem.runtime)) as worker:
        referee = Referee(problem, worker, b"secret")
        for text, published in ((FIRST_FIT, first), (BEST_FIT, best)):
            verdict = referee.examine(Program.of(text), Tier.VALID, range(problem.tier_size(Tier.VALID)))
            assert round(verdict.metrics["excess_percent"], 2) == published


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("not json", "a JSON file"),
        ("[]", "instances"),
        ('{"instances": [{"capacity": 10}]}', r"instances\[0\]"),
        (
            '{"instances": [{"capacity": 10, "items": [3]}, {"capacity": 10, "items": [3, 11]}]}',
            r"instances\[1\].items\[1\]",
        ),
        ('{"instances": [{"capacity": 10, "items": [true]}]}', r"items\[0\]"),
        ('{"instances": [{"capacity": 0, "items": [1]}]}', "capacity"),
    ],
)
def test_a_bad_instance_file_is_refused_where_it_is_wrong(tmp_path, content, named):
    file = tmp_path / "mine.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=named):
        OnlineBinPacking({"instances": str(file)})


def test_own_instances_replace_the_valid_tier_and_keep_their_names(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"instances": [{"name": "tiny", "capacity": 10, "items": [6, 5, 4, 5]}]}))
    problem = OnlineBinPacking({"instances": str(file)})
    with open_worker(tuple(problem.runtime)) as worker:
        verdict = Referee(problem, worker, b"secret").judge(Program.of(BEST_FIT))
    rows = [row for row in verdict.results if row.tier is Tier.VALID]
    assert [(row.name, row.result.metrics["bins"]) for row in rows] == [("tiny", 2)]
    assert problem.hash != OnlineBinPacking().hash
