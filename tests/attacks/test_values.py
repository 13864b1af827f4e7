"""A05, A06, A07, A25, A26, A27, A28, A32, A33, A48: forged scores, forged values, forged frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heuresis.evaluators.nouns import Status
from heuresis.program import Limits
from tests.attacks.arena import Arena
from tests.attacks.exam import BEST, Echo, Guess

WORST = "def guess(x):\n    return 1000.0 + x\n"
"""Honest and bad: no forgery below may make it any better."""


def judged(arena: Arena, text: str) -> Any:
    return arena.judge(Guess(), text)


def test_an_honest_program_is_scored(arena: Arena) -> None:
    assert judged(arena, BEST).status is Status.SCORED
    assert judged(arena, BEST).score.value > judged(arena, WORST).score.value


@pytest.mark.parametrize(
    "forgery",
    [
        "print('{\"score\": 1.0}')",
        "import atexit; atexit.register(print, 'score: 1.0')",
        "import os; os.write(1, b'\\n{\"combined_score\": 1e9}\\n')",
        "import json; open('/tmp/metrics.json', 'w').write(json.dumps({'score': 1e9}))",
        "import json; json.dumps = lambda *a, **k: '{\"score\": 1e9}'",
        "score = combined_score = fitness = 1e9",
    ],
    ids=range(6),
)
def test_a05_a24_a_printed_written_or_named_score_is_no_score(arena: Arena, forgery: str) -> None:
    score = judged(arena, f"{forgery}\n{WORST}").score
    assert score == judged(arena, WORST).score or (arena.tier == "landlock" and score is None)  # it has no /tmp


def test_a06_bytes_on_every_descriptor_are_a_violation(arena: Arena) -> None:
    text = """
import os, time
def f():
    for fd in range(3, 256):
        try: os.write(fd, b"\\xff" * 100)
        except OSError: pass
    time.sleep(100)
"""
    outcome = arena.play(text)
    assert outcome.ending == "violation"
    assert "broke the protocol" in outcome.reason


def test_a06_only_the_channel_is_inherited(arena: Arena) -> None:
    assert arena.value("import os\ndef f(): return len(os.listdir('/proc/self/fd'))") <= 5  # and the one that lists


FORGED = """
import os, struct, time, msgpack
def send(value):
    body = msgpack.packb(value)
    os.write(3, struct.pack("<I", len(body)) + body)
