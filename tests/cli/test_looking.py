"""Looking at a campaign: listings, one program, two programs, a family."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest


def test_top_lists_the_best_first_with_tier_count_and_error(campaign: Any) -> None:
    rows = campaign.json("top", "-n", "100")
    errors = [row["error"] for row in rows]
    assert errors == sorted(errors)
    assert all(row["tier"] == "valid" and row["count"] in (4, 8) and row["standard_error"] >= 0 for row in rows)
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
    for part in (campaign.best, "(valid, 8 instances; lower is better)", "made by", "in the jail", "def guess"):
        assert part in text


def test_code_alone_can_be_put_into_a_file(campaign: Any, command: Any) -> None:
    printed = command("show", campaign.seed[:8], "--code", cwd=campaign.folder).stdout
    assert printed == campaign.json("show", campaign.seed[:8])["files"]["program.py"]


def test_a_diff_shows_the_code_and_the_paired_difference(campaign: Any, command: Any) -> None:
    text = command("diff", campaign.seed[:8], campaign.best[:8], cwd=campaign.folder).stdout
    assert f"--- {campaign.seed[:8]}/program.py" in text
    assert f"+++ {campaign.best[:8]}/program.py" in text
    assert "better by" in text
    assert "(valid, 4 instances, paired)" in text
    assert campaign.json("diff", campaign.seed[:8], campaign.best[:8])["to"] == campaign.best


def test_a_lineage_starts_at_a_seed_and_ends_at_the_program(campaign: Any, command: Any) -> None:
    lines = command("lineage", campaign.best[:8], cwd=campaign.folder).stdout.splitlines()[:-1]
    assert "seed" in lines[0]
    assert campaign.best[:8] in lines[-1]
    rows = campaign.json("lineage", campaign.best[:8])
    assert rows[0]["id"] == campaign.best
    assert len(rows) == len(lines)


def test_the_campaign_that_was_taken_is_said(own: Any, command: Any, tiny: str) -> None:
    assert command("top", cwd=own.folder).stdout.startswith("Tiny-genetic: ")
    words = ("run", tiny, "--new", "second", "--evaluations", "2", "--workers", "1")
    assert command(*words, cwd=own.folder).returncode == 0
    done = command("top", "--format", "json", cwd=own.folder)
    assert "campaign second, the newest of 2" in done.stderr
    assert {row["campaign"] for row in json.loads(done.stdout)} == {"second"}


def test_every_look_at_a_held_out_tier_is_counted_and_a_second_one_costs_nothing(own: Any, command: Any) -> None:
    words = ("test", own.best[:8], "--campaign", "Tiny-genetic")
    rows = own.json(*words)
    assert {(row["tier"], row["count"]) for row in rows} == {("test", 4), ("shift", 2)}
    assert {row["program"] for row in rows} == {own.best[:8], "zero", "same"} or own.best == own.seed
    looks = own.json("looks", "Tiny-genetic")
    assert {(row["id"], row["tier"]) for row in looks} >= {(own.best, "test"), (own.best, "shift")}
    text = command(*words, cwd=own.folder).stdout
    assert "Looks so far: " in text
    assert "better by" in text
    assert own.json("looks", "Tiny-genetic") == looks


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
