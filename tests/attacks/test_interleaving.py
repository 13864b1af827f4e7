"""Attackers between honest programs change no bit of a verdict, and leave nothing behind."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.problems.online_bin_packing import OnlineBinPacking
from heuresis.evaluators.referee import Referee
from heuresis.program import Program
from heuresis.sandbox.backends import shipped_backend
from heuresis.sandbox.protocol import Call, Ending, JailEnded
from heuresis.sandbox.worker import JailWorker
from tests.attacks.arena import Arena, descendants, host_state
from tests.attacks.exam import BEST, Guess
from tests.sandbox.hostile import HOSTILE, Hostile

_LONG = (Ending.WALL, Ending.CPU, Ending.MEMORY)
QUICK = [one for one in HOSTILE if one.ending not in _LONG and "disk" not in one.name]


def attack(worker: JailWorker, hostile: Hostile) -> None:
    try:
        with worker.start(Program.of(hostile.text), ("f",), hostile.limits, 0) as session:
            session.call([Call("f")])
    except JailEnded:
        pass


def essence(verdict: Evaluation) -> Any:
    """All of a verdict but what a clock or a meter says."""
    return verdict.status, verdict.score, verdict.metrics, verdict.results, verdict.feedback, verdict.calls


@pytest.mark.slow
def test_fifty_honest_evaluations_are_bit_identical_with_and_without_attackers_between_them(arena: Arena) -> None:
    problem = Guess()
    programs = [f"def guess(x):\n    return {1 + number / 7} * x + {number / 3}\n" for number in range(50)]
    alone = [essence(arena.judge(problem, text)) for text in programs]
    between = []
    for number, text in enumerate(programs):
        attack(arena.worker, QUICK[number % len(QUICK)])
        between.append(essence(arena.judge(problem, text)))
    assert between == alone
    assert {verdict[0] for verdict in alone} == {Status.SCORED}


def test_a_real_problem_is_judged_the_same_after_each_kind_of_attack(arena: Arena) -> None:
    problem: Problem = OnlineBinPacking()
    program = Program.of(next(iter(problem.seeds.values())))
    referee = Referee(problem, arena.worker, b"secret")
    expected = essence(referee.judge(program))
    for hostile in QUICK[::5]:
        attack(arena.worker, hostile)
    assert essence(referee.judge(program)) == expected
    assert expected[0] is Status.SCORED


def resident_bytes(worker: JailWorker) -> dict[int, int]:
    """Of the processes below this one and of the warm parent, which may be a container's: the worker's own."""
    pids = descendants(os.getpid()) | {worker.pids[0]}
    pages = {pid: Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in pids}
    return {pid: int(count) * os.sysconf("SC_PAGE_SIZE") for pid, count in pages.items()}


def leftovers() -> dict[str, object]:
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    open_now = len([link for link in links if os.path.exists(link)])
    return {**host_state(), "descriptors": open_now, "files": os.listdir(tempfile.gettempdir())}


@pytest.mark.slow
def test_a_thousand_mixed_evaluations_leave_nothing_and_the_worker_does_not_grow(
    opened_arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # a folder that nobody else uses
    gc.collect()
    before = leftovers()
    with JailWorker(shipped_backend(opened_arena.tier), ("numpy",), 1.0) as worker:
        arena = Arena(opened_arena.tier, worker)
        expected = essence(arena.judge(Guess(), BEST))
        others = set(before["processes"])  # type: ignore[call-overload]
        early: dict[int, int] = {}
        for number in range(1000):
            if number % 2:
                attack(worker, QUICK[number // 2 % len(QUICK)])
            elif number % 20 == 0:
                assert essence(arena.judge(Guess(), BEST)) == expected
            else:
                assert arena.neighbour() == arena.expected
            if number == 100:
                early = resident_bytes(worker)
        late = resident_bytes(worker)
        assert set(late) == set(early)
        grown = {pid: late[pid] / early[pid] for pid in late if pid not in others}
        assert grown
        assert max(grown.values()) < 1.05, grown
    gc.collect()
    assert leftovers() == before
