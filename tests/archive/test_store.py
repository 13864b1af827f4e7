from __future__ import annotations

import threading
from pathlib import Path

import pytest

from heuresis.archive.check import check
from heuresis.archive.records import Brief, Lesson, Looker, Proposal
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status, Tier
from heuresis.program import Program


def test_a_campaign_comes_back_as_it_was_made(store, make):
    assert store.campaign("packing") == make.record()
    assert store.campaign("other") is None
    store.create_campaign(make.record("second"))
    assert [one.name for one in store.campaigns()] == ["packing", "second"]


def test_a_campaign_name_is_taken_once(store, make):
    with pytest.raises(ConfigError, match="packing, which is there already"):
        store.create_campaign(make.record())


def test_an_unknown_campaign_is_answered_with_those_that_are_there(store):
    with pytest.raises(ConfigError, match="There are: packing"):
        store.totals("pakcing")


def test_settings_that_are_not_json_are_refused(store, make):
    with pytest.raises(ConfigError, match="plain JSON"):
        store.create_campaign(make.record("odd", config={"x": object()}))


def test_an_entry_reads_back_equal_after_reopening(store, path, make):
    parent = make.add(store, 1.0)
    entry = make.add(store, 2.0, parents=(parent.proposal.program.id,), island=1, generation=4)
    store.close()
    with Store.open(f"sqlite:///{path}", create=False) as again:
        assert again.verdict_of("packing", 1, 0) == entry
        assert list(again.entries("packing")) == [parent, entry]
        assert entry.tags == {"island": 1, "generation": 4}
        assert entry.sequence > parent.sequence


def test_briefs_are_numbered_from_zero_in_each_campaign(store, make):
    store.create_campaign(make.record("second"))
    with store.transaction(durable=False) as transaction:
        numbers = [transaction.add_brief(name, Brief("invent")).number for name in ("packing", "packing", "second")]
    assert numbers == [0, 1, 0]


def test_an_open_brief_stays_open_until_it_is_closed(store):
    brief = Brief("combine", ("ab" * 32,), ("cd" * 32,), (3,), {"island": 2})
    with store.transaction(durable=False) as transaction:
        numbered = transaction.add_brief("packing", brief)
    assert store.open_briefs("packing") == [numbered]
    with store.transaction(durable=False) as transaction:
        transaction.close_brief("packing", numbered.number)
    assert store.open_briefs("packing") == []


def test_marks_come_back_and_start_as_none(store):
    assert store.marks("packing") is None
    with store.transaction(durable=False) as transaction:
        transaction.set_marks("packing", b"\x00state")
    assert store.marks("packing") == b"\x00state"


def test_a_proposal_made_twice_is_kept_once(store, make):
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("mutate"))
        first = transaction.add_proposal("packing", 0, 0, make.proposal(make.program(1.0)))
        second = transaction.add_proposal("packing", 0, 0, make.proposal(make.program(2.0)))
    assert first == second
    assert store.proposals_of("packing", 0) == [(0, make.proposal(make.program(1.0)))]


def test_a_verdict_given_twice_is_kept_once(store, make):
    entry = make.add(store, 1.0)
    with store.transaction(durable=True) as transaction:
        again = transaction.add_verdict("packing", entry.brief, 0, make.scored(9.0))
    assert again == entry
    assert store.totals("packing").entries == 1
    assert check(store) == []


def test_a_verdict_needs_its_proposal(store, make):
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("mutate"))
        with pytest.raises(ValueError, match="never proposed"):
            transaction.add_verdict("packing", 0, 0, make.scored(1.0))
    assert store.totals("packing").entries == 0


def test_a_parent_that_the_store_does_not_have_is_a_bug(store, make):
    with pytest.raises(ValueError, match="not in the store"):
        make.add(store, 1.0, parents=("ab" * 32,))
    assert store.totals("packing").briefs == 0


def test_an_exception_keeps_nothing_of_its_transaction(store, make):
    def work() -> None:
        with store.transaction(durable=False) as transaction:
            transaction.add_brief("packing", Brief("mutate"))
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert store.totals("packing").briefs == 0
    make.add(store, 1.0)
    assert check(store) == []


def test_transactions_do_not_nest(store):
    with store.transaction(durable=False), pytest.raises(RuntimeError, match="nest"):
        store.finish("packing", "never")


