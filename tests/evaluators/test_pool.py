"""Referee processes: what dies is replaced, what cannot be judged is no verdict, closing waits for nobody."""

from __future__ import annotations

import time

import pytest

from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Status, Tier
from heuresis.evaluators.pool import Pool

PROBLEM = '''
import os
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Objective, Problem


class Fragile(Problem):
    """A referee that dies of the number 13."""

    entry_points = ("guess() -> int",)
    seeds = {"zero": "def guess():\\n    return 0\\n"}
    objectives = (Objective("guess", "max"),)
    tier_sizes = {Tier.TRAIN: 1, Tier.VALID: 2, Tier.TEST: 2, Tier.SHIFT: 1}

    def generate(self, tier, index, rng):
        return index

    def run(self, program, instance, exam):
        value = program.guess()
        if value == 13:
            os._exit(7)
        return Result({"guess": value})
'''


@pytest.fixture
def setup(tmp_path):
    file = tmp_path / "fragile.py"
    file.write_text(PROBLEM)
    return jobs.Setup(f"{file}:Fragile", {}, b"secret")


def job(number: int) -> jobs.Job:
    return jobs.Job({"program.py": f"def guess():\n    return {number}\n"})


def test_a_program_that_ends_its_referee_again_and_again_is_a_violation_and_the_next_is_judged(setup):
    with Pool(setup, 1) as pool:
        first, deadly, last = [pool.submit(job(number)) for number in (5, 13, 6)]
        assert first.result().score.value == 5
        verdict = deadly.result()
        assert (verdict.status, verdict.score) == (Status.VIOLATION, None)
        assert "exit status 7" in verdict.reason
        assert last.result().score.value == 6


def test_one_tier_can_be_asked_for(setup):
    with Pool(setup, 1) as pool:
        verdict = pool.submit(jobs.Job(job(3).files, Tier.TEST, (0, 1))).result()
    assert {row.tier for row in verdict.results} == {Tier.TEST}
    assert verdict.score.count == 2


def test_closing_does_not_wait_for_a_program_that_runs(setup):
    pool = Pool(setup, 2)
    endless = jobs.Job({"program.py": "def guess():\n    while True: pass\n"})
    futures = [pool.submit(endless) for _ in range(4)]
    pool.submit(job(1))
    pool.close()
    for future in (*futures, pool.submit(job(2))):
        with pytest.raises(Unavailable, match="closing"):
            future.result(timeout=30)


def test_a_program_that_was_at_work_when_the_pool_closed_has_no_verdict(setup):
    pool = Pool(setup, 1)
    pool.submit(job(1)).result()
    running = pool.submit(jobs.Job({"program.py": "import time\ndef guess():\n    time.sleep(60)\n"}))
    while not running.running():
        time.sleep(0.01)
    time.sleep(0.2)
    pool.close()
    assert isinstance(running.exception(timeout=30), Unavailable)


def test_a_referee_refuses_a_problem_that_has_changed(setup):
    changed = jobs.Setup(setup.problem, {}, b"secret", problem_hash="of yesterday")
    with pytest.raises(ConfigError, match="changed since"):
        Pool(changed, 1)


def test_a_mistake_in_the_settings_is_told_in_the_referees_words(setup):
    with pytest.raises(ConfigError, match="--set speed"):
        Pool(jobs.Setup(setup.problem, {"speed": "1"}, b"secret"), 1)
