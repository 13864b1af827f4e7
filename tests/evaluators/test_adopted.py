"""Adopted folders: evaluator and program share one jail; the host is safe, the score is stamped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from heuresis.agent.judging import evaluate
from heuresis.agent.telling import problem_text
from heuresis.errors import ConfigError
from heuresis.evaluators import jobs
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.nouns import Evaluation, Status, Tier
from heuresis.evaluators.pool import Pool
from heuresis.program import Program

FOLDERS = Path(__file__).parents[1] / "fixtures" / "adopted"
FORGED = """
import json, os, sys

def answer():
    out = sys.argv[sys.argv.index("--results_dir") + 1]
    json.dump({"combined_score": 1e9}, open(os.path.join(out, "metrics.json"), "w"))
    json.dump({"correct": True}, open(os.path.join(out, "correct.json"), "w"))
    sys.exit(0)
"""
PATCHED = """
import sys

def answer():
    sys.modules["evaluate"].limit = lambda value: 77.0
    return 0.5
"""


def reference(name: str) -> str:
    return f"adopted:{FOLDERS / name}"


def judged(name: str, *texts: str) -> list[Evaluation]:
    """Verdicts of one referee, one after another; without texts, on the initial program."""
    problem = load_problem(reference(name))
    with Pool(jobs.Setup(reference(name), {}, b"secret"), 1) as pool:
        wanted = texts or tuple(problem.seeds.values())
        return [future.result() for future in [pool.submit(jobs.Job({"program.py": one})) for one in wanted]]


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """A copy of a folder, with files replaced."""

    def made(name: str, **files: str) -> str:
        shutil.copytree(FOLDERS / name, tmp_path / name, dirs_exist_ok=True)
        for stem, text in files.items():
            path = tmp_path / name / stem.replace("__", ".")
            path.write_text(text)
        return f"adopted:{tmp_path / name}"

    return made


def test_an_openevolve_folder_is_scored_once_with_all_its_numbers_and_stages() -> None:
    [seen] = judged("openevolve_packing")
    assert seen.status is Status.SCORED
    assert seen.score is not None
    assert (seen.score.value, seen.score.count) == (pytest.approx(0.1), 1)  # a grid 0.2 apart: half of that
    assert seen.metrics == {
        "combined_score": pytest.approx(0.1),
        "radius": pytest.approx(0.1),
        "inside": 1,
        "shape_ok": 1,
    }
    assert "smallest distance 0.2000" in seen.feedback
    assert seen.self_reported
    assert len(seen.results) == 1


def test_a_stage_below_its_threshold_is_the_last(folder: Any) -> None:
    shapeless = "def run_packing(rows, columns):\n    return [[0.5, 0.5]]\n"
    seen = evaluate(folder("openevolve_packing"), Program.of(shapeless))
    assert dict(seen.metrics) == {"combined_score": 0.0, "shape_ok": 0.0}
    whole = "evaluator: {cascade_evaluation: false}"
    with_all = evaluate(folder("openevolve_packing", config__yaml=whole), Program.of(shapeless))
    assert with_all.status is Status.CRASHED  # `evaluate` itself was played, on one point without a distance


def test_a_shinka_folder_is_scored_and_what_is_private_stays_so() -> None:
    [seen] = judged("shinka_packing")
    assert seen.status is Status.SCORED
    assert seen.score is not None
    assert seen.score.value == pytest.approx(1.17576, abs=1e-5)
    assert set(seen.metrics) == {"combined_score", "worst", "num_valid_runs", "num_invalid_runs"}
    assert "points [1.6, 2.6, 2.25]" in seen.feedback


def test_an_incorrect_program_of_a_shinka_folder_has_no_score_and_the_evaluators_reason() -> None:
    lie = "def search(low, high):\n    return 0.0\n\n\ndef run_search(low, high):\n    return 0.0, -9.0\n"
    crash = lie.replace("return 0.0, -9.0", "raise ValueError('too steep')")
    wrong, broken = judged("shinka_packing", lie, crash)
    assert (wrong.status, wrong.score) == (Status.INVALID, None)
    assert "the value is not the function's" in wrong.reason
    assert (broken.status, broken.score) == (Status.INVALID, None)
    assert "ValueError: too steep" in broken.reason
    assert "too steep" in broken.feedback


def test_an_evaluator_without_end_is_timed_out_and_the_next_program_is_judged() -> None:
    endless, honest = judged("endless", "def rounds():\n    return 99.0\n", "def rounds():\n    return 3.0\n")
    assert (endless.status, endless.score) == (Status.TIMED_OUT, None)
    assert honest.score is not None
    assert honest.score.value == 3.0  # no combined_score: the mean of `rounds` and `seen`


def test_a_forged_score_is_stamped_and_leaves_nothing_behind() -> None:
    honest = "def answer():\n    return 0.5\n"
    written, patched, after = judged("forging", FORGED, PATCHED, honest)
    assert [one.score and one.score.value for one in (written, patched, after)] == [1e9, 77.0, 0.5]
    assert all(one.self_reported for one in (written, patched, after))


def test_a_program_that_ends_its_process_has_no_score() -> None:
    [gone] = judged("forging", "import os\n\n\ndef answer():\n    os._exit(0)\n")
    assert (gone.status, gone.score) == (Status.CRASHED, None)


@pytest.mark.root
def test_an_evaluator_sees_neither_the_host_nor_the_network() -> None:
    [seen] = judged("spying")
    assert seen.status is Status.SCORED
    assert {name: value for name, value in seen.metrics.items() if value} == {"combined_score": 1.0}


def test_evaluators_may_start_processes_threads_and_alarms_and_write_files() -> None:
    [seen] = judged("working")
    assert seen.status is Status.SCORED, seen.feedback
    assert len(seen.metrics) == 9
    assert set(seen.metrics.values()) == {1.0}


@pytest.mark.parametrize(
    ("report", "status", "told"),
    [
        ("{'combined_score': float('nan')}", Status.INVALID, "combined_score is not a finite number"),
        ("{'combined_score': 1.5, 'other': float('inf')}", Status.SCORED, ""),
        ("{'accuracy': 1.0, 'speed': float('inf')}", Status.INVALID, "whose mean is the score"),
        ("{'error': 'it fell over', 'combined_score': 0.0}", Status.SCORED, ""),
        ("{'label': 'only words'}", Status.INVALID, "reported no number"),
        ("{'combined_score': 10**400}", Status.INVALID, "combined_score is not a finite number"),
        ("[1.0]", Status.CRASHED, "not a mapping"),
        ("exit(3)", Status.CRASHED, "sys.exit(3) was called"),
        ("{}['missing']", Status.CRASHED, "KeyError"),
    ],
)
def test_what_an_evaluator_reports_is_a_score_or_a_reason(folder: Any, report: str, status: Status, told: str) -> None:
    text = f"import sys\nexit = sys.exit\n\n\ndef evaluate(program_path):\n    return {report}\n"
    seen = evaluate(folder("endless", evaluator__py=text), Program.of("x = 1\n"))
    assert seen.status is status, seen.reason
    assert told in seen.reason
    if "fell over" in report:
        assert "error: it fell over" in seen.feedback


def test_its_timeout_can_be_set_and_has_to_be_above_zero() -> None:
    assert load_problem(reference("endless")).limits.wall_seconds == 2.0
    assert load_problem(reference("endless"), {"timeout": "7"}).limits.wall_seconds == 7.0
    assert load_problem(reference("spying")).limits.wall_seconds == 300.0
    with pytest.raises(ConfigError, match="seconds above 0"):
        load_problem(reference("endless"), {"timeout": "0"})


def test_a_changed_file_is_another_problem(folder: Any) -> None:
    before = load_problem(folder("openevolve_packing")).hash
    assert load_problem(folder("openevolve_packing")).hash == before
    changed = load_problem(folder("openevolve_packing", geometry__py="def radius(centres):\n    return 1.0\n")).hash
    assert changed != before


def test_it_has_no_tier_but_valid() -> None:
    with pytest.raises(ConfigError, match=r"tier: expected a tier of which .* has instances, got train"):
        evaluate(reference("endless"), Program.of("x = 1\n"), tier=Tier.TRAIN)


def test_writers_are_told_what_the_folder_says_and_no_referee_is_claimed() -> None:
    packing, search = (problem_text(load_problem(reference(name))) for name in ("openevolve_packing", "shinka_packing"))
    assert "Place nine equal circles" in packing
    assert "run_packing(rows: int, columns: int)" in packing
    assert "referee" not in packing
    assert "Find the lowest point" in search  # from run_evo.py, which itself is not needed
