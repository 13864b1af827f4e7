"""`heuresis audit` and `heuresis quarantine`, as a person uses them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

EXPLOIT = "def guess(x):\n    return 3.0 * x + 1.0 + 0.0 * x\n"


@pytest.fixture
def suspicious(own: Any, command: Any) -> str:
    """The id of a program that a person distrusts."""
    done = command("quarantine", "add", own.best[:8], "--reason", "too good", cwd=own.folder)
    assert done.returncode == 0, done.stderr
    return str(own.best)


@pytest.mark.slow
def test_what_is_in_quarantine_is_listed_apart_and_let_out_again(own: Any, command: Any, suspicious: str) -> None:
    rows = own.json("quarantine", "list")
    assert [(row["id"], row["reason"], row["tier"]) for row in rows] == [(suspicious, "too good", "valid")]
    assert suspicious not in {row["id"] for row in own.json("top", "-n", "100")}
    top = command("top", cwd=own.folder).stdout
    assert top.splitlines()[-1].startswith("1 program in quarantine, not ranked: ")
    assert "quarantine list Tiny-genetic" in top
    text = command("quarantine", "list", "--format", "csv", cwd=own.folder).stdout
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == [suspicious]
    assert command("quarantine", "release", suspicious[:8], "--reason", "fair", cwd=own.folder).returncode == 0
    assert own.json("top", "-n", "1")[0]["id"] == suspicious
    assert own.json("quarantine", "list") == []
    assert "quarantine" not in command("top", cwd=own.folder).stdout
    assert "sound" in command("store", "check", cwd=own.folder).stdout


def test_the_summary_of_a_run_says_what_waits_for_a_person(own: Any, command: Any, suspicious: str, tiny: str) -> None:
    done = command("run", tiny, "--evaluations", "101", "--workers", "1", cwd=own.folder)
    assert "1 program in quarantine, not ranked: " in done.stdout


def test_mistakes_are_told_in_one_sentence(own: Any, command: Any, suspicious: str) -> None:
    for words, sentence in (
        (("quarantine", "add", suspicious[:8], "--reason", "again"), "expected one that is trusted"),
        (("quarantine", "release", own.seed[:8]), "expected one in quarantine"),
        (("quarantine", "add", own.seed[:8], "--reason", " "), "--reason: expected a reason in words"),
        (("quarantine", "release", "00000000"), "id: expected"),
        (("audit", "00000000"), "id: expected"),
        (("audit", own.seed[:8], "--evaluations", "0", "--save"), "--evaluations: expected at least 1"),
        (("audit", own.seed[:8], "--minimise", "no/such/rule.py"), "--minimise: expected a file in a folder"),
    ):
        done = command(*words, cwd=own.folder)
        assert done.returncode == 2, words
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_an_audit_is_shown_kept_and_saved(own: Any, command: Any) -> None:
    (own.folder / "bloated.py").write_text(EXPLOIT)
    added = command("add", "bloated.py", cwd=own.folder)
    assert added.returncode == 0, added.stderr
    identity = added.stdout.split()[0]
    if own.json("show", identity)["quarantine"]:
        command("quarantine", "release", identity, cwd=own.folder)
    assert own.json("show", identity)["audit"] is None
    words = ("audit", identity, "--evaluations", "60", "--minimise", "small.py", "--save")
    seen = own.json(*words)
    assert seen["findings"] == []
    assert [line["what"] for line in seen["lines"]] == ["fresh instances"]
    small = seen["minimal"]
    assert small["characters"] < len(EXPLOIT)
    assert (own.folder / "small.py").read_text() == small["text"]
    kept = own.json("show", seen["saved"])
    assert (kept["operator"], kept["parents"]) == ("minimise", [seen["program"]])
    assert own.json("show", identity)["audit"]["findings"] == []
    assert "audited   0 findings" in command("show", identity, cwd=own.folder).stdout
    text = command("audit", identity, "--evaluations", "0", cwd=own.folder).stdout
    assert "No finding." in text
    assert "sound" in command("store", "check", cwd=own.folder).stdout


@pytest.mark.slow
@pytest.mark.parametrize("place", ["proposal.after_commit", "verdict.inside"])
def test_an_audit_that_is_killed_leaves_a_sound_store(own: Any, command: Any, tiny: str, place: str) -> None:
    (own.folder / "bloated.py").write_text(EXPLOIT)
    identity = command("add", "bloated.py", cwd=own.folder).stdout.split()[0]
    words = ("audit", identity, "--evaluations", "12", "--save")
    assert command(*words, cwd=own.folder, HEURESIS_FAILPOINT=place).returncode == -9
    assert "sound" in command("store", "check", cwd=own.folder).stdout
    again = command("run", tiny, "--evaluations", "103", "--workers", "1", cwd=own.folder)
    assert again.returncode == 0, again.stderr
    assert "sound" in command("store", "check", cwd=own.folder).stdout
    made = [row for row in own.json("top", "-n", "500") if row["operator"] == "minimise"]
    assert len(made) == 1
