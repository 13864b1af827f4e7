from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heuresis.archive.check import check
from heuresis.archive.records import REMEASURE, Brief, Proposal
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status

here_for_each_example = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def filled(store, make) -> Store:
    for value in range(5):
        make.add(store, float(value), key=f"k{value}", island=value % 2)
    make.add(store, 9.0, make.failed(Status.TIMED_OUT, "too slow"))
    make.add(store, 1.0, store.reusable("k1"), key="k1", reused=True, island=1)
    assert check(store) == []
    return store


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE evaluation SET score = score + 1 WHERE id = 2", "verdict 2 was changed"),
        ("UPDATE evaluation SET cpu_seconds = 9 WHERE id = 2", "verdict 2 was changed"),
        ("UPDATE result SET instance = 7 WHERE evaluation_id = 3 AND position = 0", "verdict 3 was changed"),
        ("DELETE FROM result WHERE evaluation_id = 3", "scored but has no results"),
        ("DELETE FROM result WHERE evaluation_id = 3 AND position = 2", "verdict 3 was changed"),
        ("UPDATE entry SET score = 99 WHERE sequence = 2", "entry 2 says scored 99.0, its verdict scored 1.0"),
        ("UPDATE entry SET status = 'crashed' WHERE sequence = 2", "entry 2 says crashed"),
        ("UPDATE blob SET data = x'00414243' WHERE id = 1", "stored text .* was changed"),
        ("UPDATE blob SET data = x'0141' WHERE id = 1", "program .* was changed"),
        ("DELETE FROM file WHERE program_id = 1", "program .* was changed"),
        ("UPDATE file SET blob_id = 2 WHERE program_id = 1", "program .* was changed"),
        ("DELETE FROM member WHERE view = 'best' AND niche = '0'", "view best differs from its rebuild in 1 niches"),
        ("UPDATE member SET score = 99 WHERE view = 'islands' AND niche = '0/0'", "view islands differs"),
        ("UPDATE total SET entries = entries + 1", "entries is 8, its rows say 7"),
        ("UPDATE total SET usd = 0", "sum of usd is 0.0"),
        ("UPDATE total SET evaluated = 0", "sum of evaluated is 0"),
        ("DELETE FROM entry WHERE sequence = 1", "its attempt 0 has no verdict"),
        ("INSERT INTO job (proposal_id, owner) VALUES (1, '')", "still a job"),
        ("UPDATE entry SET program_id = 2 WHERE sequence = 1", "belongs to another proposal"),
        ("UPDATE campaign SET lease_owner = 'me'", "an owner without an end"),
        ("UPDATE campaign SET lease_owner = 'me', lease_expires = 1", "names no process"),
        ("UPDATE campaign SET lease_owner = 'a|b|1|2|c', lease_expires = 1e12", "more than a week"),
        ("UPDATE campaign SET config = '{\"populations\": 3}'", "cannot be rebuilt"),
        ("UPDATE proposal SET program_id = 999 WHERE id = 1", "points to a missing program"),
    ],
)
def test_a_change_behind_the_stores_back_is_told(filled, tamper, statement, sentence):
    filled.close()
    tamper(statement)
    with Store.open(f"sqlite:///{tamper.path}") as store:
        problems = check(store)
    assert any(re.search(sentence, problem) for problem in problems), problems


def test_a_verdict_written_twice_is_told(filled, tamper):
    columns = (
        "campaign_id, brief, attempt, proposal_id, program_id, evaluation_id, status, score, reused, tags, seconds"
    )
    tamper("DROP INDEX entry_place", f"INSERT INTO entry ({columns}) SELECT {columns} FROM entry WHERE sequence = 1")
    problems = check(filled)
    assert "campaign packing: attempt 0 at brief 0 has more than one verdict" in problems
    assert any("sum of entries is 7, its rows say 8" in problem for problem in problems)


def test_the_database_itself_refuses_a_second_verdict(filled, tamper):
    columns = (
        "campaign_id, brief, attempt, proposal_id, program_id, evaluation_id, status, score, reused, tags, seconds"
    )
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        tamper(f"INSERT INTO entry ({columns}) SELECT {columns} FROM entry WHERE sequence = 1")


def test_only_the_named_campaign_is_recounted(filled, tamper, make):
    filled.create_campaign(make.record("second"))
    tamper("UPDATE total SET briefs = 3 WHERE campaign_id = 2")
    assert check(filled, "packing") == []
    assert check(filled, "second") == ["campaign second: the running sum of briefs is 3, its rows say 0"]
    with pytest.raises(ConfigError, match="There are: packing, second"):
        check(filled, "third")


def test_a_file_with_holes_is_told_without_a_traceback(filled, path: Path):
    filled.close()
    with path.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(b"\xff" * 4096 * 3)
    with Store.open(f"sqlite:///{path}") as store:
        assert check(store) != []


@here_for_each_example
@given(
    column=st.sampled_from(["score", "standard_error", "wall_seconds", "cpu_seconds", "calls"]),
    row=st.integers(1, 6),
    by=st.integers(1, 2**40),
)
def test_no_number_of_a_verdict_can_be_changed_unseen(tmp_path_factory, tamper_at, make, column, row, by):
    path = tmp_path_factory.mktemp("tampered") / "store.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.create_campaign(make.record())
        for value in range(6):
            make.add(store, float(value))
        tamper_at(path)(f"UPDATE evaluation SET {column} = {column} + {by} WHERE id = {row}")
        assert any(f"verdict {row} was changed" in problem for problem in check(store))


@here_for_each_example
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from(["new", "new", "reused", "failed", "measured", "fell", "quarantine", "release"]),
            st.sampled_from([{}, {"island": 0}, {"island": 1, "reset": True}]),
        ),
        max_size=25,
    )
)
def test_a_store_that_only_we_wrote_is_sound(tmp_path_factory, make, steps):
    path = tmp_path_factory.mktemp("sound") / "store.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.create_campaign(make.record())
        for value, kind, tags in steps:
            step(store, make, float(value), kind, tags)
        assert check(store) == []


def step(store, make, value, kind, tags) -> None:
    if kind == "failed":
        make.add(store, value, make.failed(), **tags)
    elif kind == "new":
        make.add(store, value, key=f"k{value}", **tags)
    elif kind == "reused" and (evaluation := store.reusable(f"k{value}")) is not None:
        make.add(store, value, evaluation, key=f"k{value}", reused=True, **tags)
    elif kind in ("measured", "fell"):
        with store.transaction(durable=True) as transaction:
            brief = transaction.add_brief("packing", Brief(REMEASURE))
            transaction.add_proposal("packing", brief.number, 0, Proposal(make.program(value), REMEASURE))
            verdict = make.failed() if kind == "fell" else make.scored(value - 1.5)
            transaction.add_verdict("packing", brief.number, 0, verdict)
            transaction.close_brief("packing", brief.number)
    elif kind in ("quarantine", "release"):
        with store.transaction(durable=True) as transaction:
            brief = transaction.add_brief("packing", Brief("mutate"))
            proposal = make.proposal(make.program(value))
            transaction.add_proposal("packing", brief.number, 0, proposal)
            transaction.set_quarantine(proposal.program.id, "no" if kind == "quarantine" else None)
