"""Calls to a model: reserved before they are sent, settled once, counted whatever became of them."""

from __future__ import annotations

import pytest

from heuresis.archive.calls import Ask, Fault, Message, Reply, Tokens
from heuresis.archive.check import check
from heuresis.archive.records import Brief, Cost, Looker, Step
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Tier

ASK = Ask((Message("system", "You write programs."), Message("user", "Which bin?")), "improve", 0.7, 100, 5)
REPLY = Reply("the fullest \ud800", "stop", "stand-in-1", Tokens(12, 3))


@pytest.fixture
def brief(store: Store) -> int:
    with store.transaction(durable=False) as transaction:
        return transaction.add_brief("packing", Brief("improve")).number


def begin(store: Store, brief: int, ask: int = 0, usd: float = 0.5) -> int:
    with store.transaction(durable=True) as transaction:
        return transaction.open_call("packing", brief, ask, ASK, "openai/stand-in", Cost(usd, 112, 1))


def end(store: Store, number: int, fault: Fault | None, reply: Reply | None, usd: float) -> None:
    with store.transaction(durable=True) as transaction:
        transaction.settle_call("packing", number, fault, reply, "raw", Cost(usd, 15, 1), 1.5)


def test_an_open_call_is_seen_and_costs_nothing_yet(store, brief):
    number = begin(store, brief)
    [call] = store.open_calls("packing")
    assert (call.number, call.open, call.reserved, call.fault, call.reply) == (
        number,
        True,
        Cost(0.5, 112, 1),
        None,
        None,
    )
    assert store.totals("packing").usd == 0.0
    assert store.ask_of("packing", brief, 0) == ASK
    assert check(store) == []


def test_a_settled_call_is_counted_and_its_reply_comes_back_whole(store, brief):
    end(store, begin(store, brief), None, REPLY, 0.25)
    totals = store.totals("packing")
    assert (totals.calls, totals.usd, totals.tokens, totals.faults) == (1, 0.25, 15, {})
    assert store.replies_of("packing", brief) == {0: REPLY}
    assert store.open_calls("packing") == []
    assert check(store) == []


def test_a_fault_leaves_its_ask_unanswered_and_the_next_try_has_the_next_number(store, brief):
    end(store, begin(store, brief), Fault.EMPTY, None, 0.5)
    end(store, begin(store, brief), None, REPLY, 0.25)
    assert [(call.attempt, call.fault) for call in store.calls("packing")] == [(0, Fault.EMPTY), (1, None)]
    assert store.faults_of("packing", brief) == [(0, Fault.EMPTY)]
    assert store.totals("packing").faults == {"empty": 1}
    assert store.totals("packing").usd == 0.75


def test_a_call_is_settled_once(store, brief):
    number = begin(store, brief)
    end(store, number, None, REPLY, 0.25)
    with pytest.raises(ValueError, match="settled before"):
        end(store, number, None, REPLY, 0.25)
    assert store.totals("packing").usd == 0.25


def test_sums_are_equal_to_the_last_bit_in_whatever_order_calls_end(store, brief):
    numbers = [begin(store, brief, ask) for ask in range(7)]
    for position, number in enumerate(reversed(numbers)):
        end(store, number, None, REPLY, 0.1 * (position + 1) / 3)
    assert check(store) == []


def test_the_log_holds_every_step_in_order(store, brief, make):
    end(store, begin(store, brief), None, REPLY, 0.25)
    make.add(store, 1.0)
    kinds = [Step("brief", 0), Step("reply", 0), Step("brief", 1), Step("proposal", 1), Step("reply", 1)]
    assert store.log("packing") == [*kinds, Step("verdict", 1), Step("close", 1)]


def test_a_brief_remembers_what_was_known_when_it_was_committed(store, make):
    make.add(store, 1.0)
    with store.transaction(durable=False) as transaction:
        before = transaction.add_brief("packing", Brief("mutate"))
    make.add(store, 2.0)
    with store.transaction(durable=False) as transaction:
        after = transaction.add_brief("packing", Brief("mutate"))
    assert not store.knows_normal("packing", "normal 2.0", before.horizon)
    assert store.knows_normal("packing", "normal 1.0", before.horizon)
    assert store.knows_normal("packing", "normal 2.0", after.horizon)


BEFORE_RANKS = (
    *(f"ALTER TABLE look DROP COLUMN {name}" for name in ("user_name", "host", "opened")),
    *(f"DROP INDEX {name}" for name in ("entry_rank", "entry_ranked_program")),
    "ALTER TABLE entry DROP COLUMN rank",
    *(f"ALTER TABLE member DROP COLUMN {name}" for name in ("rank", "count")),
)
"""As before version 4."""


def test_a_store_of_version_1_is_upgraded_and_goes_on(path, tamper, store, make):
    entry = make.add(store, 1.0)
    store.close()
    tamper(
        "DROP TABLE call",
        "DROP TABLE log",
        *(f"ALTER TABLE total DROP COLUMN {name}" for name in ("calls", "faults", "logged")),
        *(f"ALTER TABLE note DROP COLUMN {name}" for name in ("brief", "item")),
        "ALTER TABLE evaluation DROP COLUMN self_reported",
        *BEFORE_RANKS,
        "UPDATE total SET usd = 0, tokens = 0",
        "UPDATE meta SET value = '1'",
    )
    with Store.open(f"sqlite:///{path}") as upgraded:
        assert upgraded.entry("packing", entry.proposal.program.id).evaluation == entry.evaluation
        make.add(upgraded, 2.0)
        assert upgraded.totals("packing").calls == 1
        assert check(upgraded) == []


def test_a_store_of_version_2_is_upgraded_and_its_verdicts_are_refereed_ones(path, tamper, store, make):
    entry = make.add(store, 1.0)
    store.close()
    tamper("ALTER TABLE evaluation DROP COLUMN self_reported", *BEFORE_RANKS, "UPDATE meta SET value = '2'")
    with Store.open(f"sqlite:///{path}") as upgraded:
        assert upgraded.entry("packing", entry.proposal.program.id).evaluation == entry.evaluation
        assert not entry.evaluation.self_reported
        assert check(upgraded) == []


def test_a_store_of_version_3_is_upgraded_and_its_looks_have_nobody(path, tamper, store, make):
    entry = make.add(store, 1.0)
    with store.transaction(durable=True) as transaction:
        transaction.add_look("packing", entry.proposal.program.id, Tier.TEST, 40, make.scored(0.5, stage="test"))
    store.close()
    tamper(*BEFORE_RANKS, "UPDATE meta SET value = '3'")
    with Store.open(f"sqlite:///{path}") as upgraded:
        [look] = upgraded.looks("packing")
        assert (look.by, look.evaluation.score.value) == (Looker(), 0.5)
        assert check(upgraded) == []
