"""The contract of `heuresis.sandbox.backends.base.Backend`, as checks that every kind of jail passes.

    def test_my_jail_keeps_the_contract():
        check_backend(MyJail())

Each check is a sentence and raises AssertionError with what was expected and what came. A jail that cannot be made on
this machine raises `Unavailable` with the reason.
"""

from __future__ import annotations

import contextlib
import glob
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from heuresis.errors import Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.backends.base import Backend
from heuresis.sandbox.probe import probe_jail
from heuresis.sandbox.protocol import Answer, Call, Ending, JailEnded, Ref, RemoteHandle, RngSeed, Session
from heuresis.sandbox.worker import JailWorker

_SMALL = Limits(wall_seconds=10.0, cpu_seconds=10.0, memory_bytes=512 << 20, processes=24, output_bytes=100_000)
_GONE_SECONDS = 20.0
_BIG = 300_000
"""Numbers in an array that travels by descriptor."""
_PROGRAM = Program.of("""
import os, random, threading, time
import numpy as np
state = []
def echo(x): return x
def shapes(x): return [str(x.dtype), list(x.shape), bool(x.flags.writeable), float(x.sum())]
def double(x):
    x *= 2
    return x
def total(objective, n): return sum(objective(float(i)) for i in range(n))
def raises(): raise KeyError("no such thing")
def draw(rng): return [float(rng.random()), float(np.random.random()), random.random()]
class Learner:
    def __init__(self, start): self.value = start
    def add(self, x):
        self.value += x
        return self.value
def learner(start): return Learner(start)
def remember(x):
    state.append(x)
    with open("remembered", "a") as file: file.write("x")
    return [len(state), len(open("remembered").read())]
def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(1)); thread.start(); thread.join()
    return found
def loops():
    while True: pass
def sleeps(): time.sleep(1000)
def takes():
    kept = []
    while True: kept.append(bytearray(b"x") * (1 << 20))
def prints():
    while True: print("x" * 1000)
def leaves(): os._exit(3)
def aborts(): os.abort()
def garbage():
    os.write(3, b"\\xff" * 100)
    time.sleep(1000)
""")
_NAMES = tuple(line[4:].partition("(")[0] for line in _PROGRAM.files["program.py"].splitlines() if line[:4] == "def ")


def check_backend(backend: Backend) -> None:
    """Play every check. Raises AssertionError for the first that fails, `Unavailable` where this jail does not hold."""
    reason = backend.missing()
    if reason:
        raise Unavailable(f"{backend.name}: {reason}")
    with JailWorker(backend, ("numpy",), 1.0) as worker:
        for check in CHECKS:
            check(worker)
    check_attacks(backend)
    check_that_nothing_is_left(backend)
    check_that_it_ends_with_its_owner(backend)


def plain_values_come_back_as_they_were(worker: JailWorker) -> None:
    value = [None, True, -3, 1.5, "text", b"bytes", (1, [2]), {"key": [float("inf")]}]
    with _session(worker) as session:
        _same(_value(session, "echo", value), value)
        _same(_value(session, "echo", "again"), "again")
        assert [answer.value for answer in session.call([Call("echo", (i,)) for i in range(5)])] == [0, 1, 2, 3, 4]


def arrays_arrive_writable_and_a_ref_read_only(worker: JailWorker) -> None:
    small, big = np.arange(6.0).reshape(2, 3), np.arange(float(_BIG))
    with _session(worker) as session:
        for array in (small, big):
            _same(_value(session, "shapes", array), [str(array.dtype), list(array.shape), True, float(array.sum())])
            back = _value(session, "double", array)
            assert np.array_equal(back, 2 * array), "an array does not come back doubled"
        assert big[1] == 1.0, "a program changed the referee's own array"
        ref = Ref(big)
        for _ in range(2):
            _same(_value(session, "shapes", ref)[2:], [False, float(big.sum())])


