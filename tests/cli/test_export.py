"""`heuresis export`: what it says, what it ends with, and one sentence for each mistake."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest


def test_it_writes_a_package_and_says_how_to_try_it(campaign: Any, command: Any, tmp_path: Any) -> None:
    done = command("export", campaign.best[:8], "-o", str(tmp_path / "my rule"), cwd=campaign.folder)
    assert done.returncode == 0, done.stderr
    assert "recorded calls" in done.stdout
    assert "came out the same, to the last bit" in done.stdout
    assert f"pip install '{tmp_path}/my rule[test]'" in done.stdout
    assert (tmp_path / "my rule" / "pyproject.toml").exists()


def test_the_way_to_try_it_is_a_path_to_pip_and_not_the_name_of_a_project(own: Any, command: Any) -> None:
    done = command("export", own.best[:8], "-o", "rule", "--unverified", cwd=own.folder)
    assert done.returncode == 0, done.stderr
    assert "  ./rule/.venv/bin/pip install './rule[test]'\n" in done.stdout
    assert "  ./rule/.venv/bin/pytest ./rule/tests" in done.stdout


def test_it_writes_one_file(campaign: Any, command: Any, tmp_path: Any) -> None:
    words = ("export", campaign.best[:8], "--single-file", "-o", str(tmp_path / "rule.py"))
    assert command(*words, cwd=campaign.folder).returncode == 0
    assert campaign.best in (tmp_path / "rule.py").read_text()
    again = command(*words, cwd=campaign.folder)
    assert again.returncode == 2
    assert "Replace it with --force" in again.stderr
    assert command(*words, "--force", cwd=campaign.folder).returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("0000", "-o", "out"), "id: expected"),
        (("{best}",), "Missing option '-o'"),
        (("{best}", "-o", "out", "--name", "a b"), "--name: expected letters, digits"),
        (("{best}", "-o", "out", "--campaign", "none"), "none"),
        (("{best}", "-o", "."), "-o: expected a folder other than the one you are in"),
        (("{best}", "-o", "/proc/out"), "-o: expected a place that can be written, got /proc/out"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_and_nothing_is_written(
    own: Any, command: Any, words: tuple[str, ...], told: str
) -> None:
    before = sorted(path.name for path in own.folder.iterdir())
    done = command("export", *(word.format(best=own.best) for word in words), cwd=own.folder)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(path.name for path in own.folder.iterdir()) == before


def test_a_changed_store_is_not_exported(own: Any, command: Any, tmp_path: Any) -> None:
    with closing(sqlite3.connect(own.folder / "heuresis.db")) as connection:
        changed = connection.execute(
            "UPDATE file SET blob_id = (SELECT min(blob_id) FROM file) WHERE program_id ="
            " (SELECT id FROM program WHERE hash = ?)",
            (bytes.fromhex(own.best),),
        )
        assert changed.rowcount == 1
        connection.commit()
    done = command("export", own.best[:8], "-o", str(tmp_path / "out"), cwd=own.folder)
    assert done.returncode == 5
    assert "was changed in the store" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_problem_that_has_changed_since_is_told(command: Any, tmp_path: Any, tiny: str) -> None:
    file = tmp_path / "tiny.py"
    with open(tiny.rpartition(":")[0]) as source:
        file.write_text(source.read())
    assert command("run", "tiny.py:Tiny", "--evaluations", "3", "--workers", "1", cwd=tmp_path).returncode == 0
    best = command("top", "-n", "1", "--format", "csv", cwd=tmp_path).stdout.splitlines()
    row = dict(zip(best[0].split(","), best[1].split(","), strict=False))
    file.write_text(file.read_text() + "\n# another\n")
    done = command("export", row["id"], "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected its code, parameters and instances as when the campaign was started" in done.stderr
    assert not (tmp_path / "out").exists()
