"""What a person sees while a campaign runs agrees with itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.run import run_campaign
from heuresis.archive.store import Store
from heuresis.cli.board import Board
from heuresis.cli.live import line_of

TINY = f"{Path(__file__).parents[1] / 'fixtures' / 'tiny.py'}:Tiny"


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """All moments of a short campaign, and of the run that goes on with it, each with its progress line."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('watched')}/store.db") as store:
        runs = []
        for evaluations in (6, 12):
            campaign, seen = Campaign(TINY, budget=Budget(evaluations=evaluations)), []
            board = Board(campaign, store, 1)
            run_campaign(
                campaign,
                store,
                1,
                lambda now, board=board, seen=seen: seen.append((now, line_of(board, now))),
                threading.Event(),
            )
            runs.append(seen)
        return runs


def test_the_rate_is_the_mean_over_this_run(watched):
    (first, _), (second, _) = (run[-1] for run in watched)
    assert first.per_second == pytest.approx(first.evaluations / first.active_seconds)
    begun, _ = watched[1][0]
    assert (begun.evaluations, begun.per_second) == (6, 0.0)  # nothing was judged in this run yet
    assert second.per_second > (second.evaluations - begun.evaluations) / second.active_seconds


def test_the_seeds_that_are_judged_are_named_until_the_search_begins(watched):
    moment, line = watched[0][0]
    assert moment.seeds == ["zero", "same"]
    assert "judging seeds zero, same" in line
    last, line = watched[0][-1]
    assert not last.seeds
    assert "judging" not in line


def test_one_evaluation_is_told_as_one(watched, tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        moments = [now for now, _ in watched[0]]
        one = replace(moments[0], evaluations=1)
        assert "1 evaluation " in line_of(Board(Campaign(TINY), store, 1), one)
        assert "1 of 9 evaluations" in line_of(Board(Campaign(TINY, budget=Budget(evaluations=9)), store, 1), one)