def test_equal_text_is_stored_once(store, make):
    for _ in range(3):
        make.add(store, 1.0)
    with store.snapshot() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM program").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM blob").scalar() == 2  # and one question


def test_a_refused_proposal_has_no_program_no_job_and_costs_no_evaluation(store, make):
    proposal = Proposal(None, "invent", refusal="cannot be parsed", reply="\ud800 half a character")
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("invent"))
        transaction.add_proposal("packing", 0, 0, proposal)
        transaction.add_verdict("packing", 0, 0, make.failed(Status.REFUSED, "cannot be parsed"))
    assert store.proposals_of("packing", 0) == [(0, proposal)]
    assert store.totals("packing").evaluated == 0
    assert store.by_status("packing") == {Status.REFUSED: 1}


def test_a_job_lives_from_proposal_to_verdict(store, make):
    def jobs():
        with store.snapshot() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM job").scalar()

    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("mutate"))
        transaction.add_proposal("packing", 0, 0, make.proposal(make.program(1.0)))
    assert jobs() == 1
    with store.transaction(durable=True) as transaction:
        transaction.add_verdict("packing", 0, 0, make.scored(1.0))
    assert jobs() == 0


def test_totals_are_exact_sums(store, make):
    make.add(store, 1.0, key="k")
    make.add(store, 2.0, make.failed(Status.TIMED_OUT, "too slow"))
    make.add(store, 1.0, store.reusable("k"), key="k", reused=True)
    totals = store.totals("packing")
    assert (totals.entries, totals.evaluated, totals.briefs, totals.tokens) == (3, 2, 3, 21)
    assert totals.by_status == {"scored": 2, "timed_out": 1}
    assert totals.wall_seconds == 0.25 + 0.5
    assert totals.usd == 0.1 + 0.1 + 0.1


def test_a_verdict_is_found_under_an_equal_key_only(store, make):
    entry = make.add(store, 1.0, key="k")
    assert store.reusable("k") == entry.evaluation
    assert store.reusable("other") is None
    assert store.reusable("") is None


def test_a_reused_verdict_is_stored_once(store, make):
    make.add(store, 1.0, key="k")
    again = make.add(store, 1.0, store.reusable("k"), key="k", reused=True)
    assert again.reused
    with store.snapshot() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM evaluation").scalar() == 1
    assert check(store) == []


def test_a_timeout_is_reused_within_its_campaign_only(store, make):
    make.add(store, 1.0, make.failed(Status.TIMED_OUT, "too slow"), key="k")
    assert store.reusable("k", "packing").status is Status.TIMED_OUT
    assert store.reusable("k", "other") is None
    assert store.reusable("k") is None


def test_a_lost_race_is_reused_by_nobody(store, make):
    make.add(store, 1.0, make.failed(Status.STOPPED, "lost the race"), key="k")
    assert store.reusable("k", "packing") is None


def test_a_normal_form_is_known_to_its_campaign_only(store, make):
    store.create_campaign(make.record("second"))
    make.add(store, 1.0)
    assert store.knows_normal("packing", "normal 1.0")
    assert not store.knows_normal("packing", "normal 2.0")
    assert not store.knows_normal("second", "normal 1.0")


def test_what_a_program_saved_is_kept(store, make):
    evaluation = make.scored(1.0)
    first = evaluation.results[0]
    saved = type(first)(first.tier, 0, type(first.result)({"x": 1.0}, artifacts={"packing": b"\x00" * 5000, "a": b""}))
    entry = make.add(store, 1.0, make.scored(1.0, results=(saved,)))
    assert store.entry("packing", entry.proposal.program.id).evaluation.results == (saved,)
    assert store.top("packing", 1)[0].evaluation.results[0].result.artifacts == {}
    assert check(store) == []


def test_a_program_of_many_files_comes_back(store, make):
    program = Program({"program.py": "import helper\n", "helper.py": "x = '\ud800\\0'\n", "data/table.txt": ""})
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("invent"))
        transaction.add_proposal("packing", 0, 0, make.proposal(program))
    assert store.program(program.id) == program
    assert check(store) == []


