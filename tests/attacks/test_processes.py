"""A08, A09, A10, A16, A17, A18: processes and signals."""

from __future__ import annotations

import os

import pytest

from heuresis.program import Limits
from tests.attacks.arena import SMALL, Arena, descendants, wait_for

BOUNDED = Limits(wall_seconds=10.0, cpu_seconds=5.0, memory_bytes=256 << 20, processes=24)


def test_a08_a_fork_bomb_stays_within_its_limit(arena: Arena) -> None:
    text = """
import os, time
def f():
    made = 0
    try:
        for _ in range(2000):
            if os.fork() == 0:
                time.sleep(30); os._exit(0)
            made += 1
    except OSError: pass
    return made
"""
    made = arena.value(text, limits=BOUNDED)
    assert 0 < made <= BOUNDED.processes or (arena.tier == "landlock" and made == 0)  # it may start none


def test_a08_threads_count_as_processes(arena: Arena) -> None:
    text = """
import threading, time
def f():
    made = 0
    try:
        for _ in range(500):
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
            made += 1
    except RuntimeError: pass
    return made
"""
    assert 0 < arena.value(text, limits=BOUNDED) <= BOUNDED.processes


def test_a09_a_daemon_does_not_outlive_its_session(arena: Arena) -> None:
    before = descendants(os.getpid())
    # A container's processes are the daemon's, not ours: those of the whole machine are compared after each attack.
    assert before or arena.tier == "docker", "the worker did not survive its last program"
    text = """
import os, time
def f():
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True: time.sleep(0.01)
            os._exit(0)
    time.sleep(0.05)
    return 1
"""
    assert arena.value(text) == 1
    assert descendants(os.getpid()) == before


def test_a10_zombies_are_capped_and_reaped(arena: Arena) -> None:
    before = descendants(os.getpid())
    text = """
import os
def f():
    made = 0
    try:
        for _ in range(5000):
            if os.fork() == 0: os._exit(0)
            made += 1
    except OSError: pass
    return made
"""
    assert arena.value(text, limits=BOUNDED) <= BOUNDED.processes
    assert descendants(os.getpid()) == before


@pytest.mark.parametrize("way", ["itself", "its group", "everybody"])
def test_a16_a_program_that_stops_itself_ends_at_the_wall_limit_or_answers(arena: Arena, way: str) -> None:
    pid = {"itself": "os.getpid()", "its group": "0", "everybody": "-1"}[way]
    text = f"""
import os, signal, time
def f():
    if os.fork() == 0:
        os.kill({pid}, signal.SIGSTOP)
        while True: time.sleep(1)
    os.kill({pid}, signal.SIGSTOP)
    while True: time.sleep(1)
"""
    outcome = arena.play(text, limits=Limits(wall_seconds=0.5))
    assert outcome.ending == "wall", outcome


@pytest.mark.parametrize("target", ["0", "-1", "os.getppid()", "1"])
def test_a17_no_signal_reaches_the_worker_or_its_owner(arena: Arena, target: str) -> None:
    before = descendants(os.getpid())
    text = f"""
import os, signal
def f():
    try: os.kill({target}, signal.SIGKILL)
    except OSError: return "refused"
    return "sent"
"""
    outcome = arena.play(text, limits=SMALL)
    assert outcome.ending in (None, "crashed"), outcome
    assert wait_for(lambda: descendants(os.getpid()) == before), "the worker or a neighbour was killed"


def test_a17_the_program_leads_a_session_of_its_own(arena: Arena) -> None:
    assert arena.value("import os\ndef f(): return os.getsid(0) == os.getpid() == os.getpgid(0)") is True


def test_a18_no_memory_of_another_process_can_be_opened(arena: Arena) -> None:
    text = """
import ctypes, os
def f(pids):
    libc, reached = ctypes.CDLL(None, use_errno=True), []
    for pid in (*pids, os.getppid()):
        if pid <= 1: continue
        for name in ("mem", "environ", "maps", "fd/0", "root/etc/passwd"):
            try: open(f"/proc/{pid}/{name}", "rb").close(); reached.append((pid, name))
            except OSError: pass
        if libc.ptrace(16, pid, 0, 0) == 0: reached.append((pid, "ptrace"))
        vector = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.c_char()), 1)
        if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) >= 0: reached.append((pid, "vm"))
    return reached
"""
    pids = [os.getpid(), os.getppid(), *descendants(os.getpid())]
    assert arena.value(text, pids) == []
