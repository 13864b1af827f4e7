"""A11, A12, A13, A14, A15, A40: memory, disk, output, time, processor."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from heuresis.program import Limits
from heuresis.sandbox.backends import shipped_backend
from heuresis.sandbox.worker import JailWorker
from tests.attacks.arena import SMALL, Arena

MEMORY = replace(SMALL, memory_bytes=192 << 20, cpu_seconds=30.0, wall_seconds=60.0)
QUICK = Limits(wall_seconds=0.5, cpu_seconds=20.0, memory_bytes=256 << 20, processes=24)


def ran_out(arena: Arena, text: str) -> None:
    """A control group kills. An address space limit raises MemoryError, in the shim too: it may flood its output."""
    outcome = arena.play(text, limits=MEMORY)
    raised = "MemoryError" in outcome.error or outcome.ending in ("output", "crashed")
    assert outcome.ending == "memory" or (raised and not arena.has_cgroup), outcome
    assert outcome.usage.memory_bytes <= 2 * MEMORY.memory_bytes or not arena.has_cgroup


def test_a11_memory_of_one_process_is_capped(arena: Arena) -> None:
    ran_out(arena, "def f():\n kept = []\n while True: kept.append(bytearray(b'x' * (4 << 20)))")


def test_a11_a_program_that_catches_the_error_is_capped(arena: Arena) -> None:
    text = """
def f():
    kept, size = [], 64 << 20
    while len(kept) < 10_000:
        try: kept.append(bytearray(b"x") * size)
        except MemoryError: size = max(size // 2, 4096)
        if size == 4096 and len(kept) > 5000: break
    raise MemoryError
"""
    ran_out(arena, text)


def test_a11_memory_of_many_small_children_is_added_up(arena: Arena) -> None:
    text = """
import os, time
def f():
    for _ in range(10):
        if os.fork() == 0:
            keep = bytearray(b"x") * (40 << 20)
            while True: time.sleep(1)
    while True: time.sleep(1)
"""
    assert arena.play(text, limits=MEMORY).ending == "memory"


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_a12_files_are_capped_by_size_and_by_number(arena: Arena, place: str) -> None:
    text = """
import os
def f(place):
    size = count = 0
    try:
        with open(place + "/big", "wb") as file:
            while size < 200 << 20: size += file.write(b"x" * (1 << 20)); file.flush()
    except OSError: pass
    try: os.unlink(place + "/big")
    except OSError: pass
    try:
        for count in range(40_000): os.close(os.open(f"{place}/{count}", os.O_CREAT | os.O_WRONLY))
    except OSError: pass
    return size, count
"""
    limits = replace(SMALL, file_bytes=8 << 20, memory_bytes=1 << 30, cpu_seconds=20, wall_seconds=60)
    size, count = arena.value(text, place, limits=limits)
    assert size <= limits.file_bytes
    assert count < 20_000


def test_a12_memory_files_are_memory(arena: Arena) -> None:
    text = """
import os
def f():
    fds = []
    while True:
        fds.append(os.memfd_create("x"))
        for _ in range(16): os.write(fds[-1], b"x" * (1 << 20))
"""
    assert arena.play(text, limits=replace(MEMORY, wall_seconds=20)).ending == "memory"


def test_a12_a_crash_leaves_no_core(arena: Arena) -> None:
    before = set(Path.cwd().glob("core*"))
    text = "import os, resource\ndef f():\n assert resource.getrlimit(resource.RLIMIT_CORE) == (1, 1)\n os.abort()"
    assert arena.play(text).ending == "crashed"
    assert set(Path.cwd().glob("core*")) == before


def test_a12_descriptors_are_capped(arena: Arena) -> None:
    text = """
import os
def f():
    try:
        for count in range(5000): os.open("/dev/null", os.O_RDONLY)
    except OSError: pass
    return count
"""
    assert arena.value(text) < 256


def test_a13_output_is_capped_and_one_endless_line_does_not_grow_the_referee(arena: Arena) -> None:
    for text in (
        "def f():\n while True: print('x' * 1000)",
        "import os\ndef f():\n while True: os.write(2, b'x' * 65536)",
        "import os\nwhile True: os.write(1, b'x' * 65536)\ndef f(): pass",
    ):
        outcome = arena.play(text)
        assert outcome.ending == "output", outcome
        assert len(outcome.output) <= 8192
        assert outcome.usage.output_bytes <= SMALL.output_bytes + (1 << 17)


def test_a14_a_program_that_ignores_everything_is_killed_at_the_deadline(arena: Arena) -> None:
    text = """
import signal, time
def f():
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True:
        try: time.sleep(100)
        except BaseException: pass
"""
    outcome = arena.play(text, limits=QUICK)
    assert outcome.ending == "wall"
    assert outcome.usage.wall_seconds < 10


def test_a14_slow_bytes_do_not_stretch_the_deadline(arena: Arena) -> None:
    text = """
import os, struct, time
def f():
    os.write(3, struct.pack("<I", 1_000_000))
    while True: os.write(3, b"x"); time.sleep(0.001)
"""
    outcome = arena.play(text, limits=QUICK)
    assert outcome.ending == "wall"
    assert outcome.usage.wall_seconds < 10


def test_a14_callbacks_do_not_stretch_the_deadline_of_the_program(arena: Arena) -> None:
    text = "def f(g):\n while True: g()"
    outcome = arena.play(text, lambda: None, limits=QUICK)
    assert outcome.ending in ("wall", "cpu")


def test_a14_what_a_program_was_given_cannot_be_kept_busy_for_ever(arena: Arena) -> None:
    text = "def f(g):\n while True: g()"
    outcome = arena.play(text, lambda: time.sleep(0.3), limits=replace(SMALL, wall_seconds=0.2))
    assert (outcome.ending, "10 times its wall limit" in outcome.reason) == ("wall", True)


@pytest.mark.parametrize(
    "line",
    ["len(str(10 ** 10 ** 8))", "__import__('re').match('(a+)+$', 'a' * 40 + 'b')", "sum(range(10 ** 14))"],
    ids=["a power", "a pattern", "a sum"],
)
def test_a15_a_call_that_holds_the_interpreter_is_killed(arena: Arena, line: str) -> None:
    outcome = arena.play(f"def f(): return {line}", limits=replace(QUICK, memory_bytes=1 << 30))
    assert outcome.ending == "wall"


def test_a15_processor_time_is_counted_over_all_processes_and_dead_ones(arena: Arena) -> None:
    text = """
import os, time
def f():
    while True:
        if (pid := os.fork()) == 0:
            end = time.process_time() + 0.1
            while time.process_time() < end: pass
            os._exit(0)
        os.waitpid(pid, 0)
"""
    outcome = arena.play(text, limits=replace(SMALL, cpu_seconds=0.5, wall_seconds=30))
    assert outcome.ending == "cpu"


def test_a40_many_busy_processes_get_no_more_than_their_share(arena: Arena) -> None:
    if not arena.has_cgroup:
        pytest.skip("no writable control group: the share is not capped, and the row says so")
    text = """
import os, time
def f():
    for _ in range(12):
        if os.fork() == 0:
            try: os.nice(-20)
            except OSError: pass
            while True: pass
    time.sleep(1.0)
    return 1
"""
    share = 0.05
    with JailWorker(shipped_backend(arena.tier), ("numpy",), share) as worker:
        outcome = Arena(arena.tier, worker).play(text, limits=replace(SMALL, wall_seconds=30))
    assert outcome.ending is None, outcome
    assert outcome.usage.cpu_seconds < 1.5 * share * outcome.usage.wall_seconds + 0.15
