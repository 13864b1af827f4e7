"""A41, A42: a program that recognises its exam, or that behaves only while it is graded."""

from __future__ import annotations

from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.referee import Referee
from heuresis.program import Limits, Program
from tests.attacks.arena import Arena
from tests.attacks.exam import BEST, Echo, Guess

DRAW = """
import random
import numpy as np
def f(): return [random.random(), float(np.random.random()), hash("text"), __import__("uuid").getnode() and 0]
"""


def test_a41_seeds_are_per_session_and_repeatable(arena: Arena) -> None:
    first, again, other = (arena.value(DRAW, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_a41_instances_depend_on_a_secret_that_no_program_has(arena: Arena) -> None:
    """A table of remembered answers is worth nothing under another secret: no instance is met again."""
    seen = []
    for secret in (b"one", b"two"):
        referee = Referee(Guess(), arena.worker, secret)
        seen.append({referee._instance(tier, index) for tier in (Tier.VALID, Tier.TEST) for index in range(8)})
    assert len(seen[0]) == 16
    assert not seen[0] & seen[1]


def test_a41_nothing_is_remembered_from_one_block_to_the_next(arena: Arena) -> None:
    """Blocks of two: a program that counts its calls never counts further, nor does it find what it wrote."""
    text = """
import os
calls = 0
def guess(x):
    global calls
    calls += 1
    with open("/tmp/calls", "a") as file: file.write("x")
    return float(max(calls, os.path.getsize("/tmp/calls")))
"""
    if arena.tier == "landlock":
        text = text.replace("/tmp/calls", "calls")
    verdict = arena.judge(Echo(), text)
    assert verdict.score is not None, verdict
    assert {row.result.metrics["error"] for row in verdict.results} == {1.0, 2.0}


SPY = """
import hashlib, sys
wire = sys.modules["heuresis.sandbox.wire"]
seen, old = hashlib.sha256(), wire.Decoder.decode
def decode(self, body, shared=None):
    seen.update(bytes(body))
    return old(self, body, shared)
wire.Decoder.decode = decode
def guess(x): return float(int.from_bytes(seen.digest()[:6], "big"))
"""


def test_a42_a_test_looks_byte_for_byte_like_a_valid_run(arena: Arena) -> None:
    """The program takes a digest of every frame that reaches it. (The load carries a secret-derived seed.)"""
    referee = Referee(Echo(), arena.worker, b"secret")
    digests = [
        [row.result.metrics["error"] for row in referee.examine(Program.of(SPY), tier, range(8)).results]
        for tier in (Tier.VALID, Tier.TEST)
    ]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 4  # the spy does see its frames; one frame per block


def test_a42_what_a_program_can_learn_of_its_jail_is_the_same_each_time(arena: Arena) -> None:
    text = """
import os, socket, sys
def f(): return [os.getuid(), socket.gethostname(), os.getpid(), sorted(os.environ.items()), os.getcwd(), sys.argv]
"""
    assert arena.value(text, limits=Limits()) == arena.value(text, limits=Limits(), seed=5)


def test_a41_an_honest_program_is_judged_the_same_twice(arena: Arena) -> None:
    first, second = arena.judge(Guess(), BEST), arena.judge(Guess(), BEST)
    assert (first.score, first.results) == (second.score, second.results)
