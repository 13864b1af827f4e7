"""Looking at a store from Python."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

import heuresis
from heuresis.archive.records import Brief, Proposal
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Score


def test_the_best_program_is_the_one_the_store_ranks_first(done, store, tiny):
    best = store.best(tiny)
    assert best == done.best
    assert best.bound == min(one.bound for one in store.entries() if one.bound is not None)
    assert (best.metric, best.unit, best.status) == ("error", "", heuresis.Status.SCORED)
    assert best.count in (4, 8)
    assert best.code == best.files["program.py"]


def test_all_ways_to_name_the_campaign_lead_to_the_same_program(store, tiny):
    [name] = store.campaigns
    assert store.best() == store.best(tiny) == store.best(campaign=name) == store.get(store.best().id[:8])


def test_top_gives_each_program_once_best_first(store):
    top = store.top(5)
    assert [one.bound for one in top] == sorted(one.bound for one in top)  # an error: lower is better
    assert len({one.id for one in top}) == len(top) == 5


def test_entries_come_in_commit_order_with_their_failures(done, store):
    entries = list(store.entries())
    assert [one.sequence for one in entries] == sorted(one.sequence for one in entries)
    assert [one.operator for one in entries[:2]] == ["seed", "seed"]
    judged = [one for one in entries if one.status is not heuresis.Status.REFUSED]
    assert len(judged) >= done.evaluations
    assert all((one.value is None) == (one.status is not heuresis.Status.SCORED) for one in entries)
    assert all(one.reason for one in entries if one.value is None)


def test_campaigns_of_one_problem_share_a_best_and_those_of_others_must_be_named(url, tiny):
    for seed in (1, 2):
        heuresis.run(tiny, evaluations=6, seed=seed, name=f"seed-{seed}", storage=url, workers=1)
    heuresis.run("circle_packing", evaluations=1, storage=url, workers=1, settings={"n": 3})
    with heuresis.open(url) as store:
        bounds = [store.best(campaign=f"seed-{seed}").bound for seed in (1, 2)]
        assert store.best(tiny).bound == min(bounds)  # of an error: lower is better
        with pytest.raises(heuresis.ConfigError, match=r"problem: expected the name of one problem, or campaign=NAME"):
            store.best()
        with pytest.raises(heuresis.ConfigError, match="campaign: expected a campaign of circle_packing, got seed-1"):
            store.best("circle_packing", campaign="seed-1")


def test_campaigns_whose_settings_differ_are_not_compared(url):
    for circles in (2, 3):
        settings = {"n": circles}
        heuresis.run("circle_packing", evaluations=1, name=f"n{circles}", settings=settings, storage=url, workers=1)
    with pytest.raises(
        heuresis.ConfigError, match=r"campaign: expected the name of one, got several campaigns: n2.*n3"
    ):
        heuresis.open(url).best("circle_packing")


def test_a_program_in_quarantine_is_never_best(url, tiny):
    first = heuresis.run(tiny, evaluations=8, storage=url, workers=1)
    with Store.open(url) as store, store.transaction(durable=False) as transaction:
        transaction.set_quarantine(first.best.id, "too good")
    with heuresis.open(url) as store:
        assert store.best().id != first.best.id
        assert first.best.id not in {one.id for one in store.top(100)}
        assert store.get(first.best.id).quarantine == "too good"


def test_looks_are_none_until_a_held_out_tier_is_opened(store):
    assert store.looks() == []


def test_what_the_referee_kept_of_a_run_can_be_read(url):
    ran = heuresis.run("circle_packing", evaluations=2, settings={"n": 3}, storage=url, workers=1)
    artifacts = ran.best.artifacts
    assert artifacts
    assert all(name.startswith(("train/", "valid/")) and type(data) is bytes for name, data in artifacts.items())


def test_a_found_program_says_what_it_is(store):
    best = store.best()
    assert repr(best).startswith(f"<Found {best.id[:12]} of Tiny-genetic: error ")
    with pytest.raises(AttributeError):
        best.value = 0.0
    with pytest.raises(TypeError):
        best.metrics["error"] = 0.0


def test_a_found_program_verifies(store):
    assert store.best().verify().differences == ()


def test_a_found_program_is_exported(store, tmp_path):
    exported = store.best().export(tmp_path / "package")
    assert exported.verified
    assert (exported.path / "pyproject.toml").is_file()


def test_a_frame_has_a_row_for_each_entry(store):
    pandas = pytest.importorskip("pandas", reason="the extra `dataframe` is not installed")
    frame = store.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(list(store.entries()))
    assert frame["bound"].min() == store.best().bound


@pytest.mark.skipif("pandas" in sys.modules, reason="pandas is installed")
def test_without_pandas_the_extra_is_named(store):
    try:
        import pandas  # noqa: F401
    except ImportError:
        with pytest.raises(heuresis.ConfigError, match=r"no pandas. pip install 'heuresis\[dataframe\]'"):
            store.to_dataframe()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda store: store.best(campaign="none"), "campaign: expected one of Tiny-genetic, got none"),
        (lambda store: store.best("circle_packing"), "problem: expected one that the store has a campaign of"),
        (lambda store: store.best(3), "problem: expected a name, or a class derived from heuresis.Problem, got 3"),
        (lambda store: store.top(0), "count: expected a whole number above 0, got 0"),
        (lambda store: store.get("zz"), "id: expected"),
        (lambda store: list(store.entries("none")), "campaign: expected one of Tiny-genetic, got none"),
        (lambda store: store.looks("none"), "campaign: expected one of Tiny-genetic, got none"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(store, call, sentence):
    with pytest.raises(heuresis.ConfigError) as caught:
        call(store)
    assert str(caught.value).startswith(sentence)


def test_a_store_that_is_not_there_is_told(tmp_path):
    with pytest.raises(heuresis.ConfigError, match="storage: expected a store, got no store at"):
        heuresis.open(f"sqlite:///{tmp_path / 'none.db'}")


def test_what_programs_reported_themselves_is_listed_only_where_its_campaign_is_named(url, tiny):
    ran = heuresis.run(tiny, evaluations=3, storage=url, workers=1)
    with Store.open(url) as store:
        record = store.campaign(ran.campaign)
        told = replace(record, name="told", config={**record.config, "self_reported": True})
        store.create_campaign(told)
        verdict = replace(ran.best._entry.evaluation, self_reported=True, score=Score(1e9, 0.0, 1), results=())
        with store.transaction(durable=True) as transaction:
            brief = transaction.add_brief("told", Brief("add"))
            transaction.add_proposal("told", brief.number, 0, Proposal(ran.best.program, "add"))
            transaction.add_verdict("told", brief.number, 0, verdict, "", False)
            transaction.close_brief("told", brief.number)
    with heuresis.open(url) as archive:
        assert {one.campaign for one in archive.entries()} == {ran.campaign}
        assert [one.value for one in archive.entries("told")] == [-1e9]
        assert (archive.get(ran.best.id), archive.best()) == (ran.best, ran.best)
        assert archive.get(ran.best.id, "told").self_reported
