"""A campaign that races: what is stopped is kept, shown, verified and replayed, and is never taken for a score."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heuresis.agent.bench import Bench
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.judging import campaign_of
from heuresis.agent.methods.genetic import Genetic
from heuresis.agent.methods.sequential import Sequential
from heuresis.agent.progress import failures
from heuresis.agent.replaying import replay_campaign
from heuresis.agent.run import run_campaign
from heuresis.agent.verifying import verify_kept
from heuresis.archive import codec
from heuresis.archive.check import check
from heuresis.archive.records import REPEAT, Brief, CampaignRecord, Entry, Member
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Result, Status
from heuresis.evaluators.racing import Bar
from heuresis.program import Program
from tests.fixtures.cases import often

NOISY = f"{Path(__file__).parents[1] / 'fixtures' / 'noisy.py'}:Noisy"
METHODS = {
    "random": {},
    "sequential": {},
    "genetic": {"islands": "2", "capacity": "6", "founders": "5", "tune_share": "0.3", "tune_evaluations": "8"},
}


def searched(store: Store, method: str, *, racing: bool = True, evaluations: int = 60) -> CampaignRecord:
    budget = Budget(evaluations=evaluations)
    campaign = Campaign(NOISY, method, method + "-" * (not racing), {}, METHODS[method], racing=racing, budget=budget)
    return run_campaign(campaign, store, 2, lambda progress: None, threading.Event()).record


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A campaign of each method that races; each was stopped once in between."""
    url = f"sqlite:///{tmp_path_factory.mktemp('racing')}/store.db"
    with Store.open(url) as store:
        for method in METHODS:
            for evaluations in (30, 55):
                searched(store, method, evaluations=evaluations)
    return url


def stopped(store: Store, campaign: str) -> list[Entry]:
    return [one for one in store.entries(campaign) if one.evaluation.status is Status.STOPPED]


@pytest.mark.parametrize("method", METHODS)
def test_programs_that_are_clearly_behind_are_stopped_and_told_why(url, method):
    with Store.open(url) as store:
        found = stopped(store, method)
        if method == "genetic":  # a small island is full late: its races are seldom lost in so few evaluations
            assert any(store.brief(method, number).bar for number in range(store.totals(method).briefs))
        else:
            assert found
        for entry in found:
            brief = store.brief(method, entry.brief)
            assert entry.evaluation.score is None
            assert 5 <= len(entry.evaluation.results) < 25
            assert entry.evaluation.reason.startswith(f"behind the incumbent {brief.bar[:8]} by ")
        assert check(store) == []


@pytest.mark.parametrize("method", METHODS)
def test_what_was_stopped_is_in_no_population_is_no_failure_and_lends_nobody_its_verdict(url, method):
    with Store.open(url) as store:
        record, found = store.campaign(method), stopped(store, method)
        lost = {one.proposal.program.id for one in found}
        views = ["best"] + {"random": [], "sequential": ["parent"], "genetic": ["islands"]}[method]
        assert all(member.program not in lost for view in views for member in store.members(method, view).values())
        assert store.totals(method).by_status.get("stopped", 0) == len(found)
        assert "stopped" not in failures(store.totals(method).by_status)
        assert all(one.evaluation.status is not Status.STOPPED for one in store.failed(method, 1000))
        bench = Bench(campaign_of(record), record, store)
        for one in found:
            assert store.reusable(bench.key(one.proposal.program, store.brief(method, one.brief)), method) is None


def test_nothing_that_needs_a_score_races(url):
    with Store.open(url) as store:
        briefs = [store.brief("genetic", number) for number in range(store.totals("genetic").briefs)]
    assert {one.operator for one in briefs if one.bar} == {"mutate", "cross"}
    assert {"seed", "tune"} <= {one.operator for one in briefs if not one.bar}


def test_genetic_races_against_the_worst_of_a_full_island_and_sequential_against_the_best():
    members = {f"0/{slot}": Member(f"{slot}" * 64, -float(slot), 10, slot) for slot in range(3)}

    class View:
        next_number, in_flight, has_model, seeds = 1000, (), False, ("0" * 64,)

        def members(self, population):
            return members if population == "islands" else {"0": members["0/0"]}

        def program(self, program_id):
            return Program.of("def guess(x):\n    return x\n")

    def bar(method: Any) -> str:
        import numpy as np

        marks = {"spent": {"tune": 10**6, "simplify": 10**6}}
        return method.next(View(), marks, np.random.default_rng(0)).action.bar

    assert bar(Genetic(islands=1, capacity=3)) == "2" * 64
    assert bar(Genetic(islands=1, capacity=4)) == ""
    assert bar(Sequential()) == "0" * 64


