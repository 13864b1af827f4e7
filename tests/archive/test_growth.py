"""What a running campaign asks gets no dearer as the archive grows: counted in the database's own steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from heuresis.archive.store import Store

FEW, MANY = 300, 1500


class Steps:
    """Counts what SQLite's virtual machine executes, in hundreds of instructions, on every connection."""

    count = 0

    def watch(self, connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(self.add, 100)

    def add(self) -> int:
        self.count += 1
        return 0

    def of(self, work) -> int:
        """Of ten rounds, so that what lies between two hundreds is seen too."""
        before = self.count
        for _ in range(10):
            work()
        return self.count - before


@pytest.fixture(scope="module")
def steps() -> Iterator[Steps]:
    counted = Steps()
    event.listen(Engine, "connect", counted.watch)
    yield counted
    event.remove(Engine, "connect", counted.watch)


@pytest.fixture(scope="module")
def costs(steps, tmp_path_factory, make) -> list[dict[str, int]]:
    """Steps of each question with few and with many entries."""
    path = tmp_path_factory.mktemp("growth") / "store.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.create_campaign(make.record())
        return [(fill(store, make, size), measure(store, make, steps))[1] for size in (FEW, MANY)]


def fill(store: Store, make, size: int) -> None:
    first = store.totals("packing").entries
    for value in range(first, size):
        make.add(store, float(-value), key=f"k{value}", island=value % 2)


def measure(store: Store, make, steps: Steps) -> dict[str, int]:
    known = make.program(-10.0).id
    values = iter(range(-100_000 - store.totals("packing").entries, 0))
    questions = {
        "adding": lambda: make.add(store, float(next(values)), parents=(known,), island=1),
        "totals": lambda: store.totals("packing"),
        "members": lambda: store.members("packing", "best"),
        "open_briefs": lambda: store.open_briefs("packing"),
        "marks": lambda: store.marks("packing"),
        "knows_normal": lambda: store.knows_normal("packing", "normal -7.0"),
        "reusable": lambda: store.reusable("k7", "packing"),
        "score_of": lambda: store.score_of("packing", known),
        "entry": lambda: store.entry("packing", known),
        "verdict_of": lambda: store.verdict_of("packing", 9, 0),
        "proposals_of": lambda: store.proposals_of("packing", 9),
        "program": lambda: store.program(known[:12]),
        "lineage": lambda: store.lineage("packing", known),
        "top": lambda: store.top("packing", 5),
        "page": lambda: list(store.entries("packing", after=5, limit=5)),
    }
    return {name: steps.of(question) for name, question in questions.items()}


@pytest.mark.parametrize(
    "question",
    [
        *("adding", "totals", "members", "open_briefs", "marks", "knows_normal", "reusable", "score_of", "entry"),
        *("verdict_of", "proposals_of", "program", "lineage", "top", "page"),
    ],
)
def test_five_times_the_entries_do_not_cost_more(costs, question):
    few, many = (one[question] for one in costs)
    assert many <= 1.3 * few + 10
