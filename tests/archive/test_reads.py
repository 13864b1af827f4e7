from __future__ import annotations

import pytest

from heuresis.archive.records import Brief
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status


def test_a_unique_beginning_names_a_program(store, make):
    entry = make.add(store, 1.0)
    identity = entry.proposal.program.id
    assert store.program(identity[:4]).id == identity
    assert store.program(identity[:7].upper()).id == identity
    for wrong in ("abc", "xyzw", identity + "0", ""):
        with pytest.raises(ConfigError, match="hex digits"):
            store.program(wrong)


def test_an_ambiguous_beginning_lists_the_candidates(store, make):
    beginnings: dict[str, str] = {}
    value = 0
    while True:  # birthday: some hundreds of programs share four digits
        identity = make.program(value).id
        if identity[:4] in beginnings:
            break
        beginnings[identity[:4]] = identity
        value += 1
    other = beginnings[identity[:4]]
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("mutate"))
        for attempt, one in enumerate(range(value + 1)):
            if make.program(one).id in (identity, other):
                transaction.add_proposal("packing", 0, attempt, make.proposal(make.program(one)))
    with pytest.raises(ConfigError) as caught:
        store.program(identity[:4])
    assert identity[:12] in str(caught.value)
    assert other[:12] in str(caught.value)


def test_a_program_without_a_verdict_is_told_apart_from_an_unknown_one(store, make):
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("mutate"))
        transaction.add_proposal("packing", 0, 0, make.proposal(make.program(1.0)))
    with pytest.raises(ConfigError, match="with a verdict"):
        store.entry("packing", make.program(1.0).id)
    with pytest.raises(ConfigError, match="a program of this store"):
        store.entry("packing", make.program(2.0).id)


def test_top_lists_each_program_once_and_no_failures(store, make):
    for value in (1.0, 3.0, 2.0, 3.0):
        make.add(store, value)
    make.add(store, 9.0, make.failed())
    assert [entry.evaluation.score.value for entry in store.top("packing", 10)] == [3.0, 2.0, 1.0]
    assert [entry.brief for entry in store.top("packing", 1)] == [1]


def test_entries_come_in_commit_order_from_any_point(store, make):
    made = [make.add(store, float(value)) for value in range(5)]
    assert list(store.entries("packing", after=made[1].sequence, limit=2)) == made[2:4]
    assert list(store.entries("packing", limit=0)) == []


def test_patience_counts_verdicts_that_were_made(store, make):
    first = make.add(store, 1.0, key="k")
    make.add(store, 2.0, make.failed())
    make.add(store, 1.0, store.reusable("k"), key="k", reused=True)
    make.add(store, 3.0, make.failed(Status.REFUSED, "too large"))
    assert store.evaluated_after("packing", 0) == 2
    assert store.evaluated_after("packing", first.sequence) == 1


def test_a_score_is_asked_for_by_program(store, make):
    store.create_campaign(make.record("second"))
    make.add(store, 1.0)
    make.add(store, 2.0, make.failed())
    assert store.score_of("packing", make.program(1.0).id) == 1.0
    assert store.score_of("packing", make.program(2.0).id) is None
    assert store.score_of("second", make.program(1.0).id) is None
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(make.program(1.0).id, "no")
    assert store.score_of("packing", make.program(1.0).id) is None


def test_pages_lose_no_entry(store, make):
    with store.transaction(durable=False) as transaction:
        brief = transaction.add_brief("packing", Brief("mutate"))
        for attempt in range(401):
            transaction.add_proposal("packing", brief.number, attempt, make.proposal(make.program(attempt)))
            transaction.add_verdict("packing", brief.number, attempt, make.failed())
    assert [entry.attempt for entry in store.entries("packing")] == list(range(401))
    assert len(list(store.entries("packing", limit=201))) == 201


def test_lineage_walks_to_the_first_ancestor_and_children_back(store, make):
    identities: list[str] = []
    for value in range(4):
        make.add(store, float(value), parents=tuple(identities[-1:]))
        identities.append(make.program(float(value)).id)
    kin = store.lineage("packing", identities[3])
    assert [(one.program, one.depth, one.score) for one in kin] == [
        (identities[3], 0, 3.0),
        (identities[2], 1, 2.0),
        (identities[1], 2, 1.0),
        (identities[0], 3, 0.0),
    ]
    assert [one.program for one in store.lineage("packing", identities[3], depth=1)] == [identities[3], identities[2]]
    assert [one.program for one in store.children("packing", identities[1])] == [identities[2]]


def test_a_program_that_is_its_own_ancestor_ends_the_walk(store, make):
    one, two = make.program(1.0).id, make.program(2.0).id
    make.add(store, 1.0)
    make.add(store, 2.0, parents=(one,))
    make.add(store, 1.0, parents=(two, one))
    assert [kin.program for kin in store.lineage("packing", two)] == [two, one]
    assert [kin.program for kin in store.children("packing", one)] == [two]


def test_a_program_proposed_without_a_verdict_ends_its_line(store, make):
    with store.transaction(durable=True) as transaction:
        transaction.add_brief("packing", Brief("mutate"))
        transaction.add_proposal("packing", 0, 0, make.proposal(make.program(1.0)))
    make.add(store, 2.0, parents=(make.program(1.0).id,))
    assert [kin.program for kin in store.lineage("packing", make.program(2.0).id)] == [make.program(2.0).id]


def test_a_refereed_verdict_comes_before_one_that_the_program_reported(store, make):
    store.create_campaign(make.record("told", config={**make.record().config, "self_reported": True}))
    first = make.add(store, 1.0)
    identity = first.proposal.program.id
    make.add(store, 1.0, make.scored(99.0, self_reported=True), campaign="told")
    assert store.entry(None, identity) == store.entry("packing", identity)
    assert store.entry("told", identity).evaluation.score.value == 99.0


def test_scores_of_two_problems_are_not_compared_the_newest_one_is_meant(store, make):
    identity = make.program(1.0).id
    make.add(store, 1.0, make.scored(7.0))
    for name, value in (("other", 5.0), ("another", 6.0)):
        store.create_campaign(make.record(name, problem="circle_packing", problem_hash="cd" * 32))
        make.add(store, 1.0, make.scored(value), campaign=name)
    assert store.entry(None, identity).campaign == "another"
    make.add(store, 1.0, make.scored(9.0, quarantine="too good"), campaign="other")
    assert store.entry(None, identity).campaign == "another"


def test_the_family_of_a_program_is_that_of_one_campaign(store, make):
    """Scores of two campaigns are of different instances and never stand in one table."""
    store.create_campaign(make.record("second"))
    first = make.add(store, 1.0)
    identity = first.proposal.program.id
    make.add(store, 2.0, parents=(identity,))
    make.add(store, 1.0, make.scored(5.0), campaign="second")
    assert store.campaigns_with(identity[:8]) == ["packing", "second"]
    assert [kin.score for kin in store.lineage("second", identity)] == [5.0]
    assert [kin.score for kin in store.lineage("packing", identity)] == [1.0]
    assert store.children("second", identity) == []
    assert len(store.children("packing", identity)) == 1
