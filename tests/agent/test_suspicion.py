"""A score that jumps too far is looked at by a person before anything is built on it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import heuresis
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.fixed import SEED
from heuresis.agent.judging import add_program
from heuresis.agent.replaying import replay_campaign
from heuresis.agent.run import run_campaign
from heuresis.agent.suspicion import BEGINNING, Standing, reason_to_doubt, start_of
from heuresis.archive.check import check
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.evaluators.problem import Problem
from heuresis.program import Program

FIXTURES = Path(__file__).parents[1] / "fixtures"
LEAKY = f"{FIXTURES / 'leaky.py'}:Leaky"
EXPLOIT = Program.of("def guess(x):\n    return 1000000.0\n")


def search(store: Store, problem: str = LEAKY, evaluations: int = 12) -> CampaignRecord:
    campaign = Campaign(problem, budget=Budget(evaluations=evaluations), seed=1)
    return run_campaign(campaign, store, 1, lambda progress: None, threading.Event()).record


def parents(store: Store, record: CampaignRecord) -> set[str]:
    return {one for entry in store.entries(record.name) for one in entry.proposal.parents}


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        yield store


@pytest.fixture
def fooled(store: Store) -> tuple[Store, CampaignRecord, Entry]:
    """A search into which the exploit was put."""
    record = search(store)
    return store, record, add_program(store, record, EXPLOIT, "too good to be true")


def test_a_jump_is_measured_in_the_whole_progress_so_far():
    standing = Standing(best=3.0, start=1.0)
    assert reason_to_doubt(13.0, standing, 5.0, "ab" * 32) is None
    assert reason_to_doubt(27.0, standing, 5.0, "ab" * 32).startswith("jumped 12 times further than everything before")
    assert "heuresis quarantine release abababab" in reason_to_doubt(27.0, standing, 5.0, "ab" * 32)
    assert reason_to_doubt(2.0, standing, 5.0, "ab" * 32) is None


def test_where_nothing_was_gained_yet_nothing_is_a_jump():
    assert reason_to_doubt(1e9, Standing(1.0, 1.0), 5.0, "ab" * 32) is None
    assert reason_to_doubt(1e9, Standing(1.0, 2.0), 5.0, "ab" * 32) is None


def test_a_search_begins_at_its_worst_seed_or_else_at_the_middle_of_its_first_programs():
    assert start_of([-4.5, -3.8, -4.4], []) == -4.5
    assert start_of([1.0], [1.0, 2.0]) is None
    assert start_of([1.0, 1.0], [1.0] * BEGINNING) is None
    assert start_of([5.0], [5.0, *range(BEGINNING - 2), -1e9]) == 3.5  # of -1e9, 0, ..., 3, 4, 5, 5, 6, 7
    assert start_of([], [float(n) for n in range(BEGINNING + 5)]) == (BEGINNING - 1) / 2


def test_the_published_best_rules_would_not_be_held_up_as_first_children_of_the_bin_packing_seeds():
    """Seeds as measured (docs/auditing.md): 4.50 % (first fit) to 3.84 % (harmonic); the best published: 0.68 %."""
    assert Problem.suspicious_jump is not None
    assert reason_to_doubt(-0.68, Standing(-3.84, -4.50), Problem.suspicious_jump, "ab" * 32) is None


def test_an_exploit_is_no_parent_until_a_person_releases_it(fooled):
    store, record, entry = fooled
    assert "times further than everything before" in entry.evaluation.quarantine
    search(store, evaluations=40)
    assert EXPLOIT.id not in parents(store, record)
    assert EXPLOIT.id not in {one.program for one in store.members(record.name, "islands").values()}
    assert EXPLOIT.id not in {one.proposal.program.id for one in store.top(record.name, 100)}
    assert [one.proposal.program.id for one in store.quarantined(record.name)] == [EXPLOIT.id]
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(EXPLOIT.id, None)
    assert store.top(record.name, 1)[0].proposal.program == EXPLOIT
    assert store.quarantined(record.name) == []
    assert check(store) == []


def test_where_a_problem_believes_any_jump_the_same_program_becomes_best(store):
    record = search(store, f"{FIXTURES / 'leaky.py'}:Trusting")
    assert add_program(store, record, EXPLOIT, "").evaluation.quarantine is None
    assert store.top(record.name, 1)[0].proposal.program == EXPLOIT


def test_with_one_seed_ten_scored_programs_come_first(store):
    record = search(store, f"{FIXTURES / 'leaky.py'}:Lonely", evaluations=1)
    assert add_program(store, record, EXPLOIT, "").evaluation.quarantine is None
    other = search(store, f"{FIXTURES / 'leaky.py'}:Leaky", evaluations=2)
    assert add_program(store, other, Program.of(f"{EXPLOIT.text}# again\n"), "").evaluation.quarantine is not None


def test_a_released_program_is_not_caught_again_by_the_same_rule(fooled):
    store, record, _ = fooled
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(EXPLOIT.id, None)
    campaign = Campaign(LEAKY, name="second", budget=Budget(evaluations=12), seed=2)
    second = run_campaign(campaign, store, 1, lambda progress: None, threading.Event()).record
    assert add_program(store, second, EXPLOIT, "").evaluation.quarantine is None
    assert add_program(store, record, EXPLOIT, "").evaluation.quarantine is None


def test_seeds_are_what_others_are_measured_by(fooled):
    store, record, _ = fooled
    seeds = [one for one in store.entries(record.name) if one.proposal.operator == SEED]
    assert [one.evaluation.quarantine for one in seeds] == [None, None]


def test_a_told_program_that_jumps_is_caught_and_so_is_its_twin_and_released_it_is_a_parent(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    with heuresis.Search(LEAKY, storage=url, workers=1, method_settings={"founders": 2, "islands": 1}) as search:
        found = search.tell(search.ask(), EXPLOIT)
        assert "times further" in found.quarantine
        assert search.tell(search.ask(), EXPLOIT).quarantine == found.quarantine
        assert search.best.id != EXPLOIT.id
        search.tell(search.ask(), "def guess(x):\n    return 2.0 * x\n")
        assert all(EXPLOIT.id not in {one.id for one in search.ask().parents} for _ in range(10))
        with Store.open(url) as other, other.transaction(durable=True) as transaction:
            transaction.set_quarantine(EXPLOIT.id, None)  # by a person, while the search goes on
        search.tell(search.ask(), "def guess(x):\n    return 2.5 * x\n")
        assert search.best.id == EXPLOIT.id
        assert any(EXPLOIT.id in {one.id for one in search.ask().parents} for _ in range(10))


@pytest.mark.slow
def test_a_replay_distrusts_and_releases_when_it_was_done(fooled):
    store, record, _ = fooled
    search(store, evaluations=20)
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(EXPLOIT.id, None)
    search(store, evaluations=40)
    before = list(store.entries(record.name))
    replay_campaign(store, record, "again")
    again = list(store.entries("again"))
    assert [(one.proposal, one.evaluation) for one in again] == [(one.proposal, one.evaluation) for one in before]
    assert list(store.entries(record.name)) == before
    assert check(store) == []
