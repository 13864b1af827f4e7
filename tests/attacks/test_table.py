"""Every row of the list of attacks has a test of its number; docs/threat_model.md tells where."""

from __future__ import annotations

import re
from pathlib import Path

from tests.attacks.arena import ROOT
from tests.attacks.tiers import NOT_PROMISED, TIERS

ROWS = tuple(f"A{number:02}" for number in range(1, 51))


def files_of_rows() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {row: set() for row in ROWS}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in re.findall(r"def test_((?:a\d\d_)+)", path.read_text(encoding="utf-8")):
            for number in re.findall(r"\d\d", name):
                found[f"A{number}"].add(path.relative_to(ROOT).as_posix())
    return found


def test_every_row_has_a_test_of_its_number() -> None:
    assert [row for row, files in files_of_rows().items() if not files] == []


def test_what_a_tier_does_not_promise_is_a_row_with_a_reason() -> None:
    assert set(NOT_PROMISED) <= set(TIERS)
    assert all(row in ROWS and reason for rows in NOT_PROMISED.values() for row, reason in rows.items())


def test_the_threat_model_tells_where_each_row_is_tried() -> None:
    page = Path(ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8")
    told = {
        row: set(re.findall(r"`(tests/[\w/]+\.py)`", files))
        for row, files in re.findall(r"^\| (A\d\d) \|[^|]*\|([^|]*)\|", page, re.MULTILINE)
    }
    assert told == files_of_rows()