"""


@pytest.mark.parametrize(
    "frame",
    ["[5, 0, None]", "[5, 2, [[0.0]]]", "[5, 1, [[0.0, 1.0]]]", "[5, True, [[0.0]]]",
     "[5, 1]", "[6, 1, 2]", "[0, {}, [], 0]", "[1, 1, [], True]", "[4, 0, 0, [], {}]", "[4, True, 0, [], {}]",
     "{'score': 1}", "[]", "1", "None", "[5, 1.0, [[0.0]]]", "[4, 7, 0, [], {}]", "[4, 0, 2**63, [], {}]"],
)  # fmt: skip
def test_a06_a_forged_frame_is_a_violation_and_no_score(arena: Arena, frame: str) -> None:
    text = f"{FORGED}\ndef guess(x):\n    send({frame})\n    time.sleep(60)\n"
    verdict = judged(arena, text)
    assert (verdict.status, verdict.score) == (Status.VIOLATION, None), verdict.reason


def test_a06_a_whole_frame_of_ours_is_no_more_than_an_answer(arena: Arena) -> None:
    """What it may forge is what it may return: a value for each call of this frame."""
    text = f"{FORGED}\ndef guess(x):\n    send([5, 1, [[7.0], [7.0]]])\n    time.sleep(60)\n"
    assert arena.judge(Echo(), text).results == arena.judge(Echo(), "def guess(x): return 7.0\n").results


def test_a06_an_answer_sent_ahead_of_its_question_is_a_violation(arena: Arena) -> None:
    """The right bytes, too early: what is left over after a frame, or comes before one, ends the session."""
    text = f"{FORGED}\nfor n in range(1, 9): send([5, n, [[0.0]]])\n{BEST}"
    verdict = judged(arena, text)
    assert verdict.score is None
    assert verdict.status is Status.VIOLATION


@pytest.mark.parametrize("line", ["sys.exit(0)", "os._exit(0)", "raise SystemExit", "quit()", "os.abort()"])
@pytest.mark.parametrize("where", ["at import", "in the call"])
def test_a07_an_early_success_exit_is_no_success(arena: Arena, line: str, where: str) -> None:
    text = f"import os, sys\n{line}\n{BEST}" if where == "at import" else f"import os, sys\ndef guess(x):\n    {line}\n"
    verdict = judged(arena, text)
    assert verdict.score is None
    assert verdict.status in (Status.CRASHED, Status.INVALID), verdict


@pytest.mark.parametrize(
    "value",
    ["type('A', (float,), {'__eq__': lambda *a: True, '__lt__': lambda *a: False})(0)",
     "type('A', (list,), {'__eq__': lambda *a: True})([0.0])",
     "type('A', (int,), {})(3)", "type('A', (str,), {})('3')",
     "type('A', (), {'__float__': lambda self: 0.0, '__sub__': lambda self, x: 0.0})()"],
    ids=range(5),
)  # fmt: skip
def test_a25_a_value_of_a_class_of_its_own_does_not_cross(arena: Arena, value: str) -> None:
    verdict = judged(arena, f"def guess(x):\n    return {value}\n")
    assert verdict.score is None
    assert verdict.status in (Status.INVALID, Status.CRASHED)


@pytest.mark.parametrize(
    "value",
    ["float('nan')", "float('inf')", "-float('inf')", "1e999", "True", "1j", "'1.0'", "10**400", "10**5000", "None",
     "[1.0]", "(1.0,)", "{'a': 1.0}", "b'1'", "__import__('numpy').float64('nan')", "__import__('numpy').ones(1)",
     "__import__('decimal').Decimal(1)", "2**64"],
)  # fmt: skip
def test_a26_a_bad_number_is_no_score(arena: Arena, value: str) -> None:
    verdict = judged(arena, f"def guess(x):\n    return {value}\n")
    assert verdict.score is None
    assert verdict.status in (Status.INVALID, Status.CRASHED), verdict
    assert verdict.reason


@pytest.mark.parametrize("value", ["-0.0", "__import__('numpy').float64(2.0)", "__import__('numpy').int8(2)", "3"])
def test_a26_a_plain_number_in_other_clothes_is_that_number(arena: Arena, value: str) -> None:
    assert judged(arena, f"def guess(x):\n    return {value}\n").status is Status.SCORED


def test_a26_a_key_twice_is_a_violation(arena: Arena) -> None:
    text = """
import os, struct, time
def f():
    body = b"\\x93\\x05\\x01\\x91\\x91\\x82\\xa1a\\x01\\xa1a\\x02"
    os.write(3, struct.pack("<I", len(body)) + body); time.sleep(60)
"""
    assert arena.play(text).ending == "violation"


def test_a27_nothing_is_ever_unpickled(arena: Arena, tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    text = f"""
import os, pickle
class Bomb:
    def __reduce__(self): return os.system, ("touch {mark}",)
def f(how): return Bomb() if how else pickle.dumps(Bomb())
"""
    assert arena.play(text, True).error.startswith("returned a Bomb")
    assert isinstance(arena.value(text, False), bytes)
    assert not mark.exists()


@pytest.mark.parametrize(
    "body",
    ["b'\\x91' * 1_000_000 + b'\\xc0'", "b'\\xdb\\x7f\\xff\\xff\\xff' + b'x' * 100", "b'\\xa4\\xff\\xfe\\xfd\\xfc'",
     "b'\\xa3\\xed\\xa0\\x80'", "b'\\xdd\\x00\\x0f\\x00\\x00' + b'\\x90' * 0xf0000", "b''", "b'\\xc1'",
     "b'x' * 8388608",
     "b'\\x93\\x05\\x01\\x91\\x91\\xc9\\x00\\x00\\x00\\x0a\\x02\\x0b\\x01' + b'\\xff' * 8"],
    ids=range(9),
)  # fmt: skip
def test_a28_a_huge_deep_or_broken_frame_is_a_violation_and_does_not_grow_the_referee(arena: Arena, body: str) -> None:
    text = f"""
import os, struct, time
def f():
    body = {body}
    data = memoryview(struct.pack("<I", len(body)) + body)
    while data: data = data[os.write(3, data):]
    time.sleep(60)
