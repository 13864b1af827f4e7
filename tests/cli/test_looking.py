"""Looking at a campaign: listings, one program, two programs, a family."""

from __future__ import annotations

import csv
import getpass
import io
import json
import re
import signal
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.cases import often


def test_top_lists_the_best_first_with_tier_count_and_error(campaign: Any) -> None:
    rows = campaign.json("top", "-n", "100")
    bounds = [row["bound"] for row in rows]
    assert bounds == sorted(bounds)  # what they rank by: of an error, lower is better
    assert all(row["bound"] >= row["error"] for row in rows)
    assert all(row["tier"] == "valid" and row["count"] % 4 == 0 and row["standard_error"] >= 0 for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("words", [["top"], ["campaigns"], ["looks"], ["problems"], ["methods"], ["lineage", "BEST"]])
def test_every_listing_has_the_same_rows_as_table_json_and_csv(words: list[str], campaign: Any, command: Any) -> None:
    words = [campaign.best[:8] if word == "BEST" else word for word in words]
    rows = campaign.json(*words)
    table = command(*words, "--format", "table", cwd=campaign.folder)
    assert table.returncode == 0
    assert table.stdout
    text = command(*words, "--format", "csv", cwd=campaign.folder).stdout
    parsed = list(csv.DictReader(io.StringIO(text)))
    assert len(parsed) == len(rows)
    assert not rows or list(parsed[0]) == list(rows[0])


def test_a_program_is_found_by_the_beginning_of_its_id(campaign: Any, command: Any) -> None:
    shown = campaign.json("show", campaign.best[:8])
    assert shown["id"] == campaign.best
    assert shown["status"] == "scored"
    assert shown["metrics"]["error"] == shown["value"]
    text = command("show", campaign.best[:8], cwd=campaign.folder).stdout
    exam = f"(valid, {shown['count']} instances; 95 % ["
    for part in (campaign.best, exam, "made by", "in the jail", "def guess", "Noise floor"):
        assert part in text


@pytest.mark.parametrize("words", [["top"], ["show", "BEST"], ["lineage", "BEST"]])
def test_looking_computes_no_bound_anew(words: list[str], campaign: Any) -> None:
    """scipy, which it takes, is slow to import."""
    words = [campaign.best[:8] if word == "BEST" else word for word in words]
    python = [sys.executable, "-X", "importtime", "-m", "heuresis", *words]
    done = subprocess.run(python, cwd=campaign.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "scipy" not in done.stderr


def test_code_alone_can_be_put_into_a_file(campaign: Any, command: Any) -> None:
    printed = command("show", campaign.seed[:8], "--code", cwd=campaign.folder).stdout
    assert printed == campaign.json("show", campaign.seed[:8])["files"]["program.py"]


def test_a_diff_shows_the_code_and_the_paired_difference(campaign: Any, command: Any) -> None:
    text = command("diff", campaign.seed[:8], campaign.best[:8], cwd=campaign.folder).stdout
    assert f"--- {campaign.seed[:8]}/program.py" in text
    assert f"+++ {campaign.best[:8]}/program.py" in text
    assert "better by" in text
    assert re.search(r"\(valid, \d+ instances, paired\)", text)
    seen = campaign.json("diff", campaign.seed[:8], campaign.best[:8])
    assert seen["to"] == campaign.best
    pair = seen["compared"]
    assert (pair["tier"], pair["count"] >= 4) == ("valid", True)
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert (pair["claim"] == "better") == (pair["high"] < 0)


def test_a_lineage_starts_at_a_seed_and_ends_at_the_program(campaign: Any, command: Any) -> None:
    lines = command("lineage", campaign.best[:8], cwd=campaign.folder).stdout.splitlines()[2:-1]
    assert "seed" in lines[0]
    assert campaign.best[:8] in lines[-1]
    assert [line.endswith("<- this one") for line in lines] == [False] * (len(lines) - 1) + [True]
    rows = campaign.json("lineage", campaign.best[:8])
    assert rows[0]["id"] == campaign.best
    assert len(rows) == len(lines)


def test_of_one_task_the_next_step_is_to_take_it_home_with_what_was_kept(
    tmp_path: Any, command: Any, tiny: str
) -> None:
    words = ("run", tiny.replace("tiny.py:Tiny", "one_task.py:OneTask"), "--evaluations", "2", "--workers", "1")
    following = command(*words, cwd=tmp_path).stdout.partition("Next:\n")[2].splitlines()
    assert [line.split()[1] for line in following] == ["show", "export", "run"]
    shown = command("show", following[0].split()[2], cwd=tmp_path).stdout
    assert "train-0/guess.txt, valid-0/guess.txt: in artifacts/ of `heuresis export ID -o DIR`" in shown


def test_the_campaign_that_was_taken_is_said(own: Any, command: Any, tiny: str) -> None:
    assert command("top", cwd=own.folder).stdout.startswith("Tiny-genetic: ")
    words = ("run", tiny, "--new", "second", "--evaluations", "2", "--workers", "1")
    assert command(*words, cwd=own.folder).returncode == 0
    done = command("top", "--format", "json", cwd=own.folder)
    assert "campaign second, the newest of 2" in done.stderr
    assert {row["campaign"] for row in json.loads(done.stdout)} == {"second"}


def test_every_look_is_stored_with_who_and_when_and_a_second_one_costs_nothing(own: Any, command: Any) -> None:
    words = ("test", own.best[:8], "--campaign", "Tiny-genetic")
    rows = own.json(*words)
    assert {(row["tier"], row["count"]) for row in rows} == {("test", 4), ("shift", 2)}
    assert {row["program"] for row in rows} == {own.best[:8], "zero", "same"}
    looks = own.json("looks", "Tiny-genetic")
    assert {(row["id"], row["tier"]) for row in looks} >= {(own.best, "test"), (own.best, "shift")}
    assert {(row["user"], row["host"]) for row in looks} == {(getpass.getuser(), socket.gethostname())}
    assert all(datetime.fromisoformat(row["time"]).tzinfo is not None for row in looks)
    assert {row["seed"] for row in looks} == {"zero", "same", None}
    assert [row["nth"] for row in looks if row["id"] == own.best] == [1, 1]
    text = command(*words, cwd=own.folder).stdout
    assert "Looks so far: 3 at test (1 program of the search), 3 at shift (1 program of the search)" in text
    assert f"test: {own.best[:8]} is " in text
    assert "orrected" not in text  # the first program: there is nothing to correct for
    assert own.json("looks", "Tiny-genetic") == looks


@pytest.mark.slow
def test_with_each_program_looked_at_the_intervals_of_all_grow(own: Any, command: Any) -> None:
    others = [row["id"] for row in own.json("top", "-n", "9") if row["operator"] != "seed" and row["id"] != own.best]
    first = own.json("test", own.best[:10])
    for one in others[:2]:
        assert command("test", one[:10], cwd=own.folder).returncode == 0
    again = own.json("test", own.best[:10])
    for before, now in zip(first, again, strict=True):
        assert (now["low"], now["high"]) == (before["low"], before["high"])
        if now["asked"]:
            assert (before["comparisons"], now["comparisons"]) == (1, 3)
            assert now["corrected_low"] <= now["low"] <= now["high"] <= now["corrected_high"]
        else:
            assert now["corrected_low"] == now["low"]
            assert now["difference_corrected_low"] < now["difference_low"] == before["difference_low"]
            assert now["difference_comparisons"] == 3
    assert {row["nth"] for row in own.json("looks") if row["seed"] is None} == {1, 2, 3}
    shown = command("test", own.best[:10], cwd=own.folder).stdout
    assert "Corrected: wide enough for all programs of the search looked at: 3 on test, 3 on shift." in shown


@pytest.mark.parametrize(("place", "kept"), often([("look.after_commit", 1), ("look.before_commit", 0)], 1))
def test_a_look_is_stored_before_anything_of_it_is_shown(own: Any, command: Any, place: str, kept: int) -> None:
    done = command("test", own.best[:10], cwd=own.folder, HEURESIS_FAILPOINT=place)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == ""
    assert len(own.json("looks")) == kept
    own.json("test", own.best[:10])
    assert len(own.json("looks")) == 6  # two tiers of three programs, none looked at twice
    assert "sound" in command("store", "check", cwd=own.folder).stdout


def test_every_score_that_is_listed_has_tier_count_and_interval(campaign: Any, command: Any) -> None:
    for words in (["top"], ["lineage", campaign.best[:8]]):
        for row in campaign.json(*words):
            assert (row["tier"], row["low"] <= row["error"] <= row["high"]) == ("valid", True)
            assert row["count"] % 4 == 0
    [row] = campaign.json("campaigns")
    assert row["best_low"] <= row["best_value"] <= row["best_high"]
    assert (row["best_tier"], row["best_count"]) == ("valid", campaign.json("top")[0]["count"])
    shown = campaign.json("show", campaign.best[:8])
    assert shown["low"] <= shown["value"] <= shown["high"]
    for words in (["top"], ["show", campaign.best[:8]], ["lineage", campaign.best[:8]], ["campaigns"]):
        text = command(*words, cwd=campaign.folder).stdout
        assert text.count("±: one standard error over instances; [low, high]: 95 % interval (Student)") == 1
    assert "±: one standard error" in campaign.printed


def test_tables_keep_within_a_hundred_columns(own: Any, command: Any) -> None:
    best = own.best[:8]
    for words in (["test", best], ["looks"], ["top"], ["lineage", best], ["campaigns"], ["show", best]):
        lines = command(*words, cwd=own.folder, COLUMNS="100").stdout.splitlines()
        assert [line for line in lines if len(line) > 100 and not line.startswith("Looks so far")] == []


def test_a_score_on_one_instance_says_that_there_is_no_interval(tmp_path: Any, command: Any) -> None:
    words = ("run", "circle_packing", "--set", "n=3", "--evaluations", "2", "--workers", "1")
    printed = command(*words, cwd=tmp_path).stdout
    assert "one instance, no interval" in printed
    [best, *_] = json.loads(command("top", "--format", "json", cwd=tmp_path).stdout)
    assert (best["count"], best["low"], best["high"]) == (1, None, None)
    assert "no interval" in command("top", cwd=tmp_path).stdout
    assert "(valid, one instance, no interval; higher is better)" in command("show", best["id"], cwd=tmp_path).stdout


def test_a_sound_store_is_called_sound_and_a_damaged_one_ends_with_5(
    campaign: Any, command: Any, tmp_path: Any
) -> None:
    import sqlite3

    assert "sound" in command("store", "check", cwd=campaign.folder).stdout
    copy = tmp_path / "copy.db"
    with sqlite3.connect(campaign.folder / "heuresis.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("update total set evaluated = evaluated + 1")
    target.close()
    source.close()
    done = command("store", "check", "--storage", f"sqlite:///{copy}", cwd=tmp_path)
    assert done.returncode == 5
    assert "evaluated" in done.stdout


def test_a_problem_without_a_shift_is_opened_on_test_alone(tmp_path: Any, command: Any, tiny: str) -> None:
    text = Path(tiny.rpartition(":")[0]).read_text()
    assert "Tier.SHIFT: 2" in text
    (tmp_path / "flat.py").write_text(text.replace("Tier.SHIFT: 2", "Tier.SHIFT: 0"))
    words = ("run", "flat.py:Tiny", "--evaluations", "4", "--workers", "1")
    assert command(*words, cwd=tmp_path).returncode == 0
    [best, *_] = json.loads(command("top", "--format", "json", cwd=tmp_path).stdout)
    done = command("test", best["id"], "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["tier"] for row in json.loads(done.stdout)} == {"test"}
