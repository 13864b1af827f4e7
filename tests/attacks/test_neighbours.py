"""A12, A21, A22, A35: what two programs that run at the same time share of the kernel, and who feels it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from heuresis.program import Limits, Program
from heuresis.sandbox.backends import shipped_backend
from heuresis.sandbox.protocol import Call
from heuresis.sandbox.worker import JailWorker
from tests.attacks.arena import SMALL, Arena


@pytest.fixture
def neighbour(arena: Arena) -> Iterator[JailWorker]:
    """A second worker of the same kind."""
    with JailWorker(shipped_backend(arena.tier), ("numpy",), 1.0) as worker:
        yield worker


def test_a22_descriptors_that_one_program_keeps_on_their_way_do_not_hold_anothers_answer(
    arena: Arena, neighbour: JailWorker
) -> None:
    hoarder = """
import os, socket
KEPT = []
def f():
    try:
        for _ in range(200):
            KEPT.append(socket.socketpair())
            for _ in range(5): socket.send_fds(KEPT[-1][0], [b"x"], [2] * 50)
    except OSError as error: return error.errno
"""
    honest = "import numpy as np\ndef f(): return np.arange(100_000)"
    with (
        neighbour.start(Program.of(honest), ("f",), Limits(), 0) as session,
        arena.worker.start(Program.of(hoarder), ("f",), SMALL, 0) as other,
    ):
        assert other.call([Call("f")])[0].value is not None
        answer = session.call([Call("f")])[0]
    assert answer.error is None
    assert answer.value.tolist() == list(range(100_000))


def test_a22_two_workers_of_root_are_two_users(arena: Arena, neighbour: JailWorker) -> None:
    if os.getuid() != 0 or arena.tier == "docker":
        pytest.skip("all programs of a plain user, and of a container, are one user")
    text = Program.of("def f(): pass")
    users = []
    for worker in (arena.worker, neighbour):
        with worker.start(text, ("f",), SMALL, 0):
            users.append({os.stat(f"/proc/{pid}").st_uid for pid in worker.pids})
    assert all(len(one) == 1 for one in users)
    assert users[0] != users[1]
    assert {0, 65534}.isdisjoint(users[0] | users[1])


def test_a22_nobody_hears_what_another_opens(arena: Arena) -> None:
    text = """
import ctypes, errno, fcntl, os
def f():
    libc, heard = ctypes.CDLL(None, use_errno=True), []
    watch = libc.inotify_init1(0)
    if watch >= 0 and libc.inotify_add_watch(watch, b"/usr/lib", 0x20) >= 0: heard.append("inotify")
    for name, path, number, value in (("dnotify", "/usr/lib", fcntl.F_NOTIFY, fcntl.DN_ACCESS),
                                      ("lease", "/usr/bin/env", fcntl.F_SETLEASE, fcntl.F_RDLCK)):
        try: fcntl.fcntl(os.open(path, os.O_RDONLY), number, value); heard.append(name)
        except OSError: pass
    return heard
"""
    assert arena.value(text) == []


def test_a35_no_pair_of_another_family_can_be_made(arena: Arena) -> None:
    text = """
import ctypes
def f():
    libc, pair = ctypes.CDLL(None, use_errno=True), (ctypes.c_int * 2)()
    found = set()
    for family in [n for n in range(46) if n != 1]:
        for kind in (1, 2, 3, 5):
            made = libc.socketpair(family, kind, 0, pair)
            found.add(0 if made == 0 else ctypes.get_errno())
    return sorted(found), libc.socketpair(1, 1, 0, pair)
"""
    found, streams = arena.value(text)
    assert found in ([97], [1])  # EAFNOSUPPORT, or EPERM: by the filter, before the family's own code says anything
    assert streams == 0


def test_a12_a_crash_is_not_dumped_into_the_machines_own_program(arena: Arena) -> None:
    """Where `core_pattern` is a pipe, 0 would still run it, as root, for every crash; 1 does not."""
    text = """
import ctypes, os, resource
def f():
    refused = []
    for limit in ((0, 0), (0, 1)):
        try: resource.setrlimit(resource.RLIMIT_CORE, limit); refused.append(False)
        except (OSError, ValueError): refused.append(True)
    none = (ctypes.c_ulong * 2)()
    number = {"x86_64": 160, "aarch64": 164}[os.uname().machine]
    refused.append(ctypes.CDLL(None).syscall(number, 4, none) != 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    return resource.getrlimit(resource.RLIMIT_CORE), refused, resource.getrlimit(resource.RLIMIT_NOFILE)
"""
    assert arena.value(text) == ((1, 1), [True, True, True], (100, 100))


@pytest.mark.slow
def test_a10_a_program_that_takes_long_to_be_taken_apart_is_no_fault_of_ours(neighbour: JailWorker) -> None:
    """What many processes hold can take the kernel longer than a warm parent takes for anything else."""
    session = neighbour.start(Program.of("def f(): return 1"), ("f",), SMALL, 0)
    warm = neighbour.pids[0]
    os.kill(warm, signal.SIGSTOP)
    waker = threading.Timer(35, os.kill, (warm, signal.SIGCONT))
    waker.start()
    began = time.monotonic()
    session.close()
    waker.join()
    assert time.monotonic() - began > 30
    assert neighbour.pids[0] == warm
