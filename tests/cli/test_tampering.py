"""Whoever edits the database is found out: `verify` plays the program again and compares with every stored number."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from heuresis.archive import codec
from heuresis.archive.store import Store
from heuresis.evaluators.catalog import load_problem
from heuresis.program import Program
from tests.fixtures.cases import often

EVALUATION = (
    "(SELECT evaluation_id FROM entry WHERE program_id = (SELECT id FROM program WHERE hash = :program)"
    " ORDER BY sequence DESC LIMIT 1)"
)
Edit = Callable[[sqlite3.Connection, bytes], object]


@pytest.fixture(scope="module")
def honest(command, tiny, tmp_path_factory) -> tuple[Path, str]:
    """A finished campaign's store, and the id of a program whose results depend on the instances."""
    folder = tmp_path_factory.mktemp("honest")
    done = command("run", tiny, "--evaluations", "5", "--storage", "sqlite:///a.db", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "a.db", Program.of(load_problem(tiny).seeds["zero"]).id


def update(statement: str, **values: object) -> Edit:
    def edit(connection: sqlite3.Connection, program: bytes) -> int:
        return connection.execute(statement, {"program": program, **values}).rowcount

    return edit


def numbers(table: str, where: str) -> Edit:
    """Every stored number a little better."""

    def edit(connection: sqlite3.Connection, program: bytes) -> int:
        bound = {"program": program}
        [stored] = connection.execute(f"SELECT numbers FROM {table} WHERE {where} LIMIT 1", bound).fetchone()
        metrics, measures = codec._numbers_of(stored)
        better = codec._numbers({name: value - 1e-12 for name, value in metrics.items()}, measures)
        return connection.execute(f"UPDATE {table} SET numbers = :new WHERE {where}", {**bound, "new": better}).rowcount

    return edit


EDITS = {
    "the score": (
        update(f"UPDATE evaluation SET score = score + 1e-12 WHERE id = {EVALUATION}"),
        "the score stored is",
    ),
    "its standard error": (
        update(f"UPDATE evaluation SET standard_error = standard_error + 1e-12 WHERE id = {EVALUATION}"),
        "the score stored is",
    ),
    "what it is ranked by": (
        update("UPDATE entry SET score = 1.0 WHERE program_id = (SELECT id FROM program WHERE hash = :program)"),
        "ranked by",
    ),
    "its rank": (
        update("UPDATE entry SET rank = rank + 1 WHERE program_id = (SELECT id FROM program WHERE hash = :program)"),
        "ranked by",
    ),
    "a metric over all instances": (numbers("evaluation", f"id = {EVALUATION}"), "error"),
    "the result on an instance": (numbers("result", f"evaluation_id = {EVALUATION} AND position = 3"), "error"),
    "the secret that instances come from": (update("UPDATE campaign SET secret = randomblob(32)"), "then"),
    "the program": (
        update(
            "UPDATE file SET blob_id = (SELECT max(blob_id) FROM file)"
            " WHERE program_id = (SELECT id FROM program WHERE hash = :program)"
        ),
        "its text was changed",
    ),
}


@pytest.mark.parametrize(("edit", "words"), often(list(EDITS.values()), 1, ids=list(EDITS)))
def test_a_change_in_the_store_is_found(honest, command, tmp_path, edit, words):
    path, program = honest
    shutil.copy(path, tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        assert edit(connection, bytes.fromhex(program))
    done = command("verify", program[:12], "--storage", "sqlite:///a.db", cwd=tmp_path)
    assert done.returncode == 5, done.stdout + done.stderr
    assert words in done.stdout


def test_an_untouched_copy_is_as_stored(honest, command, tmp_path):
    path, program = honest
    shutil.copy(path, tmp_path / "a.db")
    done = command("verify", program[:12], "--storage", "sqlite:///a.db", cwd=tmp_path)
    assert done.returncode == 0
    assert "came out as stored" in done.stdout


@pytest.mark.slow
def test_a_changed_instance_of_the_users_file_is_found(command, tmp_path):
    (tmp_path / "mine.json").write_text('{"instances": [{"name": "a", "capacity": 100, "items": [48, 66, 51, 30]}]}')
    words = ("run", "online_bin_packing", "--set", "instances=mine.json", "--evaluations", "4", "--name", "mine")
    assert command(*words, "--storage", "sqlite:///a.db", cwd=tmp_path).returncode == 0
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}") as store:
        program = store.top("mine", 1)[0].proposal.program.id
    assert command("verify", program, "--storage", "sqlite:///a.db", cwd=tmp_path).returncode == 0
    (tmp_path / "mine.json").write_text('{"instances": [{"name": "a", "capacity": 100, "items": [48, 66, 51, 31]}]}')
    done = command("verify", program, "--storage", "sqlite:///a.db", cwd=tmp_path)
    assert done.returncode == 2
    assert "instances" in done.stderr


@pytest.mark.slow
def test_a_changed_layout_is_found(command, tmp_path):
    assert command("run", "circle_packing", "--evaluations", "3", "--storage", "sqlite:///a.db", cwd=tmp_path)
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}") as store:
        program = store.top("circle_packing-genetic", 3)[2].proposal.program.id
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        statement = "UPDATE artifact SET blob_id = (SELECT min(id) FROM blob) WHERE name = 'layout.json'"
        assert connection.execute(statement).rowcount
    done = command("verify", program, "--storage", "sqlite:///a.db", cwd=tmp_path)
    assert done.returncode == 5
    assert "what it saved differs" in done.stdout
