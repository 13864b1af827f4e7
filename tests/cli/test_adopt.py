"""`heuresis adopt`: a search over somebody's folder, its scores stamped wherever they are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDERS = Path(__file__).parents[1] / "fixtures" / "adopted"
STAMP = "SELF_REPORTED"


@pytest.fixture(scope="module")
def searched(command: Any, tiny: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store with a refereed campaign and an adopted one."""
    folder = tmp_path_factory.mktemp("adopted")
    assert command("run", tiny, "--evaluations", "3", "--workers", "1", cwd=folder).returncode == 0
    done = command("adopt", str(FOLDERS / "shinka_packing"), "--evaluations", "60", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def listed(command: Any, folder: Path, *words: str) -> Any:
    return json.loads(command(*words, "--format", "json", cwd=folder).stdout)


def test_it_says_what_it_found_and_what_the_stamp_means(searched: Any) -> None:
    _, printed = searched
    assert "shinka_packing: shinka layout, initial.py judged by evaluate.py" in printed
    assert "a program can forge its score" in printed
    assert "300 s and 4 GiB each" in printed
    assert "heuresis test" not in printed  # there is nothing held out


def test_a_search_improves_the_program_and_its_children_are_real(searched: Any, command: Any) -> None:
    folder, _ = searched
    rows = listed(command, folder, "top", "shinka_packing-genetic", "-n", "100")
    seed = next(row for row in rows if row["operator"] == "seed")
    assert rows[0]["combined_score"] > seed["combined_score"]
    assert all(row["self_reported"] for row in rows)
    assert len(rows) > 30  # of 60: most are scored, none is refused for touching what lies outside the block


def test_the_same_command_goes_on(searched: Any, command: Any) -> None:
    folder, _ = searched
    done = command("adopt", str(FOLDERS / "shinka_packing"), "--evaluations", "62", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = listed(command, folder, "campaigns")
    assert [row["evaluations"] for row in rows if row["self_reported"]] == [62]


@pytest.mark.slow
def test_stamped_campaigns_stand_in_a_table_of_their_own(searched: Any, command: Any) -> None:
    folder, _ = searched
    lines = command("campaigns", cwd=folder).stdout.splitlines()
    title = next(number for number, line in enumerate(lines) if STAMP in line)
    names = {line.split()[0]: number for number, line in enumerate(lines) if line and "genetic" in line}
    assert names["Tiny-genetic"] < title < names["shinka_packing-genetic"]
    rows = listed(command, folder, "campaigns")
    assert {row["name"]: row["self_reported"] for row in rows} == {
        "Tiny-genetic": False, "shinka_packing-genetic": True
    }  # fmt: skip


@pytest.mark.slow
def test_every_command_that_shows_the_score_shows_the_stamp(searched: Any, command: Any, tmp_path: Path) -> None:
    folder, _ = searched
    best = listed(command, folder, "top", "shinka_packing-genetic")[0]["id"]
    text = command("show", best, "--code", cwd=folder).stdout
    (tmp_path / "mine.py").write_text(text)
    for words in (
        ("show", best),
        ("verify", best),
        ("top", "shinka_packing-genetic"),
        ("evaluate", f"adopted:{FOLDERS / 'shinka_packing'}", str(tmp_path / "mine.py")),
        ("add", str(tmp_path / "mine.py"), "--campaign", "shinka_packing-genetic"),
    ):
        done = command(*words, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert STAMP in done.stdout, words
    assert STAMP not in command("top", "Tiny-genetic", cwd=folder).stdout
    assert listed(command, folder, "show", best)["self_reported"] is True
    assert command("store", "check", cwd=folder).returncode == 0


def test_the_held_out_tiers_are_none_and_told_so(searched: Any, command: Any) -> None:
    folder, _ = searched
    best = listed(command, folder, "top", "shinka_packing-genetic")[0]["id"]
    done = command("test", best, cwd=folder)
    assert done.returncode == 2
    assert "an adopted folder has no such tier" in done.stderr


def test_check_judges_once_and_stores_nothing(command: Any, tmp_path: Path) -> None:
    done = command("adopt", str(FOLDERS / "openevolve_packing"), "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "combined_score 0.1" in done.stdout
    assert "without effect here: max_iterations, llm, evaluator.parallel_evaluations" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_program_that_is_no_python_is_told_by_its_file(command: Any, tmp_path: Path) -> None:
    (tmp_path / "initial_program.py").write_text("def f(:\n")
    (tmp_path / "evaluator.py").write_text("def evaluate(path):\n    return {'a': 1.0}\n")
    done = command("adopt", str(tmp_path), "--check", cwd=tmp_path)
    assert done.returncode != 0
    last = done.stdout.rstrip("\n").splitlines()[-1]
    assert last.startswith("initial_program.py: refused: not valid Python")
    assert done.stdout.endswith(f"{last}\n")
    assert not done.stdout.endswith("\n\n")


def test_a_folder_that_is_none_is_one_sentence(command: Any, tmp_path: Path) -> None:
    done = command("adopt", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "DIR: expected one of: initial_program.py beside evaluator.py" in done.stderr