def our_functions_are_called_and_what_they_raise_is_ours(worker: JailWorker) -> None:
    with _session(worker) as session:
        _same(_value(session, "total", lambda x: x * x, 5), 30.0)
        try:
            session.call([Call("total", (_refuse, 3))])
        except _Refused:
            _same(_value(session, "echo", 1), 1)
            return
    raise AssertionError("an exception of our own function did not come up")


def what_a_program_raises_is_an_answer(worker: JailWorker) -> None:
    with _session(worker) as session:
        answer = session.call([Call("raises")])[0]
        assert answer.error is not None, "an exception gave no error"
        assert answer.error.startswith("KeyError"), answer.error
        assert "raises" in answer.traceback, answer.traceback


def objects_stay_there_under_a_handle_until_freed(worker: JailWorker) -> None:
    with _session(worker) as session:
        handle = session.call([Call("learner", (10,), keep=True)])[0].value
        assert isinstance(handle, RemoteHandle), f"kept objects come back as {handle!r}"
        answers = session.call([Call("add", (1,), target=handle), Call("add", (2,), target=handle)])
        _same([answer.value for answer in answers], [11, 13])
        session.send([Call("add", (7,), target=handle)])
        _same(session.call([Call("add", (0,), target=handle)])[0].value, 20)
        session.free([handle])


def one_seed_gives_one_stream_in_every_session(worker: JailWorker) -> None:
    drawn = []
    for seed in (7, 7, 8):
        with worker.start(_PROGRAM, _NAMES, _SMALL, seed) as session:
            drawn.append(_value(session, "draw", RngSeed(seed)))
    assert drawn[0] == drawn[1], "one seed drew two streams"
    assert drawn[0][0] == np.random.default_rng(7).random(), "a generator does not follow its seed"
    assert all(a != b for a, b in zip(drawn[0], drawn[2], strict=True)), "two seeds drew one stream"


def a_session_remembers_and_the_next_one_does_not(worker: JailWorker) -> None:
    for _ in range(2):
        with _session(worker) as session:
            _same(_value(session, "remember", 1), [1, 1])
            _same(_value(session, "remember", 1), [2, 2])


def threads_work(worker: JailWorker) -> None:
    with _session(worker) as session:
        _same(_value(session, "in_thread"), [1])


def every_limit_has_its_ending(worker: JailWorker) -> None:
    quick = Limits(wall_seconds=0.5, cpu_seconds=20.0, memory_bytes=512 << 20, output_bytes=100_000)
    short = Limits(wall_seconds=20.0, cpu_seconds=1.0, memory_bytes=512 << 20, output_bytes=100_000)
    for name, limits, ending, words in (
        ("sleeps", quick, Ending.WALL, "wall limit of 0.5 s"),
        ("loops", short, Ending.CPU, "processor time limit of 1 s"),
        ("prints", _SMALL, Ending.OUTPUT, "output limit of 100000 bytes"),
        ("leaves", _SMALL, Ending.CRASHED, "exited with code 3"),
        ("aborts", _SMALL, Ending.CRASHED, "killed by signal"),
        ("garbage", _SMALL, Ending.VIOLATION, "broke the protocol"),
    ):
        got, reason = _ending(worker, name, limits)
        assert got is ending, f"{name} ended as {got} ({reason}), not as {ending}"
        assert words in reason, f"{name}: {reason}"
    got, reason = _ending(worker, "takes", _SMALL)
    # an address space limit, which stands in for a control group, raises MemoryError in the program first
    assert got is Ending.MEMORY or (got is None and "MemoryError" in reason), (got, reason)


def its_use_is_measured(worker: JailWorker) -> None:
    with _session(worker) as session:
        _value(session, "shapes", np.ones(_BIG))
        usage = session.usage
    assert usage.calls == 1, usage
    assert 0 < usage.wall_seconds < 10, usage
    assert usage.memory_bytes > 0, usage


