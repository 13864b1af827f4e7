"""A store that an older Heuresis made is brought up to date when it is opened; nothing is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from heuresis.archive import schema
from heuresis.archive.check import check
from heuresis.archive.store import Store

THREE = Path(__file__).parents[1] / "fixtures" / "store_version_3.sql"
"""Made by the last Heuresis that ranked by means: scores 3.0 ± 2.0, 2.5 ± 0.1, 2.4 ± 0.1, 2.3 ± 0.1 on 4 instances
each, and a failure, in a campaign whose population `best` holds three."""
STUDENT_3 = 2.3534
"""95 % quantile of Student's t with 3 degrees of freedom (any table)."""


@pytest.fixture
def old(path: Path) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(THREE.read_text())
    connection.close()
    return f"sqlite:///{path}"


def test_an_older_store_ranks_by_lower_bounds_from_now_on_and_is_sound(old):
    with Store.open(old) as store:
        assert check(store) == []
        top = store.top("old", 10)
        assert [one.evaluation.score.value for one in top] == [2.5, 2.4, 2.3, 3.0]
        assert [one.rank for one in top] == pytest.approx(
            [2.5 - 0.1 * STUDENT_3, 2.4 - 0.1 * STUDENT_3, 2.3 - 0.1 * STUDENT_3, 3.0 - 2.0 * STUDENT_3], abs=1e-4
        )
        assert {one.score for one in store.members("old", "best").values()} == {2.5, 2.4, 2.3}
        assert store.totals("old").entries == 5


def test_an_upgraded_store_has_the_tables_and_indices_of_a_new_one(old, tmp_path):
    def shape(url: str) -> dict[str, set[str]]:
        Store.open(url).close()
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        names = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'").fetchall()
        tables = [name for kind, name in names if kind == "table"]
        found = {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in tables}
        found["indices"] = {name for kind, name in names if kind == "index"}
        [[version]] = connection.execute("SELECT value FROM meta WHERE key = 'version'")
        connection.close()
        assert version == str(schema.VERSION)
        return found

    assert shape(old) == shape(f"sqlite:///{tmp_path / 'new.db'}")
