"""A program that is measured again has one verdict in its campaign: the latest. It alone ranks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heuresis.archive.check import check
from heuresis.archive.records import REMEASURE, REPEAT, Brief, Entry, Proposal
from heuresis.archive.store import Store
from heuresis.evaluators.intervals import lower_bound
from heuresis.evaluators.nouns import Evaluation, Score


def again(store: Store, make, value: float, evaluation: Evaluation, operator: str = REMEASURE) -> Entry:
    """The program of this value, played again."""
    program = make.program(value)
    with store.transaction(durable=True) as transaction:
        brief = transaction.add_brief("packing", Brief(operator, (program.id,), tags={"plays": "3+3"}))
        transaction.add_proposal("packing", brief.number, 0, Proposal(program, operator))
        entry = transaction.add_verdict("packing", brief.number, 0, evaluation)
        transaction.close_brief("packing", brief.number)
    return entry


def measured(make, before: float, value: float, error: float = 0.25) -> Evaluation:
    """A verdict on six instances."""
    return replace(make.scored(before), score=Score(value, error, 6))


def kept(store: Store, view: str = "best") -> dict[float, float]:
    """Score -> rank of the members."""
    return {one.score: one.rank for one in store.members("packing", view).values()}


def test_a_precise_score_stands_before_a_higher_but_lucky_one(store, make):
    make.add(store, 9.0, replace(make.scored(9.0), score=Score(9.0, 4.0, 3)))
    make.add(store, 5.0)
    assert [one.evaluation.score.value for one in store.top("packing", 5)] == [5.0, 9.0]
    assert [one.rank for one in store.top("packing", 5)] == [
        lower_bound(Score(5.0, 0.5, 3)),
        lower_bound(Score(9.0, 4.0, 3)),
    ]


def test_a_population_keeps_what_ranks_not_what_was_lucky(store, make):
    for value in (5.0, 6.0, 7.0):
        make.add(store, value)
    make.add(store, 9.0, replace(make.scored(9.0), score=Score(9.0, 4.0, 3)))
    assert set(kept(store)) == {5.0, 6.0, 7.0}


def test_a_champion_that_was_lucky_falls_when_it_is_measured_again(store, make):
    lucky, sound = make.add(store, 9.0, island=1), make.add(store, 5.0, island=1)
    entry = again(store, make, 9.0, measured(make, 9.0, 4.0))
    assert [one.proposal.program.id for one in store.top("packing", 5)] == [
        sound.proposal.program.id,
        lucky.proposal.program.id,
    ]
    assert set(kept(store)) == set(kept(store, "islands")) == {4.0, 5.0}
    assert entry.rank == lower_bound(Score(4.0, 0.25, 6))
    assert store.score_of("packing", lucky.proposal.program.id) == 4.0
    assert check(store) == []


def test_a_member_measured_again_keeps_its_place_and_its_twins(store, make):
    make.add(store, 9.0, island=0)
    [before] = store.members("packing", "islands").values()
    again(store, make, 9.0, measured(make, 9.0, 4.0))
    [(niche, after)] = store.members("packing", "islands").items()
    assert niche == "0/0"
    assert (after.sequence, after.signature, after.count) == (before.sequence, before.signature, 6)


def test_the_program_is_shown_as_it_was_made_with_the_verdict_it_has_now(store, make):
    first = make.add(store, 9.0, parents=(make.add(store, 1.0).proposal.program.id,), island=1)
    verdict = measured(make, 9.0, 4.0)
    again(store, make, 9.0, verdict)
    identity = first.proposal.program.id
    for shown in (store.entry("packing", identity), store.top("packing", 1)[0]):
        assert shown.evaluation == verdict
        assert (shown.proposal, shown.brief, shown.sequence) == (first.proposal, first.brief, first.sequence)
        assert shown.tags == {"island": 1, "plays": "3+3"}
    [kin, _] = store.lineage("packing", identity)
    assert (kin.score, kin.operator, kin.sequence) == (4.0, "mutate", first.sequence)
    assert store.first_entry("packing", identity) == first


def test_measured_twice_the_second_time_counts(store, make):
    make.add(store, 9.0)
    again(store, make, 9.0, measured(make, 9.0, 4.0))
    again(store, make, 9.0, measured(make, 9.0, 4.5))
    assert [one.evaluation.score.value for one in store.top("packing", 5)] == [4.5]
    assert [one.rank is None for one in store.entries("packing")] == [True, True, False]
    assert check(store) == []


def test_one_that_fails_on_fresh_instances_ranks_no_more(store, make):
    identity = make.add(store, 9.0, island=0).proposal.program.id
    make.add(store, 5.0)
    again(store, make, 9.0, make.failed(reason="timed_out on an instance that is kept secret"))
    assert [one.evaluation.score.value for one in store.top("packing", 5)] == [5.0]
    assert store.score_of("packing", identity) is None
    assert store.entry("packing", identity).evaluation.status == "crashed"
    assert store.lineage("packing", identity)[0].score is None
    assert set(kept(store)) == {5.0}
    assert not store.members("packing", "islands")
    assert check(store) == []


def test_proposed_once_more_it_gets_the_verdict_it_has_now(store, make):
    make.add(store, 9.0, key="k")
    again(store, make, 9.0, measured(make, 9.0, 4.0))
    entry = make.add(store, 9.0, key="k", reused=True, island=1)
    assert entry.evaluation.score == Score(4.0, 0.25, 6)
    assert set(kept(store, "islands")) == {4.0}
    assert len(store.top("packing", 5)) == 1
    assert check(store) == []


def test_one_in_quarantine_ranks_again_as_it_did_when_it_is_released(store, make):
    identity = make.add(store, 9.0, island=0).proposal.program.id
    again(store, make, 9.0, measured(make, 9.0, 4.0))
    ranks = [one.rank for one in store.entries("packing")]
    for reason, left in (("beyond the bound", {}), (None, {4.0: lower_bound(Score(4.0, 0.25, 6))})):
        with store.transaction(durable=True) as transaction:
            transaction.set_quarantine(identity, reason)
        assert kept(store) == kept(store, "islands") == left
        assert check(store) == []
    assert [one.rank for one in store.entries("packing")] == ranks


def test_a_repeat_shows_noise_and_ranks_nothing(store, make):
    make.add(store, 5.0)
    entry = again(store, make, 5.0, make.scored(50.0), REPEAT)
    assert entry.rank is None
    assert [one.evaluation.score.value for one in store.top("packing", 5)] == [5.0]
    assert set(kept(store)) == {5.0}
    assert check(store) == []


@pytest.mark.parametrize("rank", ["99", "NULL"])
def test_a_rank_that_was_changed_is_found(store, make, tamper, rank):
    make.add(store, 5.0)
    tamper(f"UPDATE entry SET rank = {rank}")
    [problem] = check(store)
    assert "entry 1 ranks by" in problem


def test_a_repeat_that_is_judged_late_is_kept_as_it_came(store, make):
    make.add(store, 5.0)
    again(store, make, 5.0, measured(make, 5.0, 4.0))
    entry = again(store, make, 5.0, make.scored(5.0), REPEAT)
    assert entry.evaluation.score == make.scored(5.0).score
    assert entry.rank is None
    assert check(store) == []
