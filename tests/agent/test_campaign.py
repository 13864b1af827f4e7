"""Campaigns end to end, with real referees and jails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from heuresis.agent import judging
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.measuring import MEASURING
from heuresis.agent.run import run_campaign
from heuresis.archive.check import check
from heuresis.archive.leases import owner
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status, Tier
from heuresis.program import Program

TINY = f"{Path(__file__).parents[1] / 'fixtures' / 'tiny.py'}:Tiny"


def ignore(progress):
    """An observer that looks away."""


def search(store, stop=None, **parts):
    campaign = Campaign(TINY, name="c", **({"budget": Budget(evaluations=25)} | parts))
    return run_campaign(campaign, store, 2, ignore, stop or threading.Event())


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished campaign, for tests that only look."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}") as opened:
        search(opened, budget=Budget(evaluations=60))
        yield opened


def test_the_evaluation_budget_is_met_exactly_and_every_view_equals_its_rebuild(searched):
    totals = searched.totals("c")
    assert totals.evaluated == 60
    assert totals.entries == sum(totals.by_status.values())
    assert list(check(searched)) == []


def test_a_search_beats_its_seeds(searched):
    [best] = searched.top("c", 1)
    seeds = [searched.verdict_of("c", number, 0).evaluation.score.value for number in range(2)]
    assert best.evaluation.score.value > max(seeds)
    judged = [one for one in searched.entries("c") if one.proposal.operator not in MEASURING]
    promoted = [one.evaluation.score.count for one in judged if one.evaluation.score]
    assert 8 in promoted  # the base set of 4, and the fresh ones that a champion must face
    assert best.evaluation.isolation.startswith("namespaces")


def test_no_program_is_judged_twice_unless_it_is_measured_again(searched):
    fresh = [e for e in searched.entries("c") if e.proposal.program and not e.reused]
    judged = [e.proposal.program.id for e in fresh if e.proposal.operator not in MEASURING]
    assert len(judged) == len(set(judged))


def test_a_higher_budget_goes_on_where_the_campaign_ended(store):
    assert search(store).reason.startswith("budget of 25")
    before = [entry.sequence for entry in store.entries("c")]
    assert search(store, budget=Budget(evaluations=40)).reason.startswith("budget of 40")
    after = list(store.entries("c"))
    assert [entry.sequence for entry in after][: len(before)] == before
    assert store.totals("c").evaluated == 40


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"seed": 7}, "seed"),
        ({"method_name": "random"}, "method"),
        ({"method_settings": {"islands": "2"}}, r"method_settings \(islands\)"),
    ],
)
def test_a_changed_setting_is_refused_with_old_new_and_a_way_out(searched, changed, key):
    with pytest.raises(ConfigError, match=rf"{key}.*as when it was started.*--new NAME"):
        search(searched, **changed)


def test_a_changed_problem_is_refused(store, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(Path(TINY.rpartition(":")[0]).read_text())
    one = Campaign(f"{file}:Tiny", name="c", budget=Budget(evaluations=5))
    run_campaign(one, store, 1, ignore, threading.Event())
    other = Campaign(f"{file}:Tiny", name="c", budget=Budget(evaluations=9))
    object.__setattr__(other.problem, "hash", "changed since")
    with pytest.raises(ConfigError, match=r"the code of .* its settings are the same"):
        run_campaign(other, store, 1, ignore, threading.Event())


def test_a_seed_program_that_fails_stops_the_campaign_before_it_searches(store, tmp_path):
    file = tmp_path / "broken.py"
    text = Path(TINY.rpartition(":")[0]).read_text().replace("return 0.0", "return 'zero'")
    file.write_text(text)
    campaign = Campaign(f"{file}:Tiny", name="c", budget=Budget(evaluations=50))
    with pytest.raises(ConfigError, match="seed 'zero' ended invalid"):
        run_campaign(campaign, store, 1, ignore, threading.Event())
    assert store.totals("c").evaluated == 2


def test_a_stopped_campaign_goes_on(store):
    stop = threading.Event()

    def after_ten(progress):
        if progress.evaluations >= 10:
            stop.set()

    campaign = Campaign(TINY, name="c", budget=Budget(evaluations=25))
    outcome = run_campaign(campaign, store, 2, after_ten, stop)
    assert outcome.reason == ""
    assert 10 <= store.totals("c").evaluated < 25
    assert search(store).reason
    assert store.totals("c").evaluated == 25
    assert list(check(store)) == []


def test_target_and_patience_end_a_campaign(store):
    assert search(store, budget=Budget(evaluations=500, target=0.9)).reason == "target 0.9 reached"
    assert "patience 5" in search(store, budget=Budget(evaluations=2000, patience=5)).reason


def test_two_drivers_do_not_run_one_campaign(store):
    search(store)
    store.acquire("c", owner(), 60)
    with pytest.raises(ConfigError, match="process"):
        search(store, budget=Budget(evaluations=30))


def test_a_program_of_ones_own_enters_like_any_other(store):
    search(store)
    record = store.campaign("c")
    perfect = Program.of("def guess(x):\n    return 3.0 * x + 1.0\n")
    entry = judging.add_program(store, record, perfect, "the answer")
    assert entry.evaluation.status is Status.SCORED
    assert store.top("c", 1)[0].proposal.program.id == perfect.id
    refused = judging.add_program(store, record, Program.of("x = 1\n"), "")
    assert refused.evaluation.status is Status.REFUSED
    again = judging.add_program(store, record, perfect, "once more")
    assert again.reused
    assert list(check(store)) == []


def test_every_look_at_a_held_out_tier_is_stored(store):
    search(store)
    record, best = store.campaign("c"), store.top("c", 1)[0].proposal.program
    first = judging.open_held_out(store, record, [(best, Tier.TEST), (best, Tier.SHIFT)])
    [second] = judging.open_held_out(store, record, [(best, Tier.TEST)])
    assert [(look.tier, look.count) for look in (*first, second)] == [(Tier.TEST, 4), (Tier.SHIFT, 2), (Tier.TEST, 4)]
    assert first[0].evaluation.score == second.evaluation.score
    assert [look.program for look in store.looks("c")] == [best.id] * 3


def test_held_out_results_reach_no_view_no_entry_and_no_total(store):
    search(store)
    record, best = store.campaign("c"), store.top("c", 1)[0].proposal.program
    before = (store.totals("c"), dict(store.members("c", "best")), dict(store.members("c", "islands")))
    judging.open_held_out(store, record, [(best, Tier.TEST), (best, Tier.SHIFT)])
    assert (store.totals("c"), dict(store.members("c", "best")), dict(store.members("c", "islands"))) == before
    tiers = {row.tier for entry in store.entries("c") for row in entry.evaluation.results}
    assert tiers == {Tier.TRAIN, Tier.VALID}


def test_without_a_campaign_anybody_gets_the_same_numbers():
    program = Program.of("def guess(x):\n    return 3.0 * x\n")
    one, two = judging.evaluate(TINY, program), judging.evaluate(TINY, program)
    assert one.results == two.results
    assert one.score.value == pytest.approx(-1.0)