def test_without_racing_nothing_is_stopped_and_everybody_plays_all(url):
    with Store.open(url) as store:
        record = searched(store, "random", racing=False, evaluations=55)
        entries = list(store.entries(record.name))
        assert not stopped(store, record.name)
        assert all(store.brief(record.name, one.brief).bar == "" for one in entries)
        candidates = [one for one in entries if one.proposal.operator != REPEAT]
        assert all(len(one.evaluation.results) >= 25 for one in candidates if one.evaluation.score)
        plain = {one.proposal.program.id: one.evaluation.status for one in candidates}
        raced = {one.proposal.program.id: one.evaluation.status for one in store.entries("random")}
        lost = {one for one in plain.keys() & raced.keys() if raced[one] is Status.STOPPED}
        assert len(lost) > 0.8 * len(stopped(store, "random"))
        assert all(plain[one] is raced[one] for one in plain.keys() & raced.keys() - lost)


def test_a_campaign_keeps_its_racing_and_one_of_before_races_goes_on_without(url):
    with Store.open(url) as store:
        with pytest.raises(ConfigError, match="racing"):
            Campaign(NOISY, "random", "random", racing=False).prepare(store)
        record = store.campaign("random")
        assert campaign_of(record).racing
        older = {key: value for key, value in record.config.items() if key != "racing"}
        assert not campaign_of(replace(record, config=older)).racing


@pytest.mark.parametrize("method", often(METHODS, 1))
def test_a_replay_races_again_and_comes_out_the_same(url, method):
    with Store.open(url) as store:
        record = store.campaign(method)
        assert replay_campaign(store, record, f"{method} again").changed == ()
        assert replay_campaign(store, record, f"{method} judged again", rejudge=True).changed == ()
        assert len(stopped(store, f"{method} judged again")) == len(stopped(store, method))


def test_a_stopped_verdict_is_made_again_instance_by_instance(url):
    with Store.open(url) as store:
        entry = stopped(store, "random")[0]
        done = verify_kept(store, "random", entry)
        assert done.differences == ()
        assert (done.again_status, len(done.rows)) == (Status.STOPPED, len(entry.evaluation.results))
        first, *rest = entry.evaluation.results
        results = (replace(first, result=Result({"error": 0.25})), *rest)
        changed = replace(entry, evaluation=replace(entry.evaluation, results=results))
        [words] = verify_kept(store, "random", changed).differences
        assert words.startswith("train 0: error 0.25 then, ")


def test_a_brief_without_a_bar_reads_back_and_a_bar_without_a_score_is_none(url):
    kept = {"operator": "mutate", "parents": [], "inspirations": [], "notes": [], "tags": {}, "number": 3}
    assert codec.unpack(codec.pack(kept), Brief) == Brief("mutate", number=3)
    with Store.open(url) as store:
        record = store.campaign("random")
        bench = Bench(campaign_of(record), record, store)
        best = next(iter(store.members("random", "best").values())).program
        bar = bench.bar(Brief("mutate", bar=best))
        assert bar == Bar.of(best, store.entry("random", best).evaluation.results)
        assert bench.bar(Brief("mutate", bar=best)) is bar
        assert bench.bar(Brief("mutate", bar=stopped(store, "random")[0].proposal.program.id)) is None
        assert bench.bar(Brief("mutate")) is None


def test_killed_in_the_middle_a_search_races_on_and_replays_the_same(tmp_path):
    url, words = f"sqlite:///{tmp_path}/store.db", ("--method", "sequential", "--evaluations", "20", "--workers", "1")
    command = [sys.executable, "-m", "heuresis", "run", NOISY, "--storage", url, *words]
    killed = subprocess.run(command, env=os.environ | {"HEURESIS_FAILPOINT": "verdict.inside:8"}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    with Store.open(url) as store:
        before = list(store.entries("Noisy-sequential"))
    assert subprocess.run(command, capture_output=True).returncode == 0
    with Store.open(url) as store:
        record = store.campaign("Noisy-sequential")
        entries = list(store.entries(record.name))
        assert entries[: len(before)] == before
        assert len(before) < store.totals(record.name).evaluated == 20
        assert stopped(store, record.name)
        assert check(store) == []
        assert replay_campaign(store, record, "again", rejudge=True).changed == ()
