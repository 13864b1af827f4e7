"""A02, A03, A19, A20, A23, A24, A31: what a process holds, and what a program may change of its own Python."""

from __future__ import annotations

import os
import secrets

from heuresis.sandbox.backends import shipped_backend
from heuresis.sandbox.worker import JailWorker
from tests.attacks.arena import SMALL, Arena
from tests.attacks.exam import BEST, Echo, Guess

WALK = """
import gc, sys, threading
def f(first, second):
    canary = bytes(a ^ b for a, b in zip(first, second))
    seen, types, stack = [], set(), [sys._getframe()]
    stack += list(sys._current_frames().values())
    own = id(canary)
    while stack:
        frame = stack.pop()
        while frame is not None:
            for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):
                if id(value) != own and isinstance(value, (bytes, str)) and canary in (
                        value if isinstance(value, bytes) else value.encode("utf-8", "replace")):
                    seen.append(name)
            frame = frame.f_back
    for thing in gc.get_objects():
        kind = type(thing)
        types.add(f"{kind.__module__}.{kind.__qualname__}")
        if isinstance(thing, dict):
            for value in list(thing.values()):
                if id(value) != own and isinstance(value, bytes) and canary in value: seen.append("dict")
    return seen, sorted(types), sorted(name for name in sys.modules if name.startswith("heuresis"))
"""


def test_a02_a03_frames_and_objects_of_the_process_hold_nothing_of_the_exam(arena: Arena) -> None:
    canary, key = secrets.token_bytes(32), secrets.token_bytes(32)
    masked = bytes(a ^ b for a, b in zip(canary, key, strict=True))
    seen, types, modules = arena.value(WALK, key, masked)
    assert seen == []
    trusted = ("heuresis.evaluators", "heuresis.agent", "heuresis.archive", "heuresis.cli", "tests.")
    assert [name for name in (*types, *modules) if name.startswith(trusted)] == []
    assert "heuresis.sandbox.session" not in modules
    assert canary


def test_a19_proc_shows_nothing_of_the_host(arena: Arena) -> None:
    canary = secrets.token_hex(16)
    text = """
import os
def f():
    out = []
    for name in os.listdir("/proc"):
        if not name.isdigit(): continue
        for leaf in ("environ", "cmdline", "cgroup", "mountinfo"):
            try: out.append(open(f"/proc/{name}/{leaf}", "rb").read())
            except OSError: pass
        try: out += [os.readlink(f"/proc/{name}/fd/{fd}").encode() for fd in os.listdir(f"/proc/{name}/fd")]
        except OSError: pass
    return b"".join(out)
"""
    os.environ["HEURESIS_CANARY"] = canary
    try:
        with JailWorker(shipped_backend(arena.tier), (), 1.0) as worker:
            read = _Other(arena.tier, worker).value(text)
    finally:
        del os.environ["HEURESIS_CANARY"]
    assert canary.encode() not in read
    assert str(os.getpid()).encode() + b" " not in read
    assert b"pytest" not in read


class _Other(Arena):
    """A worker of its own, without a neighbour."""

    def __init__(self, tier: str, worker: JailWorker) -> None:
        self.tier, self.worker = tier, worker


def test_a20_the_environment_holds_nothing_of_ours(arena: Arena) -> None:
    allowed = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONHASHSEED", "LANG", "HOME", "TMPDIR",
               "PYTHONDONTWRITEBYTECODE", "PATH", "PYTHONPATH", "PWD", "LC_CTYPE", "HOSTNAME", "container"}  # fmt: skip
    text = """
import os
def f():
    words = open("/proc/self/environ", "rb").read().split(b"\\0")
    return sorted({*os.environ, *(word.split(b"=")[0].decode() for word in words if word)})
"""
    os.environ["HEURESIS_API_KEY_CANARY"] = "secret"
    try:
        with JailWorker(shipped_backend(arena.tier), (), 1.0) as worker:
            names = _Other(arena.tier, worker).value(text)
    finally:
        del os.environ["HEURESIS_API_KEY_CANARY"]
    assert set(names) <= allowed


def test_a23_a_patched_clock_changes_neither_limits_nor_figures(arena: Arena) -> None:
    patch = """
import datetime, time
for name in ("time", "perf_counter", "monotonic", "process_time", "time_ns", "perf_counter_ns", "thread_time"):
    setattr(time, name, lambda: 0.0)
"""
    text = f"{patch}\nnap = time.sleep\ndef f(): nap(0.2); return time.perf_counter()"
    outcome = arena.play(text)
    assert outcome.value == 0.0
    assert outcome.usage.wall_seconds >= 0.2
    judged = arena.judge(Guess(), patch + BEST)
    assert judged.score == arena.judge(Guess(), BEST).score
    assert judged.wall_seconds > 0


def test_a24_patched_libraries_change_no_score_and_no_later_program(arena: Arena) -> None:
    patch = """
import builtins, json, math, random, numpy, msgpack, sys
json.dumps = lambda *a, **k: '{"score": 1.0}'
math.sqrt = math.fabs = abs_ = lambda *a: 0.0
random.random = lambda: 0.0
numpy.mean = numpy.sum = numpy.abs = lambda *a, **k: 0.0
builtins.abs = builtins.max = builtins.min = builtins.isinstance = lambda *a, **k: True
"""
    honest = "def guess(x):\n    return 1000.0 + x\n"
    verdict = arena.judge(Guess(), patch + honest)  # it may break itself; the next one is looked at by the fixture
    assert verdict.score is None or verdict.score == arena.judge(Guess(), honest).score
    assert arena.judge(Echo(), "def guess(x): return float(max(x, abs(-2)))\n").score is not None


def test_a31_shadow_modules_and_import_hooks_last_no_longer_than_their_program(arena: Arena) -> None:
    text = """
import os, site, subprocess, sys
def f():
    loaded = [name for name in ("sitecustomize", "usercustomize", "conftest") if name in sys.modules]
    folder = os.path.dirname(__file__)
    for place in (folder, "/tmp", os.getcwd(), os.path.expanduser("~"), *sys.path):
        for name in ("json.py", "sitecustomize.py", "usercustomize.py", "x.pth", "conftest.py", "numpy.py"):
            try: open(os.path.join(place, name), "w").write("raise SystemExit('shadow')")
            except OSError: pass
    sys.meta_path.insert(0, type("Finder", (), {"find_spec": staticmethod(lambda *a, **k: None)}))
    return loaded, bool(sys.flags.no_user_site), bool(sys.flags.safe_path), bool(sys.flags.no_site)
"""
    for _ in range(2):
        assert arena.value(text, limits=SMALL) == ([], True, True, True)
