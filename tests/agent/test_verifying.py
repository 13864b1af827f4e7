"""A stored verdict is made again from code and seeds; whatever was changed in the store is found."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.run import run_campaign
from heuresis.agent.verifying import verify
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Result, Score, Status
from heuresis.program import Program

TINY = f"{Path(__file__).parents[1] / 'fixtures' / 'tiny.py'}:Tiny"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CampaignRecord, Entry]:
    path = tmp_path_factory.mktemp("verify") / "store.db"
    with Store.open(f"sqlite:///{path}") as store:
        outcome = run_campaign(
            Campaign(TINY, budget=Budget(evaluations=40)), store, 1, lambda progress: None, threading.Event()
        )
        return path, outcome.record, store.top(outcome.record.name, 1)[0]


def test_an_honest_verdict_comes_out_to_the_last_bit(found):
    _, record, best = found
    done = verify(record, best)
    assert done.differences == ()
    assert len(done.rows) == len(best.evaluation.results) > 0
    assert done.again_score == best.evaluation.score


def test_a_changed_score_is_found(found):
    _, record, best = found
    score = best.evaluation.score
    changed = replace(best.evaluation, score=Score(score.value + 1e-9, score.standard_error, score.count))
    [words] = verify(record, replace(best, evaluation=changed)).differences
    assert words.startswith("the score stored is")


def test_a_changed_result_is_found_with_its_instance(found):
    _, record, best = found
    first, *rest = best.evaluation.results
    changed = replace(first, result=Result({"error": 0.0}))
    done = verify(record, replace(best, evaluation=replace(best.evaluation, results=(changed, *rest))))
    assert done.differences[0].startswith(f"{first.tier.value} {first.index}: error 0.0 then")


def test_another_program_is_found(found):
    _, record, best = found
    other = replace(best.proposal, program=Program.of("def guess(x):\n    return 7.0\n"))
    assert len(verify(record, replace(best, proposal=other)).differences) > len(best.evaluation.results) / 2


def test_other_instances_are_found(found):
    _, record, best = found
    assert verify(replace(record, secret=b"x" * 32), best).differences


def test_a_failure_fails_again(found):
    _, record, best = found
    broken = replace(best.proposal, program=Program.of("def guess(x):\n    raise ValueError('no')\n"))
    seen = replace(best.evaluation, status=Status.CRASHED, score=None, reason="ValueError: no", results=())
    assert verify(record, replace(best, proposal=broken, evaluation=seen)).differences == ()
    seen = replace(seen, status=Status.TIMED_OUT)
    assert verify(record, replace(best, proposal=broken, evaluation=seen)).differences == (
        "it ended timed_out then and crashed now",
    )


def test_a_changed_problem_is_refused(found):
    _, record, best = found
    with pytest.raises(ConfigError, match="problem: expected its code, parameters and instances"):
        verify(replace(record, problem_hash="0" * 64), best)


def test_the_command_says_whether_anything_was_changed(found, tmp_path):
    path, _, best = found
    identity = best.proposal.program.id
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    assert command(path, identity[:8])[0] == 0
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(
            "UPDATE file SET blob_id = (SELECT min(blob_id) FROM file) WHERE program_id ="
            " (SELECT id FROM program WHERE hash = ?)",
            (bytes.fromhex(identity),),
        )
        connection.commit()
    code, words = command(copy, identity[:8])
    assert code == 5
    assert "was changed" in words


def command(path: Path, identity: str) -> tuple[int, str]:
    words = [sys.executable, "-m", "heuresis", "verify", identity, "--storage", f"sqlite:///{path}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout + done.stderr
