"""An honest program and its referee."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heuresis.errors import ConfigError
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call, Ending, JailEnded, Ref, RemoteHandle, RngSeed
from heuresis.sandbox.session import JailSession
from heuresis.sandbox.wire import CannotCross
from heuresis.sandbox.worker import JailWorker, open_worker

PROGRAM = Program.of("""
import random, time
import numpy as np

def echo(*values, **named): return [list(values), named] if named else list(values)
def kind(value): return type(value).__name__
def fail(): raise ValueError("wrong " + "x" * 5000)
def scale(array):
    array *= 2
    return array
def draw(rng): return [float(rng.random()), random.random(), float(np.random.random())]
def total(ref): return float(ref.sum()), bool(ref.flags.writeable)
def minimize(objective, start): return [objective(start + step) for step in range(3)]
def unsendable(): return object()
def say(text): print(text)
def burn():
    while time.process_time() < 0.1: pass
class Counter:
    def __init__(self, start): self.n = start
    def add(self, k): self.n += k; return self.n
def read(counter): return counter.n
""")
NAMES = ("echo", "kind", "Counter")


@pytest.fixture
def session(worker: JailWorker) -> JailSession:
    return worker.start(PROGRAM, NAMES, Limits(), seed=7)


def ask(session: JailSession, name: str, *args: object) -> object:
    answer = session.call([Call(name, args)])[0]
    assert answer.error is None, answer
    return answer.value


def test_lists_and_tuples_are_kept_apart(session: JailSession) -> None:
    assert [ask(session, "kind", value) for value in ([1], (1,), {"a": 1}, 1.0, True, None)] == [
        "list", "tuple", "dict", "float", "bool", "NoneType"]  # fmt: skip
    assert ask(session, "echo", (1, [2, (3,)])) == [(1, [2, (3,)])]


def test_keyword_arguments_arrive(session: JailSession) -> None:
    assert session.call([Call("echo", (1,), {"b": 2})])[0].value == [[1], {"b": 2}]


def test_the_calls_of_a_frame_are_played_in_order(session: JailSession) -> None:
    counter = session.call([Call("Counter", (10,), keep=True)])[0].value
    assert isinstance(counter, RemoteHandle)
    answers = session.call([Call("add", (k,), target=counter) for k in range(4)])
    assert [answer.value for answer in answers] == [10, 11, 13, 16]
    assert ask(session, "read", counter) == 16
    session.free([counter])
    with pytest.raises(CannotCross):
        ask(session, "read", counter)


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
def test_arrays_are_private_and_writable_in_the_jail(session: JailSession, size: int) -> None:
    array = np.random.default_rng(1).random(size)
    before = array.copy()
    assert np.array_equal(ask(session, "scale", array), before * 2)
    assert np.array_equal(array, before)


def test_a_ref_is_sent_once_and_read_only(session: JailSession) -> None:
    ref = Ref(np.ones((300, 300)))
    assert ask(session, "total", ref) == (90_000.0, False)
    assert ask(session, "total", ref) == (90_000.0, False)
    assert [answer.value[0] for answer in session.call([Call("total", (Ref(ref.array),))] * 2)] == [90_000.0] * 2


def test_a_seed_arrives_as_a_generator_and_all_generators_follow_the_session(worker: JailWorker) -> None:
    draws = []
    for seed in (7, 7, 8):
        with worker.start(PROGRAM, NAMES, Limits(), seed) as session:
            draws.append(ask(session, "draw", RngSeed(3)))
    assert draws[0] == draws[1]
    assert draws[0][0] == draws[2][0] == np.random.default_rng(3).random()
    assert draws[0][1:] != draws[2][1:]


def test_callbacks_run_here_and_may_be_kept(session: JailSession) -> None:
    seen: list[float] = []

    def objective(x: float) -> float:
        seen.append(x)
        return x * x

    assert ask(session, "minimize", objective, 2) == [4, 9, 16]
    assert ask(session, "minimize", objective, np.float64(0.5)) == [0.25, 2.25, 6.25]
    assert seen == [2, 3, 4, 0.5, 1.5, 2.5]


def test_an_exception_of_our_callable_goes_up_unchanged_and_the_session_goes_on(session: JailSession) -> None:
    class OverBudget(Exception):
        pass

    def objective(x: float) -> float:
        raise OverBudget(str(x))

    with pytest.raises(OverBudget, match="5"):
        ask(session, "minimize", objective, 5)
    assert ask(session, "echo", 1) == [1]


def test_one_that_asks_for_ever_after_our_exception_reaches_its_wall_limit(worker: JailWorker) -> None:
    text = """
import msgpack, socket, struct, time
def f(ask):
    try: ask()
    except BaseException: pass
    channel, number = socket.socket(fileno=3), 1
    while channel.recv(1 << 16):  # the next question, then what it is told
        frame = msgpack.packb([4, number, 0, [], {}])
        channel.sendall(struct.pack("<I", len(frame)) + frame)
        number += 1
        time.sleep(0.001)
