"""A problem checked from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import heuresis

BROKEN = f"{Path(__file__).parents[1]}/fixtures/broken_problems.py"


def test_a_report_says_what_is_wrong_and_every_step_was_told() -> None:
    told: list[str] = []
    report = heuresis.check_problem(f"{BROKEN}:SeedFails", quick=True, told=told.append)
    assert not report.fit
    assert report.first is not None
    assert report.first.check == "seeds"
    assert [(played.name, played.status) for played in report.played] == [("slope", heuresis.Status.CRASHED)]
    assert told[0] == "playing seed slope"


def test_a_mistake_is_told_in_the_words_of_python() -> None:
    with pytest.raises(heuresis.ConfigError, match=r"settings\['speed'\]"):
        heuresis.check_problem(f"{BROKEN}:Line", settings={"speed": 1})
    with pytest.raises(heuresis.ConfigError, match="quick: expected True or False"):
        heuresis.check_problem(f"{BROKEN}:Line", quick="no")  # type: ignore[arg-type]


def test_a_sentinel_is_no_cheat_unless_it_says_so() -> None:
    assert not heuresis.Sentinel("def guess(x):\n    return x\n").cheat
