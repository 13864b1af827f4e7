"""`heuresis problem check`: findings for people and for programs, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BROKEN = f"{Path(__file__).parents[1]}/fixtures/broken_problems.py"


def test_a_fit_problem_ends_with_0_and_json_is_one_object(tmp_path: Path, command: Any) -> None:
    done = command("problem", "check", f"{BROKEN}:Line", "--quick", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["fit"], seen["quick"], seen["mend_first"]) == (True, True, None)
    assert {finding["level"] for finding in seen["findings"]} == {"pass"}
    assert {"seeds", "leak", "order", "failing programs"} <= {finding["check"] for finding in seen["findings"]}
    [slope] = [program for program in seen["programs"] if program["name"] == "slope"]
    assert (slope["role"], slope["status"]) == ("seed", "scored")
    assert "... playing seed slope" in done.stderr


def test_a_broken_problem_ends_with_4_and_says_what_to_mend_first(tmp_path: Path, command: Any) -> None:
    done = command("problem", "check", f"{BROKEN}:SeedFails", cwd=tmp_path)
    assert done.returncode == 4
    assert "FAIL  seeds" in done.stdout
    assert "is not fit for a campaign: 1 failure" in done.stdout
    assert "Mend first: seeds." in done.stdout


def test_a_mistake_in_the_settings_is_told_before_anything_runs(tmp_path: Path, command: Any) -> None:
    done = command("problem", "check", f"{BROKEN}:Line", "--set", "speed=1", cwd=tmp_path)
    assert done.returncode == 2
    assert "--set speed" in done.stderr
    assert "playing" not in done.stderr


@pytest.mark.slow
def test_the_template_of_a_new_problem_is_fit(tmp_path: Path, command: Any) -> None:
    assert "problem check" in command("new", "problem", "mine.py", cwd=tmp_path).stdout
    done = command("problem", "check", "mine.py:Mine", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
