"""`heuresis run`: progress, the end, going on, being stopped."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Start = Callable[[Sequence[str], Path], subprocess.Popen[str]]
FAR = ("--evaluations", "1000000", "--workers", "1")


def evaluations(command: Any, folder: Path) -> int:
    (row,) = json.loads(command("campaigns", "--format", "json", cwd=folder).stdout)
    return int(row["evaluations"])


def until_evaluations(process: subprocess.Popen[str], least: int) -> None:
    """Read progress lines until one tells of this many."""
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"([\d,]+) of 1,000,000 evaluations", line)
        if found and int(found[1].replace(",", "")) >= least:
            return
    pytest.fail(f"ended before: {process.stderr.read() if process.stderr else ''}")


def interrupted(
    start: Start, words: Sequence[str], folder: Path, least: int, number: signal.Signals
) -> tuple[int, str]:
    """Exit code and the rest of the output of a run that got a signal after so many evaluations."""
    with start(words, folder) as process:
        until_evaluations(process, least)
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    return process.returncode, rest


def test_a_run_that_is_no_terminal_prints_lines_and_ends_with_a_table_and_three_commands(campaign: Any) -> None:
    assert re.search(r"\d+ of 100 evaluations .* best [0-9a-f]{8} .* \[.*, .*\] \(valid, 4\)", campaign.printed)
    assert "Finished: budget of 100 evaluations spent." in campaign.printed
    assert re.search(rf"best found +{campaign.best[:8]}.* valid, \d+ instances", campaign.printed)
    assert "Noise floor" in campaign.printed
    assert re.search(r"seed +zero .* valid, \d+ instances", campaign.printed)
    assert "\x1b" not in campaign.printed
    assert "warming up\n" in campaign.printed  # nothing is compiled for it
    assert len(campaign.printed.partition("Next:\n")[2].splitlines()) == 3


def test_the_commands_that_are_offered_work_when_they_are_copied(own: Any, command: Any) -> None:
    lines = own.printed.partition("Next:\n")[2].splitlines()
    for line in lines[:2]:
        words = shlex.split(line, comments=True)
        done = command(*words[words.index("show" if "show" in words else "test") :], cwd=own.folder)
        assert done.returncode == 0, done.stderr


def test_the_same_command_on_a_finished_campaign_says_so_and_runs_nothing(
    campaign: Any, command: Any, tiny: str
) -> None:
    before = campaign.json("campaigns")[0]["evaluations"]
    done = command("run", tiny, "--evaluations", "100", cwd=campaign.folder)
    assert done.returncode == 0
    assert "is finished: budget of 100 evaluations spent" in done.stdout
    assert "--evaluations 1000" in done.stdout
    assert "warming up" not in done.stdout
    assert campaign.json("campaigns")[0]["evaluations"] == before


def test_without_any_limit_a_finished_campaign_keeps_its_own(campaign: Any, command: Any, tiny: str) -> None:
    done = command("run", tiny, cwd=campaign.folder)
    assert "is finished: budget of 100 evaluations spent" in done.stdout


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    tmp_path: Path, start: Start, command: Any, tiny: str
) -> None:
    words = ["run", tiny, *FAR]
    code, rest = interrupted(start, words, tmp_path, 5, signal.SIGINT)
    assert code == 130
    assert "Everything judged is kept" in rest
    goes_on = shlex.split(rest.partition("To go on:\n")[2])
    assert goes_on[goes_on.index("run") :] == ["run", tiny, "--evaluations", "1000000"]
    stopped_at = evaluations(command, tmp_path)
    assert stopped_at >= 5
    code, _ = interrupted(start, words, tmp_path, stopped_at + 5, signal.SIGTERM)
    assert code == 130
    assert evaluations(command, tmp_path) >= stopped_at + 5
    assert command("store", "check", cwd=tmp_path).returncode == 0


def test_after_kill_9_the_same_command_goes_on(tmp_path: Path, start: Start, command: Any, tiny: str) -> None:
    code, _ = interrupted(start, ["run", tiny, *FAR], tmp_path, 5, signal.SIGKILL)
    assert code == -signal.SIGKILL
    kept = evaluations(command, tmp_path)
    assert kept >= 5
    wanted = kept + 10
    done = command("run", tiny, "--evaluations", str(wanted), "--workers", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert evaluations(command, tmp_path) == wanted
    assert "sound" in command("store", "check", cwd=tmp_path).stdout


def test_a_second_run_of_a_campaign_is_refused_before_it_says_that_it_begins(
    tmp_path: Path, start: Start, command: Any, tiny: str
) -> None:
    with start(["run", tiny, *FAR], tmp_path) as first:
        until_evaluations(first, 3)
        second = command("run", tiny, *FAR, cwd=tmp_path)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    assert (second.returncode, second.stdout) == (2, "")
    assert "a campaign that nobody is running" in second.stderr


def test_a_damaged_store_is_not_written_to_and_ends_with_5(own: Any, command: Any, tiny: str) -> None:
    store = own.folder / "heuresis.db"
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'event'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with store.open("r+b") as file:  # a table that neither `run` nor `doctor` reads
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    before = store.read_bytes()
    done = command("run", tiny, "--evaluations", "200", "--workers", "1", cwd=own.folder)
    assert (done.returncode, done.stdout) == (5, "")
    assert re.fullmatch(r"error: storage: expected a sound store, got .* Nothing was written.*\n", done.stderr)
    assert store.read_bytes() == before
    looked = command("doctor", "--format", "json", cwd=own.folder)
    assert [row["verdict"] for row in json.loads(looked.stdout) if row["what"] == "storage"] == ["bad"]
    checked = command("store", "check", cwd=own.folder)
    assert checked.returncode == 5
    assert "1 problem." in checked.stdout or " problems." in checked.stdout


def test_changed_settings_are_told_with_old_and_new_and_a_way_out(campaign: Any, command: Any, tiny: str) -> None:
    done = command("run", tiny, "--seed", "7", "--evaluations", "40", cwd=campaign.folder)
    assert done.returncode == 2
    for part in ("seed", "0", "7", "--new NAME"):
        assert part in done.stderr


def test_new_starts_another_campaign_and_refuses_a_name_that_is_taken(tmp_path: Path, command: Any, tiny: str) -> None:
    words = ("run", tiny, "--evaluations", "3", "--workers", "1", "--seed", "3", "--new", "other")
    assert command(*words, cwd=tmp_path).returncode == 0
    again = command(*words, cwd=tmp_path)
    assert again.returncode == 2
    assert "--name other" in again.stderr


def test_a_target_ends_the_run(tmp_path: Path, command: Any, tiny: str) -> None:
    done = command("run", tiny, "--target", "1000", "--evaluations", "50", "--workers", "1", cwd=tmp_path)
    assert done.returncode == 0
    assert "Finished: target 1000 reached." in done.stdout
    assert evaluations(command, tmp_path) < 50


def test_the_storage_may_come_from_the_environment(tmp_path: Path, command: Any, tiny: str) -> None:
    url = "sqlite:///mine.db"
    words = ("run", tiny, "--evaluations", "2", "--workers", "1")
    done = command(*words, cwd=tmp_path, HEURESIS_STORAGE=url)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine.db").exists()
    assert "--storage" not in done.stdout
    other = command("run", tiny, "--evaluations", "2", "--storage", url, cwd=tmp_path)
    assert f"--storage {url}" in other.stdout


def test_a_reader_that_has_seen_enough_is_no_error(campaign: Any, start: Start) -> None:
    with start(["top", "Tiny-genetic", "-n", "100"], campaign.folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
