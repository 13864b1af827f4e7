"""A replay takes every step again from the store and finds out the first that does not come out as it did."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.replaying import replay_campaign
from heuresis.agent.run import run_campaign
from heuresis.archive.check import check
from heuresis.archive.records import CampaignRecord
from heuresis.archive.store import Store
from heuresis.errors import ConfigError

TINY = f"{Path(__file__).parents[1] / 'fixtures' / 'tiny.py'}:Tiny"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a campaign of 40 evaluations that was stopped once in between."""
    url = f"sqlite:///{tmp_path_factory.mktemp('replay')}/store.db"
    with Store.open(url) as store:
        for evaluations in (25, 40):
            campaign = Campaign(TINY, budget=Budget(evaluations=evaluations), seed=5)
            run_campaign(campaign, store, 2, lambda progress: None, threading.Event())
    return url


def source(store: Store) -> CampaignRecord:
    return store.campaigns()[0]


def test_a_replay_takes_the_same_steps_and_judges_nothing(url):
    with Store.open(url) as store:
        record = source(store)
        done = replay_campaign(store, record, "again")
        assert store.log("again") == store.log(record.name)
        assert (done.steps, done.verdicts) == (len(store.log(record.name)), store.totals(record.name).entries)
        assert store.totals("again").evaluated == 0
        assert [one.proposal for one in store.entries("again")] == [one.proposal for one in store.entries(record.name)]
        assert store.members("again", "islands").keys() == store.members(record.name, "islands").keys()
        assert check(store) == []


@pytest.mark.slow
def test_verdicts_that_are_made_again_are_the_same(url):
    with Store.open(url) as store:
        done = replay_campaign(store, source(store), "judged", rejudge=True)
        assert done.changed == ()
        assert store.totals("judged").evaluated == store.totals(source(store).name).evaluated


def test_a_verdict_that_was_tampered_with_is_found_when_it_is_made_again(url, tmp_path):
    with Store.open(url) as store:
        record = source(store)
    copy = tmp_path / "copy.db"
    copy.write_bytes(Path(url.removeprefix("sqlite:///")).read_bytes())
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE evaluation SET score = score - 0.5 WHERE id = 1")
        connection.commit()
    with Store.open(f"sqlite:///{copy}") as store:
        try:
            changed = replay_campaign(store, record, "tampered", rejudge=True).changed
        except ConfigError as error:  # the method saw another score and went another way: named as well
            changed = (str(error),)
        assert changed


def test_other_settings_are_named_by_the_first_step_that_differs(url):
    with Store.open(url) as store:
        record = source(store)
        changed = dict(record.config) | {"method_settings": {"founders": "1", "crossover": "1.0"}}
        with pytest.raises(ConfigError, match=r"replay: expected brief \d+ as it was then"):
            replay_campaign(store, CampaignRecord(**{**vars(record), "config": changed}), "otherwise")
