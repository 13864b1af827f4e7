"""What driver and referee hold is nowhere in the jailed child: not in its memory, its files or its environment."""

from __future__ import annotations

import hashlib
import os
import secrets

from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Status
from heuresis.evaluators.pool import Pool
from heuresis.program import Program

PROBLEM = """
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Objective, Problem

HELD = bytes.fromhex("{canary}")


class Exam(Problem):
    entry_points = ("search() -> int",)
    seeds = {{"none": "def search():\\n    return 0\\n"}}
    objectives = (Objective("found", "min"),)
    tier_sizes = {{Tier.TRAIN: 1, Tier.VALID: 1, Tier.TEST: 1, Tier.SHIFT: 1}}

    def generate(self, tier, index, rng):
        return HELD + str(index).encode()

    def run(self, program, instance, exam):
        return Result({{"found": program.search()}})
"""

SEARCH = '''
import hashlib

KEPT = bytes(byte ^ 85 for byte in {kept!r})


def regions():
    for line in open("/proc/self/maps"):
        span, rights = line.split()[:2]
        if rights.startswith("r") and "[v" not in line:
            yield tuple(int(part, 16) for part in span.split("-"))


def count(data, start, length, digest):
    """How often the canary, known only by its first bytes and its hash, occurs."""
    found, at = 0, data.find(start)
    while at >= 0:
        found += hashlib.sha256(data[at : at + length]).hexdigest() == digest
        at = data.find(start, at + 1)
    return found


def search():
    found, read, memory = 0, 0, open("/proc/self/mem", "rb", 0)
    for start, end in regions():
        for base in range(start, end, 1 << 24):
            try:
                memory.seek(base)
                data = memory.read(min((1 << 24) + 64, end - base))
            except (OSError, OverflowError):
                continue
            read += len(data)
            found += sum(count(data, *form) for form in {forms!r})
    assert read > 1 << 20, "nothing could be read"
    return found
'''


def searcher(canary: bytes, kept: bytes = b"") -> Program:
    """Looks through everything it can read for the canary as it is and in hex. `kept` is hidden in the source."""
    forms = [(form[:8], len(form), hashlib.sha256(form).hexdigest()) for form in (canary, canary.hex().encode())]
    return Program.of(SEARCH.format(forms=forms, kept=bytes(byte ^ 85 for byte in kept)))


def judge(tmp_path, canary: bytes, program: Program):
    """With the canary in the driver's memory and environment, and in the referee's secret and instances."""
    problem = tmp_path / "exam.py"
    problem.write_text(PROBLEM.format(canary=canary.hex()))
    os.environ["HEURESIS_TEST_CANARY"] = canary.hex()
    try:
        with Pool(jobs.Setup(f"{problem}:Exam", {}, canary), 1) as pool:
            return pool.submit(jobs.Job(dict(program.files))).result()
    finally:
        del os.environ["HEURESIS_TEST_CANARY"]


def test_a_canary_of_driver_and_referee_is_nowhere_in_the_childs_memory(tmp_path):
    canary = secrets.token_bytes(32)
    verdict = judge(tmp_path, canary, searcher(canary))
    assert verdict.status is Status.SCORED, verdict.reason
    assert verdict.metrics["found"] == 0


def test_the_search_does_find_a_canary_that_is_there(tmp_path):
    canary = secrets.token_bytes(32)
    verdict = judge(tmp_path, canary, searcher(canary, kept=canary))
    assert verdict.status is Status.SCORED, verdict.reason
    assert verdict.metrics["found"] >= 1