CHECKS: tuple[Callable[[JailWorker], None], ...] = (
    plain_values_come_back_as_they_were,
    arrays_arrive_writable_and_a_ref_read_only,
    our_functions_are_called_and_what_they_raise_is_ours,
    what_a_program_raises_is_an_answer,
    objects_stay_there_under_a_handle_until_freed,
    one_seed_gives_one_stream_in_every_session,
    a_session_remembers_and_the_next_one_does_not,
    threads_work,
    every_limit_has_its_ending,
    its_use_is_measured,
)
"""Played in this order on one worker: that it survives every ending is part of what is checked."""


def check_attacks(backend: Backend) -> None:
    """The probe: files, processes, sockets and privileges of the host."""
    if backend.jailed:
        reason = probe_jail(lambda: JailWorker(backend, (), 1.0))
        assert not reason, reason


def check_that_nothing_is_left(backend: Backend) -> None:
    before = _traces()
    with JailWorker(backend, (), 1.0) as worker:
        for name in ("remember", "leaves", "garbage"):
            with contextlib.suppress(JailEnded), _session(worker) as session:
                session.call([Call(name, (1,) if name == "remember" else ())])
    _same(_traces(), before)


def check_that_it_ends_with_its_owner(backend: Backend) -> None:
    """An owner that is killed cannot clean up: the warm parent and the program end, and their folders go."""
    kind = type(backend)
    text = _OWNER.format(module=kind.__module__, name=kind.__qualname__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        pidfds = [os.pidfd_open(int(word)) for word in owner.stdout.readline().split()]
        assert pidfds, "a worker of this jail could not be started"
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    for pidfd in pidfds:
        gone = select.select([pidfd], [], [], _GONE_SECONDS)[0]
        os.close(pidfd)
        assert gone, "a process of the jail outlives its owner"
    for _ in range(int(_GONE_SECONDS * 10)):
        if not _folders(owner.pid):
            return
        select.select([], [], [], 0.1)
    raise AssertionError(f"folders outlive their owner: {_folders(owner.pid)}")


_OWNER = """
import time
from {module} import {name}
from heuresis.program import Limits, Program
from heuresis.sandbox.worker import JailWorker
worker = JailWorker({name}(), (), 1.0)
worker.start(Program.of("def f(): pass"), ("f",), Limits(), 0)
print(*worker.pids, flush=True)
time.sleep(1000)
"""


class _Refused(Exception):
    pass


def _refuse(_: float) -> float:
    raise _Refused


def _session(worker: JailWorker) -> Session:
    return worker.start(_PROGRAM, _NAMES, _SMALL, 0)


def _value(session: Session, name: str, *args: object) -> Any:
    answer: Answer = session.call([Call(name, args)])[0]
    assert answer.error is None, f"{name}: {answer.error}\n{answer.traceback}"
    return answer.value


def _ending(worker: JailWorker, name: str, limits: Limits) -> tuple[Ending | None, str]:
    """How a call of `name` ends; None and the error when it is answered."""
    try:
        with worker.start(_PROGRAM, _NAMES, limits, 0) as session:
            return None, session.call([Call(name)])[0].error or ""
    except JailEnded as ended:
        return ended.ending, ended.reason


def _same(got: object, wanted: object) -> None:
    assert repr(got) == repr(wanted), f"wanted {wanted!r}, got {got!r}"


def _traces() -> dict[str, object]:
    """What a careless jail would leave with us."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = len(file.readlines())
    fds = len(os.listdir("/proc/self/fd"))
    groups = sorted(glob.glob(f"/sys/fs/cgroup/*/**/heuresis-{os.getpid()}-*", recursive=True))
    return {"descriptors": fds, "mounts": mounts, "groups": groups, "folders": _folders(os.getpid())}


def _folders(owner: int) -> list[str]:
    return sorted(glob.glob(f"{tempfile.gettempdir()}/heuresis-{owner}-*"))
