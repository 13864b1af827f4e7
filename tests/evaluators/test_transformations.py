"""Transformations do to an instance what they say, and a rule without memorised sizes does not notice."""

from __future__ import annotations

import numpy as np
import pytest

from heuresis.evaluators.catalog import SHIPPED, load_problem
from heuresis.evaluators.problems.online_bin_packing import weibull_instance
from heuresis.evaluators.problems.packing_paths import PackingInstance, pack_by_calls
from heuresis.evaluators.transformations import Expected

CHANGES = {one.name: one for one in load_problem("online_bin_packing").transformations}


def best_fit(item, bins):
    return item - bins


def fitted(item, bins):
    """Leaves no room of 1 to 20: sizes of bins of 100."""
    left = bins - item
    return np.where((left > 0) & (left <= 20), -1000.0, -left)


def instance() -> PackingInstance:
    return weibull_instance(np.random.default_rng(3), 400, 100)


def changed(name: str) -> PackingInstance:
    return CHANGES[name].apply(instance(), np.random.default_rng(5))


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_names_are_told_apart_and_each_says_what_it_means_when_it_does_not_hold(name):
    changes = load_problem(name).transformations
    assert len({one.name for one in changes}) == len(changes) > 0
    assert all(one.broken for one in changes)


@pytest.mark.parametrize("factor", [2, 5])
def test_both_sizes_times_a_factor_are_the_same_question_to_best_fit_and_another_to_a_fitted_rule(factor):
    before, after = instance(), changed(f"items and capacity times {factor}")
    assert after.capacity == factor * 100
    assert np.array_equal(after.items, factor * before.items)
    assert after.lower_bound == before.lower_bound
    assert pack_by_calls(best_fit, after, 2).bins == pack_by_calls(best_fit, before, 2).bins
    assert pack_by_calls(fitted, after, 2).bins != pack_by_calls(fitted, before, 2).bins


@pytest.mark.parametrize("name", [name for name, one in CHANGES.items() if one.expected is Expected.NOISE])
def test_another_order_has_the_same_items(name):
    before, after = instance(), changed(name)
    assert sorted(after.items) == sorted(before.items)
    assert not np.array_equal(after.items, before.items)
    assert after.capacity == before.capacity


def test_fewer_and_more_items_and_larger_bins():
    before = instance()
    assert np.array_equal(changed("a fifth of the items").items, before.items[:80])
    twice = changed("twice the items").items
    assert np.array_equal(twice[:400], before.items)
    assert sorted(twice[400:]) == sorted(before.items)
    assert (changed("capacity times 1.5").capacity, changed("capacity times 5").capacity) == (150, 500)


def test_what_is_drawn_follows_from_the_generator():
    change = CHANGES["items shuffled"]
    one, other = (change.apply(instance(), np.random.default_rng(n)) for n in (5, 5))
    assert np.array_equal(one.items, other.items)


def test_another_number_of_circles_is_never_none():
    for change in load_problem("circle_packing").transformations:
        assert change.apply(1, np.random.default_rng(0)) >= 1