"""
    before = _peak_kilobytes(reset=True)
    assert arena.play(text).ending == "violation"
    assert _peak_kilobytes() - before < 200_000


def test_a28_a_long_frame_is_refused_by_its_length_alone(arena: Arena) -> None:
    text = """
import os, struct, time
def f():
    os.write(3, struct.pack("<I", 300 << 20))
    for _ in range(200): os.write(3, bytes(1 << 20))
    time.sleep(60)
"""
    before = _peak_kilobytes(reset=True)
    outcome = arena.play(text)
    assert outcome.ending == "violation"
    assert "above the cap" in outcome.reason
    assert _peak_kilobytes() - before < 50_000


def _peak_kilobytes(reset: bool = False) -> int:
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


def test_a28_a_flood_of_frames_ends_the_session(arena: Arena) -> None:
    text = f"{FORGED}\ndef f():\n    while True: send([5, 99, []])"
    before = _peak_kilobytes(reset=True)
    assert arena.play(text).ending == "violation"
    assert _peak_kilobytes() - before < 50_000


@pytest.mark.parametrize("way", ["a thread", "atexit", "a destructor", "a child"])
def test_a32_nothing_that_runs_after_an_answer_changes_it(arena: Arena, way: str) -> None:
    lines = {
        "a thread": "threading.Thread(target=later).start()",
        "atexit": "atexit.register(later)",
        "a destructor": "keep.append(type('A', (), {'__del__': lambda self: later()})())",
        "a child": "os.fork() or (later(), os._exit(0))",
    }
    text = f"""
{FORGED}
import atexit, threading
keep = []
def later():
    time.sleep(0.02)
    for number in range(9): send([5, number, [[3.0]]])
def guess(x):
    {lines[way]}
    return 1000.0 + x
"""
    verdict = judged(arena, text)  # its own next answers may break the protocol; they never become better
    assert verdict.score is None or verdict.score == judged(arena, WORST).score


def test_a33_writing_into_memory_changes_only_the_program_itself(arena: Arena) -> None:
    text = """
import ctypes, gc
def guess(x):
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Channel", "Encoder", "Decoder"):
            try: ctypes.memset(id(thing) + 24, 0, 64)
            except Exception: pass
    number = 0.0
    ctypes.c_double.from_address(id(number) + 16).value = 1e9
    return 1000.0 + x
"""
    verdict = judged(arena, text)
    assert verdict.score is None or verdict.score.value <= judged(arena, WORST).score.value


@pytest.mark.parametrize(
    "error", ["Invalid", "Unavailable", "ConfigError", "JailEnded", "StopIteration", "GeneratorExit"]
)
def test_a48_no_exception_takes_an_instance_out_of_the_mean(arena: Arena, error: str) -> None:
    """It may raise what our own code catches, by the very name: the whole evaluation has no score."""
    text = f"""
import heuresis.errors
{error} = getattr(heuresis.errors, "{error}", None) or globals()["__builtins__"].get("{error}") or type(
    "{error}", (Exception,), {{}})
def guess(x):
    if x < 0: raise {error}.__new__({error})
    return 3 * x + 1
"""
    verdict = judged(arena, text)
    assert verdict.score is None
    assert verdict.status in (Status.CRASHED, Status.INVALID)


def test_a48_every_scheduled_instance_counts(arena: Arena) -> None:
    verdict = judged(arena, BEST)
    assert verdict.score is not None
    assert verdict.score.count == 8
    assert len(verdict.results) == 2 + 8


def test_a28_a_huge_answer_by_memory_is_refused_before_it_is_read(arena: Arena) -> None:
    text = """
import fcntl, os, socket, struct, time
def f():
    fd = os.memfd_create("a", os.MFD_ALLOW_SEALING); os.ftruncate(fd, 1 << 40)
    fcntl.fcntl(fd, 1033, 2 | 4 | 8)
    socket.send_fds(socket.socket(fileno=3), [struct.pack("<I", 1 | 1 << 31) + b"\\xc0"], [fd])
    time.sleep(60)
"""
    before = _peak_kilobytes(reset=True)
    outcome = arena.play(text, limits=Limits())
    assert outcome.ending in ("violation", None), outcome  # the file size limit of the jail may come first
    assert _peak_kilobytes() - before < 50_000
