"""Looks are counted, and what is claimed after many of them is true as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from heuresis.agent.looking import Claim, Ledger, compared, in_words
from heuresis.archive.records import Look
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.statistics import Difference

SEEDS = {"seed": "best fit"}


def ledger(*looks: tuple[str, Tier]) -> Ledger:
    return Ledger([Look(number, program, tier, 40) for number, (program, tier) in enumerate(looks, 1)], SEEDS)


def test_programs_of_the_search_count_once_per_tier_and_seeds_never():
    seen = ledger(("seed", Tier.TEST), ("a", Tier.TEST), ("a", Tier.SHIFT), ("b", Tier.TEST), ("a", Tier.TEST))
    assert seen.programs(Tier.TEST) == ("a", "b")
    assert seen.running() == [0, 1, 1, 2, 2]
    assert [seen.comparisons(Tier.TEST, one) for one in ("a", "b", "seed")] == [2, 2, 1]
    assert seen.comparisons(Tier.SHIFT, "a") == 1


def test_a_ledger_without_looks_corrects_nothing():
    assert ledger().comparisons(Tier.TEST, "a") == 1
    assert ledger().running() == []


@pytest.mark.parametrize(
    ("gain", "error", "count", "looks", "claim", "words"),
    [
        # Student's quantile at 39 degrees: 2.023 for one look, 2.84 for seven (0.05 / 14 in each tail)
        (3.0, 1.0, 40, 1, Claim.BETTER, "better than best fit"),
        (3.0, 1.0, 40, 7, Claim.BETTER, "better than best fit also after correction for 7 looks"),
        (-3.0, 1.0, 40, 7, Claim.WORSE, "worse than best fit also after correction for 7 looks"),
        (
            *(2.5, 1.0, 40, 7, Claim.DOUBTFUL),
            "not distinguishable from best fit after correction for 7 looks (better without it)",
        ),
        (1.0, 1.0, 40, 7, Claim.UNCLEAR, "not distinguishable from best fit"),
        (0.0, 0.0, 40, 7, Claim.EQUAL, "equal to best fit"),
        (3.0, 0.0, 1, 7, Claim.UNKNOWN, "one instance, no interval: nothing can be said about best fit"),
    ],
)
def test_a_claim_is_what_the_corrected_interval_bears(gain, error, count, looks, claim, words):
    found = compared(Difference(gain, error, count), 1.0, looks)
    assert found.claim is claim
    assert in_words(found, "best fit") == words


def test_where_lower_is_better_a_lower_value_is_a_gain():
    found = compared(Difference(-3.0, 1.0, 40), -1.0, 2)
    assert found.gain == 3.0
    assert found.claim is Claim.BETTER
    assert found.corrected.low < found.alone.low < 3.0 < found.alone.high < found.corrected.high


@pytest.mark.parametrize("looks", [3, 10])
def test_among_many_equal_programs_hardly_ever_one_is_called_different(looks):
    """k programs that are as good as the seed, on the same 20 instances: at most 5 % of such ledgers hold any claim."""
    rng, rounds, count = np.random.default_rng(looks), 1200, 20
    wrong = {1: 0, looks: 0}
    for _ in range(rounds):
        seed, programs = rng.normal(size=count), rng.normal(size=(looks, count))
        rows = programs - seed  # they share the seed's noise, as real differences do
        errors = rows.std(axis=1, ddof=1) / np.sqrt(count)
        found = [Difference(float(row.mean()), float(error), count) for row, error in zip(rows, errors, strict=True)]
        for among in wrong:
            claims = {compared(one, 1.0, among).claim for one in found}
            wrong[among] += bool(claims & {Claim.BETTER, Claim.WORSE})
    assert wrong[looks] / rounds <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)
    assert wrong[1] / rounds > 0.09  # without the correction it is far more, so the test can fail
