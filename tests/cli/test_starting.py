"""The first steps: help, version, problems, the template, the doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import heuresis
from heuresis.cli.exits import ExitCode

ROOT = Path(__file__).parent.parent.parent
COMMANDS = (
    *("run", "demo", "add", "top", "show", "diff", "lineage", "campaigns", "looks", "evaluate", "test"),
    *("problems", "methods", "doctor", "new problem", "problem check", "store check"),
)


def test_the_version_is_that_of_the_package(tmp_path: Path, command: Any) -> None:
    assert command("--version", cwd=tmp_path).stdout == f"heuresis {heuresis.__version__}\n"


def test_every_command_has_its_help_and_its_place_in_the_docs(tmp_path: Path, command: Any) -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    overview = command("--help", cwd=tmp_path).stdout
    for name in COMMANDS:
        assert f"heuresis {name}" in page
        assert f"│ {name.split()[0]} " in overview


def test_the_docs_name_every_exit_code() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert all(f"| {code.value} |" in page for code in ExitCode)


def test_a_problem_is_told_in_full(tmp_path: Path, command: Any) -> None:
    text = command("problems", "online_bin_packing", cwd=tmp_path).stdout
    for part in ("priority(item: float, bins: float[n]) -> float[n]", "lower is better", "### best fit", "FunSearch"):
        assert part in text
    assert (
        json.loads(command("problems", "online_bin_packing", "--format", "json", cwd=tmp_path).stdout)["text"] == text
    )


def test_the_template_is_short_and_runs_at_once(tmp_path: Path, command: Any) -> None:
    done = command("new", "problem", "my_problem.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "run my_problem.py:MyProblem --minutes 1" in done.stdout
    assert len((tmp_path / "my_problem.py").read_text().splitlines()) <= 40
    words = ("run", "my_problem.py:MyProblem", "--evaluations", "5", "--workers", "1", "--set", "points=20")
    run = command(*words, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "mean_error" in run.stdout


def test_the_doctor_looks_at_everything_and_makes_no_store(tmp_path: Path, command: Any) -> None:
    done = command("doctor", "--format", "json", cwd=tmp_path)
    rows = json.loads(done.stdout)
    assert {row["verdict"] for row in rows} <= {"ok", "optional", "warn", "bad"}
    assert done.returncode == (3 if any(row["verdict"] == "bad" for row in rows) else 0)
    assert {"python", "jail", "storage", "numba cache", "cores"} <= {row["what"] for row in rows}
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_calls_a_storage_that_cannot_be_used_bad(tmp_path: Path, command: Any) -> None:
    done = command("doctor", "--storage", f"sqlite:///{tmp_path}", cwd=tmp_path)
    assert done.returncode == 3
    assert "the directory" in done.stdout
