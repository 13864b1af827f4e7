"""When a campaign ends."""

from __future__ import annotations

import pytest

from heuresis.agent.budget import Budget
from heuresis.agent.randomness import brief_rng
from heuresis.archive.records import Totals
from heuresis.errors import ConfigError


def test_room_counts_what_is_in_flight():
    assert Budget(evaluations=10).room(Totals(evaluated=6), in_flight=3) == 1
    assert Budget().room(Totals(evaluated=10**6), in_flight=3) > 10**6


@pytest.mark.parametrize(
    ("budget", "totals", "best", "since", "words"),
    [
        (Budget(evaluations=10), Totals(evaluated=10), None, 0, "10 evaluations"),
        (Budget(minutes=2), Totals(active_seconds=120), None, 0, "2 minutes"),
        (Budget(target=0.7), Totals(), -0.65, 0, "target 0.7"),
        (Budget(patience=50), Totals(), None, 50, "50 evaluations"),
        (Budget(evaluations=10), Totals(evaluated=9), None, 0, ""),
        (Budget(target=0.7), Totals(), -0.75, 0, ""),
    ],
)
def test_each_limit_ends_the_campaign_in_words(budget, totals, best, since, words):
    reason = budget.spent(totals, best, -1.0, since)
    assert (words in reason) if words else reason == ""


def test_minutes_that_were_passed_are_told_beside_those_that_were_asked_for():
    # The budget ends what is begun; what was being judged then took 12 s more: 30 + 12 = 42 s = 0.7 minutes
    assert Budget(minutes=0.5).spent(Totals(active_seconds=42), None, 1.0, 0) == (
        "budget of 0.5 minutes spent, 0.7 used"
    )
    assert Budget(minutes=0.5).spent(Totals(active_seconds=31), None, 1.0, 0) == "budget of 0.5 minutes spent"


@pytest.mark.parametrize("key", ["evaluations", "minutes", "patience"])
def test_a_budget_of_nothing_is_a_mistake(key):
    with pytest.raises(ConfigError, match=f"--{key}"):
        Budget(**{key: 0})


def test_the_random_numbers_of_a_brief_depend_on_seed_number_and_purpose_only():
    draws = {brief_rng(s, n, p).integers(2**60) for s in (0, 1) for n in range(9) for p in ("method", "mutate")}
    assert len(draws) == 36
    assert brief_rng(1, 2, "tune").integers(2**60) == brief_rng(1, 2, "tune").integers(2**60)
