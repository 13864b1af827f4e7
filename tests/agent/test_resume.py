"""Killed at any moment, the same command goes on: nothing committed is lost or made again, and totals are exact."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heuresis.agent.measuring import MEASURING
from heuresis.archive.calls import Fault
from heuresis.archive.check import check
from heuresis.archive.records import REMEASURE, REPEAT
from heuresis.archive.store import Store
from heuresis.failpoints import NAMES
from heuresis.testing.answers import Text
from heuresis.testing.server import ModelServer, Received
from tests.fixtures.cases import often

TINY = Path(__file__).parents[1] / "fixtures" / "tiny.py"
EVALUATIONS = 30


def command(folder: Path, *more: str) -> list[str]:
    storage = f"sqlite:///{folder / 'campaign.db'}"
    return [
        sys.executable, "-m", "heuresis", "run", f"{TINY}:Tiny", "--storage", storage, "--seed", "3", "--workers", "1",
        "--evaluations", str(EVALUATIONS), *more,
    ]  # fmt: skip


def run(folder: Path, failpoint: str = "", *more: str) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "HEURESIS_FAILPOINT"}
    if failpoint:
        environment["HEURESIS_FAILPOINT"] = failpoint
    done = subprocess.run(command(folder, *more), env=environment, capture_output=True, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def rows(folder: Path) -> dict[tuple[int, int], tuple[int, str, str]]:
    """(brief, attempt) -> (sequence, program, verdict) of every committed entry."""
    file = folder / "campaign.db"
    if not file.exists():
        return {}
    with Store.open(f"sqlite:///{file}") as store:
        if not store.campaigns():
            return {}
        entries = store.entries(store.campaigns()[0].name)
        return {(e.brief, e.attempt): (e.sequence, e.proposal.program.id, repr(e.evaluation)) for e in entries}


def assert_sound(folder: Path) -> None:
    with Store.open(f"sqlite:///{folder / 'campaign.db'}") as store:
        assert list(check(store)) == []
        [record] = store.campaigns()
        totals = store.totals(record.name)
        entries = list(store.entries(record.name))
        assert record.finished
        assert totals.evaluated == EVALUATIONS == sum(not e.reused for e in entries if e.evaluation.status != "refused")
        assert totals.entries == len(entries)
        assert len({(e.brief, e.attempt) for e in entries}) == len(entries)


CALLS = ("reply.before_commit", "call.after_commit", "call.before_commit", "reply.after_commit")
"""Reached with a language model only."""
OTHERS = [name for name in NAMES if name not in CALLS and not name.startswith("look.")]
OTHERS.sort(key=lambda name: not name.startswith("verdict"))


@pytest.mark.parametrize("name", often(OTHERS, 1))
def test_a_campaign_killed_at_this_point_goes_on_without_loss(tmp_path, name):
    at = f"{name}:9" if name.split(".")[0] in ("brief", "proposal", "verdict", "close") else name
    assert run(tmp_path, at) == -signal.SIGKILL
    committed = rows(tmp_path)
    assert run(tmp_path) == 0
    after = rows(tmp_path)
    assert {place: after[place] for place in committed} == committed
    assert_sound(tmp_path)


@pytest.mark.slow
def test_a_campaign_killed_again_and_again_ends_like_any_other(tmp_path):
    kills = 0
    for name in ("verdict.inside:5", "brief.after_commit:4", "proposal.after_commit:6", "verdict.after_commit:5"):
        kills += run(tmp_path, name) == -signal.SIGKILL
    assert kills == 4
    assert run(tmp_path) == 0
    assert_sound(tmp_path)


def test_killed_while_known_programs_are_played_again_it_goes_on_with_the_same_briefs(tmp_path):
    """The pilot's briefs are the third and fourth, the elite's first is number 12; each has one verdict in the end."""
    kills = 0
    for name in ("brief.after_commit:3", "verdict.inside:2", "proposal.after_commit:10", "verdict.before_commit:1"):
        kills += run(tmp_path, name) == -signal.SIGKILL
    assert kills == 4
    assert run(tmp_path) == 0
    with Store.open(f"sqlite:///{tmp_path / 'campaign.db'}") as store:
        [record] = store.campaigns()
        played = [
            (e.brief, e.proposal.operator) for e in store.entries(record.name) if e.proposal.operator in MEASURING
        ]
        assert sorted(played)[:3] == [(2, REPEAT), (3, REMEASURE), (12, REMEASURE)]
        assert len(dict(played)) == len(played)
    assert_sound(tmp_path)


def test_a_finished_campaign_says_so_and_changes_nothing(tmp_path):
    assert run(tmp_path) == 0
    before = rows(tmp_path)
    again = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=120)
    assert again.returncode == 0
    assert "finished" in again.stdout
    assert rows(tmp_path) == before


@pytest.mark.parametrize("name", often(CALLS, 1))
def test_killed_during_calls_to_a_model_no_reply_is_lost_and_no_money_forgotten(tmp_path, name, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stand-in")
    numbers = itertools.count()

    def program(received: Received) -> Text:
        code = f"def guess(x):\n    return {next(numbers)} + x\n"
        return Text(f"```python\n{code}```", prompt_tokens=300, completion_tokens=30)

    with ModelServer(program) as server:
        asking = ("--model", "openai/stand-in", "--api-base", server.url, "--price", "1,2", "--max-usd", "9")
        asking += ("--method", "sequential")
        assert run(tmp_path, f"{name}:6", *asking) == -signal.SIGKILL
        with Store.open(f"sqlite:///{tmp_path / 'campaign.db'}") as store:
            [record] = store.campaigns()
            replies = [call for call in store.calls(record.name) if call.reply is not None]
            in_flight = store.open_calls(record.name)
        assert run(tmp_path, "", *asking) == 0
    with Store.open(f"sqlite:///{tmp_path / 'campaign.db'}") as store:
        calls = {call.number: call for call in store.calls(record.name)}
        assert [calls[one.number] for one in replies] == replies
        lost = [one for one in calls.values() if one.fault is Fault.LOST]
        assert [one.number for one in lost] == [one.number for one in in_flight]
        assert all(one.spent == one.reserved for one in lost)
        assert sum(one.reply is not None for one in calls.values()) == len(
            {(one.brief, one.ask) for one in calls.values()}
        )
        assert store.totals(record.name).usd == pytest.approx(sum(one.spent.usd for one in calls.values()))
    assert_sound(tmp_path)
