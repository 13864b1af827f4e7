"""kill -9 at every named place: what was committed is there, what was not is not, and the next run ends the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import heuresis.errors
from heuresis.archive.check import check
from heuresis.archive.store import Store
from heuresis.failpoints import NAMES
from tests.fixtures.cases import often

DRIVER = Path(__file__).parent / "driver.py"
FIRST = {
    "campaign.before_commit": [],
    "campaign.after_create": ["campaign"],
    "brief.before_commit": ["campaign"],
    "brief.after_commit": ["campaign", "brief 0"],
    "call.before_commit": ["campaign", "brief 0"],
    "call.after_commit": ["campaign", "brief 0", "call 0"],
    "reply.before_commit": ["campaign", "brief 0", "call 0"],
    "reply.after_commit": ["campaign", "brief 0", "call 0", "reply 0"],
    "proposal.before_commit": ["campaign", "brief 0", "call 0", "reply 0"],
    "proposal.after_commit": ["campaign", "brief 0", "call 0", "reply 0", "proposal 0 0"],
    "verdict.inside": ["campaign", "brief 0", "call 0", "reply 0", "proposal 0 0"],
    "verdict.before_commit": ["campaign", "brief 0", "call 0", "reply 0", "proposal 0 0"],
    "verdict.after_commit": ["campaign", "brief 0", "call 0", "reply 0", "proposal 0 0", "verdict 0 0"],
}
"""What is kept when the process dies at its first arrival; the later places are told by the driver's log."""
DRIVEN = [name for name in NAMES if not name.startswith("look.")]
"""What a search passes; looks are a person's, and killed in tests/cli."""
REPEATED = [name for name in NAMES if name.split(".")[0] in ("brief", "call", "reply", "proposal", "verdict", "close")]


@dataclass(frozen=True)
class Run:
    path: Path
    log: Path

    def start(self, failpoint: str = "") -> int:
        environment = os.environ | {"PYTHONPATH": str(Path(heuresis.errors.__file__).parent.parent)}
        environment["HEURESIS_FAILPOINT"] = failpoint
        command = [sys.executable, str(DRIVER), str(self.path), str(self.log)]
        return subprocess.run(command, env=environment, check=False).returncode

    @property
    def told(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def run(path, tmp_path) -> Run:
    return Run(path, tmp_path / "log")


def kept(store: Store) -> list[str]:
    """What is in the store, in the driver's words, in the driver's order."""
    if store.campaign("c") is None:
        return []
    lines = ["campaign"]
    still_open = {brief.number for brief in store.open_briefs("c")}
    for number in range(store.totals("c").briefs):
        lines.append(f"brief {number}")
        for call in store.calls("c"):
            if call.brief == number:
                lines += [f"call {number}"] + ([] if call.open else [f"reply {number}"])
        for attempt, _ in store.proposals_of("c", number):
            lines.append(f"proposal {number} {attempt}")
            if store.verdict_of("c", number, attempt) is not None:
                lines.append(f"verdict {number} {attempt}")
        if number not in still_open:
            lines.append(f"close {number}")
    return [*lines, "finish"] if store.campaign("c").finished else lines


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    run = Run(folder / "store.db", folder / "log")
    assert run.start() == 0
    with Store.open(f"sqlite:///{run.path}") as store:
        assert kept(store) == run.told
        return outcome(store)


def outcome(store: Store) -> tuple[object, ...]:
    views = [store.members("c", view) for view in ("best", "islands")]
    return list(store.entries("c")), views, store.marks("c"), replaced(store), kept(store)


def replaced(store: Store) -> object:
    """The totals without the seconds of driving, of which a killed run loses its last."""
    totals = store.totals("c")
    return totals.entries, totals.evaluated, totals.by_status, totals.wall_seconds, totals.usd, totals.tokens


@pytest.mark.parametrize("failpoint", often(["verdict.inside:6", *(f"{name}:2" for name in REPEATED), *DRIVEN], 8))
def test_a_run_that_is_killed_loses_nothing_and_ends_as_if_it_had_not_been(run, failpoint, undisturbed):
    assert run.start(failpoint) == -signal.SIGKILL
    name, _, count = failpoint.partition(":")
    with Store.open(f"sqlite:///{run.path}") as store:
        there = kept(store)
        assert there[: len(run.told)] == run.told  # everything that was said to be kept
        unsaid = there[len(run.told) :]  # at most the commit that was in the air, and only when it had been made
        assert len(unsaid) == (1 if name.endswith((".after_commit", ".after_create")) else 0)
        if name in FIRST and not count:
            assert there == FIRST[name]
        assert check(store) == []
    assert run.start() == 0
    with Store.open(f"sqlite:///{run.path}") as store:
        assert outcome(store) == undisturbed
        assert check(store) == []


def test_several_drivers_share_one_file(run, undisturbed):
    names = [f"campaign {index}" for index in range(4)]
    environment = os.environ | {"PYTHONPATH": str(Path(heuresis.errors.__file__).parent.parent)}
    command = [sys.executable, str(DRIVER), str(run.path), str(run.log)]
    children = [subprocess.Popen([*command, name], env=environment) for name in names]
    assert [child.wait() for child in children] == [0] * len(names)
    with Store.open(f"sqlite:///{run.path}") as store:
        assert {store.totals(name).entries for name in names} == {6}
        assert check(store) == []


@pytest.mark.parametrize("wrong", ["no.such.place", "brief.before_commit:x"])
def test_an_unknown_place_is_refused(run, wrong):
    assert run.start(wrong) == 1
    assert not run.path.exists()