"""
    with worker.start(Program.of(text), ("f",), Limits(wall_seconds=0.5), 0) as session:
        with pytest.raises(ZeroDivisionError):
            session.call([Call("f", (lambda: 1 / 0,))])
        with pytest.raises(JailEnded, match="wall limit"):
            session.call([Call("f", ())])
        assert session.usage.wall_seconds < 5


def test_an_exception_of_the_candidate_is_an_answer_cut_to_length(session: JailSession) -> None:
    answers = session.call([Call("echo", (1,)), Call("fail"), Call("echo", (2,))])
    assert [answer.value for answer in answers] == [[1], None, [2]]
    error = answers[1]
    assert error.error is not None
    assert error.error.startswith("ValueError: wrong xxx")
    assert len(error.error) <= 1000
    assert 'program.py", line 10' in error.traceback or "x" * 100 in error.traceback
    assert len(error.traceback) <= 4096
    assert "shim" not in error.traceback


def test_a_value_that_cannot_cross_is_an_error_of_that_answer_only(session: JailSession) -> None:
    answers = session.call([Call("echo", (1,)), Call("unsendable"), Call("echo", (2,))])
    assert answers[0].value == [1]
    assert answers[2].value == [2]
    assert answers[1].error is not None
    assert answers[1].error.startswith("returned a object, which cannot cross")


def test_one_way_calls_are_played_before_the_next_and_their_error_shows_there(session: JailSession) -> None:
    counter = session.call([Call("Counter", (0,), keep=True)])[0].value
    for _ in range(50):
        session.send([Call("add", (1,), target=counter)])
    assert ask(session, "read", counter) == 50
    session.send([Call("fail")])
    assert (session.call([Call("echo", (1,))])[0].error or "").startswith("ValueError")
    assert ask(session, "echo", 1) == [1]


def test_what_is_printed_is_kept_for_feedback(session: JailSession) -> None:
    ask(session, "say", "hello")
    assert session.output == "hello\n"
    assert session.usage.output_bytes == 6


def test_usage_counts_calls_and_seconds(session: JailSession) -> None:
    session.call([Call("echo")] * 4 + [Call("burn")])
    usage = session.usage
    assert usage.calls == 5
    assert usage.wall_seconds > 0
    assert usage.cpu_seconds > 0
    assert usage.memory_bytes > 0


def test_a_program_may_have_several_files(worker: JailWorker) -> None:
    program = Program({"program.py": "from lib.parts import f", "lib/parts.py": "def f(x): return x + 1"})
    with worker.start(program, ("f",), Limits(), 0) as session:
        assert ask(session, "f", 1) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", "ModuleNotFoundError"),
        ("def f(:", "SyntaxError"),
        ("g = 1", "no callable named f"),
        ("f = 1", "no callable named f"),
        ("raise SystemExit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import os; os._exit(0)", "exited with code 0"),
    ],
)
def test_a_program_that_does_not_load_has_crashed_with_the_reason(worker: JailWorker, text: str, words: str) -> None:
    with pytest.raises(JailEnded, match=words) as ended:
        worker.start(Program.of(text), ("f",), Limits(), 0)
    assert ended.value.ending is Ending.CRASHED


def test_values_of_ours_that_cannot_cross_are_our_bug(session: JailSession) -> None:
    with pytest.raises(CannotCross):
        ask(session, "echo", object.__new__(object))
    assert ask(session, "echo", 1) == [1]


def test_threads_and_processes_work_within_the_jail(worker: JailWorker) -> None:
    program = Program.of("""
import subprocess, sys, threading, multiprocessing
def square(x): return x * x
def work():
    out = []
    thread = threading.Thread(target=lambda: out.append("thread"))
    thread.start(); thread.join()
    code = "import numpy; print(int(numpy.arange(4).sum()))"
    out.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        out.append(pool.map(square, [1, 2, 3]))
    return out
""")
    with worker.start(program, ("work",), Limits(), 0) as session:
        assert ask(session, "work") == ["thread", "6\n", [1, 4, 9]]


def test_threads_of_a_candidate_may_call_back(worker: JailWorker) -> None:
    program = Program.of("""
from concurrent.futures import ThreadPoolExecutor
def work(objective):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(objective, range(20)))
""")

    def square(x: int) -> int:
        return x * x

    with worker.start(program, ("work",), Limits(), 0) as session:
        assert ask(session, "work", square) == [x * x for x in range(20)]


def test_isolation_none_has_to_be_allowed_and_speaks_the_same_protocol() -> None:
    from heuresis.errors import Unavailable

    with pytest.raises(Unavailable, match="--unsafe-no-sandbox"):
        open_worker(isolation="none")
    with open_worker(isolation="none", allow_none=True) as worker:
        assert worker.isolation == "none"
        with worker.start(PROGRAM, NAMES, Limits(), 0) as session:
            assert ask(session, "echo", 1) == [1]


def test_an_unknown_isolation_or_package_is_the_users_mistake() -> None:
    with pytest.raises(ConfigError, match="isolation"):
        open_worker(isolation="prayer")
    with pytest.raises(ConfigError, match="nothing_like_this"):
        open_worker(runtime=("nothing_like_this",))


Callback = Callable[[float], float]


def test_sets_have_the_same_order_in_every_jail(worker):
    """Hashes of text are random in each Python process unless they are told not to be."""
    program = Program.of("def order(): return list({str(n) for n in range(100)})\n")
    seen = []
    with open_worker(runtime=("numpy",)) as other:
        for one in (worker, other):
            with one.start(program, ("order",), Limits(), seed=1) as session:
                seen.append(ask(session, "order"))
    assert seen[0] == seen[1]
