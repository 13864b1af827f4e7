"""A jail to attack, and what must be the same after every attack: the host, and the next program's result."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from heuresis.evaluators.nouns import Evaluation
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.referee import Referee
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call, Ending, JailEnded, Usage
from heuresis.sandbox.worker import JailWorker

ROOT = Path(__file__).resolve().parents[2]
SMALL = Limits(wall_seconds=10.0, cpu_seconds=5.0, memory_bytes=256 << 20, processes=24, output_bytes=100_000)
NEIGHBOUR = """
import random
import numpy as np
def f():
    rng = np.random.default_rng(5)
    matrix = rng.random((30, 30))
    return [random.random(), float(np.random.random()), float(np.linalg.det(matrix)), matrix]
"""
"""The next candidate: its answer must not change by one bit."""


@dataclass(frozen=True)
class Outcome:
    """How one attack went. `ending` is None when the call was answered: then `value`, or `error` in words."""

    ending: Ending | None
    reason: str = ""
    value: Any = None
    error: str = ""
    output: str = ""
    usage: Usage = field(default_factory=Usage)


class Arena:
    """One worker of one tier; every program that is played here is a jailed child of it."""

    def __init__(self, tier: str, worker: JailWorker) -> None:
        self.tier = tier
        self.worker = worker
        self.has_cgroup = not worker.isolation.endswith("nocgroup")
        self.expected = self.neighbour()

    def play(self, text: str, *args: Any, limits: Limits = SMALL, seed: int = 0) -> Outcome:
        """Load the program and call its `f` with `args`."""
        try:
            session = self.worker.start(Program.of(text), ("f",), limits, seed)
        except JailEnded as ended:
            return Outcome(ended.ending, ended.reason, output=ended.output, usage=ended.usage)
        with session:
            try:
                answer = session.call([Call("f", args)])[0]
            except JailEnded as ended:
                return Outcome(ended.ending, ended.reason, output=session.output, usage=session.usage)
            self._skip_refused(answer.error or "")
            return Outcome(None, "", answer.value, answer.error or "", session.output, session.usage)

    def _skip_refused(self, error: str) -> None:
        """`landlock` refuses steps that other jails allow within themselves: processes, /proc, /tmp."""
        if self.tier == "landlock" and error.startswith("PermissionError"):
            pytest.skip(f"landlock refuses a step that this attack is made of: {error}")

    def value(self, text: str, *args: Any, limits: Limits = SMALL, seed: int = 0) -> Any:
        """What `f` returned; an attack that ends or raises fails the test."""
        outcome = self.play(text, *args, limits=limits, seed=seed)
        assert outcome.ending is None, outcome
        assert not outcome.error, outcome
        return outcome.value

    def judge(self, problem: Problem, text: str, secret: bytes = b"secret") -> Evaluation:
        """The verdict of a real referee."""
        return Referee(problem, self.worker, secret).judge(Program.of(text))

    def neighbour(self) -> list[Any]:
        """The next candidate's answer, as text and bytes."""
        value = self.value(NEIGHBOUR, limits=Limits(), seed=11)
        return [repr(value[:3]), value[3].tobytes()]


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, zombies included. (The kernel's list may miss one while another ends: look twice.)"""
    return _descendants(pid) | _descendants(pid)


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            found |= {int(child) for child in children}
    except OSError:  # it ended while we looked
        return found
    return found.union(*(_descendants(child) for child in found))


_WHERE_A_JAIL_MOUNTS = tuple(f"{point}{path} " for point in ("/sys", "/mnt", "/media", "/srv") for path in ("", "/usr"))


def _mount_points() -> list[str]:
    return [line.split()[4] + " " for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def host_state() -> dict[str, object]:
    """What an attack on the host would change: our source, mounts, processes, shared memory, groups."""
    files = sorted(path for room in ("evaluators", "prompts") for path in (ROOT / room).rglob("*.[pm][yd]"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    groups = {str(path) for path in Path("/sys/fs/cgroup").glob(f"*/heuresis-{os.getpid()}-*")}
    return {
        "source": digest,
        "mounts": [path for path in _mount_points() if path.startswith(_WHERE_A_JAIL_MOUNTS)],
        "processes": descendants(os.getpid()),
        "groups": groups,
        "system V": [Path(f"/proc/sysvipc/{kind}").read_text().count("\n") for kind in ("shm", "sem", "msg")],
    }


def wait_for(condition: Any, seconds: float = 30.0) -> bool:
    """True as soon as the condition holds, False when it did not within a generous time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