def test_notes_events_and_looks_come_back(store, make):
    entry = make.add(store, 1.0)
    identity = entry.proposal.program.id
    seen = make.scored(0.5, stage="test")
    with store.transaction(durable=True) as transaction:
        note = transaction.add_note("packing", 0, 0, Lesson("short bins first", (identity,)))
        assert transaction.add_note("packing", 0, 0, Lesson("another text")).number == note.number
        transaction.add_event("packing", "paused", {"why": "budget"})
        transaction.add_look("packing", identity, Tier.TEST, 40, seen, Looker("ada", "engine", "1843-07-10T00:00:00"))
        transaction.add_look("packing", identity, Tier.SHIFT, 10)
    assert [(note.text, note.programs) for note in store.notes("packing")] == [("short bins first", (identity,))]
    assert [(event.kind, event.payload) for event in store.events("packing")] == [("paused", {"why": "budget"})]
    assert [(look.tier, look.count, look.evaluation) for look in store.looks("packing", identity)] == [
        (Tier.TEST, 40, seen),
        (Tier.SHIFT, 10, None),
    ]
    assert [look.by for look in store.looks("packing")] == [Looker("ada", "engine", "1843-07-10T00:00:00"), Looker()]
    assert store.totals("packing").evaluated == 1
    assert check(store) == []


def test_a_campaign_is_finished_and_taken_up_again(store):
    store.finish("packing", "budget")
    assert store.campaign("packing").finished == "budget"
    store.reopen("packing")
    assert store.campaign("packing").finished == ""


def test_changed_populations_are_rebuilt(store, make):
    for value in range(5):
        make.add(store, float(value))
    assert sorted(member.score for member in store.members("packing", "best").values()) == [2.0, 3.0, 4.0]
    store.update_config("packing", {"populations": [["best", {"capacity": 5}]], "max_usd": 5})
    assert sorted(member.score for member in store.members("packing", "best").values()) == [0.0, 1.0, 2.0, 3.0, 4.0]
    with pytest.raises(ConfigError, match="one of best"):
        store.members("packing", "islands")
    assert check(store) == []


def test_a_quarantined_program_leaves_every_view_and_returns_when_released(store, make):
    for value in range(4):
        make.add(store, float(value), island=0)
    identity = make.program(3.0).id
    before = store.members("packing", "best"), store.members("packing", "islands")
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(identity, "beyond the proven bound")
    assert {member.score for member in store.members("packing", "best").values()} == {0.0, 1.0, 2.0}
    assert [entry.evaluation.score.value for entry in store.top("packing", 1)] == [2.0]
    assert store.entry("packing", identity).evaluation.quarantine == "beyond the proven bound"
    assert check(store) == []
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(identity, None)
    assert (store.members("packing", "best"), store.members("packing", "islands")) == before
    assert [event.kind for event in store.events("packing")] == ["quarantine", "quarantine"]


def test_another_open_store_sees_what_was_committed(store, path, make):
    with Store.open(f"sqlite:///{path}", create=False) as other:
        assert other.members("packing", "best") == {}
        make.add(store, 1.0)
        assert other.members("packing", "best") == store.members("packing", "best")
        with other.transaction(durable=True) as transaction:
            transaction.set_quarantine(make.program(1.0).id, "no")
        assert store.members("packing", "best") == {}
        make.add(store, 2.0)
        assert {member.score for member in store.members("packing", "best").values()} == {2.0}
        assert check(other) == []


def test_several_threads_write_and_read_one_store(store, make):
    wrong: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for value in range(first, first + 20):
                make.add(store, float(value), island=value % 2)
                assert len(store.members("packing", "best")) <= 3
        except BaseException as error:  # handed to the test
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(100 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.totals("packing").entries == 80
    assert [entry.brief for entry in store.entries("packing")] == list(range(80))
    assert check(store) == []


def test_the_store_stays_small(store, path: Path, make):
    with store.transaction(durable=False) as transaction:
        brief = transaction.add_brief("packing", Brief("mutate"))
        for attempt in range(500):
            program = make.program(attempt, length=2000)
            transaction.add_proposal("packing", brief.number, attempt, make.proposal(program), program.id)
            transaction.add_verdict("packing", brief.number, attempt, make.scored(attempt), program.id)
    store.close()
    assert path.stat().st_size < 500 * 2500
