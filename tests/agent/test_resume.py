"""Killed at any moment, the same command goes on: nothing committed is lost or made again, and totals are exact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heuresis.archive.check import check
from heuresis.archive.store import Store
from heuresis.failpoints import NAMES

TINY = Path(__file__).parents[1] / "fixtures" / "tiny.py"
EVALUATIONS = 30


def command(folder: Path, *more: str) -> list[str]:
    storage = f"sqlite:///{folder / 'campaign.db'}"
    return [
        sys.executable, "-m", "heuresis", "run", f"{TINY}:Tiny", "--storage", storage, "--seed", "3", "--workers", "1",
        "--evaluations", str(EVALUATIONS), *more,
    ]  # fmt: skip


def run(folder: Path, failpoint: str = "") -> int:
    environment = {name: value for name, value in os.environ.items() if name != "HEURESIS_FAILPOINT"}
    if failpoint:
        environment["HEURESIS_FAILPOINT"] = failpoint
    done = subprocess.run(command(folder), env=environment, capture_output=True, timeout=120)
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


@pytest.mark.parametrize("name", NAMES)
def test_a_campaign_killed_at_this_point_goes_on_without_loss(tmp_path, name):
    at = f"{name}:9" if name.split(".")[0] in ("brief", "proposal", "verdict", "close") else name
    assert run(tmp_path, at) == -signal.SIGKILL
    committed = rows(tmp_path)
    assert run(tmp_path) == 0
    after = rows(tmp_path)
    assert {place: after[place] for place in committed} == committed
    assert_sound(tmp_path)


def test_a_campaign_killed_again_and_again_ends_like_any_other(tmp_path):
    kills = 0
    for name in ("verdict.inside:5", "brief.after_commit:4", "proposal.after_commit:6", "verdict.after_commit:5"):
        kills += run(tmp_path, name) == -signal.SIGKILL
    assert kills == 4
    assert run(tmp_path) == 0
    assert_sound(tmp_path)


def test_a_finished_campaign_says_so_and_changes_nothing(tmp_path):
    assert run(tmp_path) == 0
    before = rows(tmp_path)
    again = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=120)
    assert again.returncode == 0
    assert "finished" in again.stdout
    assert rows(tmp_path) == before
