from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.archive.populations import Best, Islands, Population, fold, of_config, signature, to_config
from heuresis.archive.records import AddStatus, Entry, Member, Proposal
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program


def entry(
    sequence: int,
    score: float | None,
    size: int = 10,
    behaviour: float | None = None,
    quarantine: str | None = None,
    **tags: str | int | float | bool,
) -> Entry:
    """An entry whose program has this size and no other's text, and whose behaviour is its score unless said."""
    program = Program.of(f"{sequence:08d}".ljust(size, "#"))
    if score is None:
        evaluation = Evaluation(Status.CRASHED, None, reason="crashed")
    else:
        seen = Result({"cost": score if behaviour is None else behaviour})
        results = (InstanceResult(Tier.VALID, 0, seen),)
        evaluation = Evaluation(Status.SCORED, Score(score, 0.0, 1), results=results, quarantine=quarantine)
    return Entry(sequence, "c", sequence, 0, Proposal(program, "mutate"), evaluation, tags)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Entries with many ties in score, behaviour and size, failures, quarantines and resets."""
    rows = draw(
        st.lists(
            st.tuples(
                st.one_of(st.none(), st.integers(0, 5).map(float)),
                st.integers(8, 12),
                st.one_of(st.none(), st.integers(0, 3).map(float)),
                st.sampled_from([None, None, None, "beyond the bound"]),
                st.sampled_from([{}, {"island": 0}, {"island": 1}, {"island": 7}, {"island": 1, "reset": True}]),
            ),
            max_size=40,
        )
    )
    return [
        entry(index + 1, score, size, behaviour, quarantine, **tags)
        for index, (score, size, behaviour, quarantine, tags) in enumerate(rows)
    ]


POPULATIONS: Sequence[Population] = (Best(1), Best(4), Islands(2, 1), Islands(2, 3), Islands(2, 5, twins=2))


@pytest.mark.parametrize("population", POPULATIONS, ids=repr)
@given(history=histories(), cut=st.integers(0, 40))
def test_going_on_from_any_point_is_the_same_as_one_pass(population, history, cut):
    members = fold(population, history[:cut])
    for one in history[cut:]:
        frozen = dict(members)
        _, changes = population.place(members, one)
        assert members == frozen
        members = {niche: now for niche, now in (members | dict(changes)).items() if now is not None}
    assert members == fold(population, history)


@pytest.mark.parametrize("population", POPULATIONS, ids=repr)
@given(history=histories())
def test_members_are_bounded_distinct_and_sound(population, history):
    members = fold(population, history)
    groups: dict[str, list[Member]] = {}
    for niche, member in members.items():
        groups.setdefault(niche.rpartition("/")[0], []).append(member)
    sound = {one.sequence for one in history if one.evaluation.score and one.evaluation.quarantine is None}
    for group in groups.values():
        assert len(group) <= population.capacity
        twins = Counter(member.signature for member in group)
        assert max(twins.values()) <= getattr(population, "twins", 1)
        assert len({member.program for member in group}) == len(group)
        assert {member.sequence for member in group} <= sound


def test_an_island_keeps_the_shortest_of_equal_behaviour():
    equal = [entry(n + 1, 1.0, size, 0.0, island=0) for n, size in enumerate((12, 10, 14, 11, 9))]
    assert sorted(member.size for member in fold(Islands(1, 10, twins=3), equal).values()) == [9, 10, 11]
    assert [member.size for member in fold(Islands(1, 10), equal).values()] == [9]


@given(history=histories())
def test_a_status_says_what_happened(history):
    members: dict[str, Member] = {}
    for one in history:
        status, changes = Best(4).place(members, one)
        assert (status is AddStatus.NOT_KEPT) == (not changes)
        members |= dict(changes)


@given(scores=st.lists(st.floats(-1e6, 1e6), unique=True))
def test_best_holds_the_highest_scores(scores):
    members = fold(Best(5), [entry(index + 1, score) for index, score in enumerate(scores)])
    assert sorted(member.score for member in members.values()) == sorted(scores)[-5:]


def test_of_equal_behaviour_the_shorter_program_stays():
    long, short, longer = entry(1, 1.0, 30), entry(2, 1.0, 20), entry(3, 1.0, 25)
    members = fold(Best(5), [long])
    assert Best(5).place(members, short)[0] is AddStatus.IMPROVED
    assert [member.sequence for member in fold(Best(5), [long, short, longer]).values()] == [2]


def test_the_same_program_enters_once_even_when_it_is_noisy():
    first = entry(1, 1.0)
    again = replace(entry(2, 2.0), proposal=first.proposal)
    assert Best(5).place(fold(Best(5), [first]), again) == (AddStatus.NOT_KEPT, {})


def test_an_equal_score_does_not_push_out_the_earlier_one():
    members = fold(Best(1), [entry(1, 1.0, behaviour=1.0)])
    assert Best(1).place(members, entry(2, 1.0, behaviour=2.0))[0] is AddStatus.NOT_KEPT
    assert Best(1).place(members, entry(3, 1.0, size=9, behaviour=2.0))[0] is AddStatus.NEW


def test_an_entry_goes_to_its_island_only():
    members = fold(Islands(3, 2), [entry(1, 1.0, island=2), entry(2, 2.0), entry(3, 3.0, island=True)])
    assert list(members) == ["2/0"]


def test_a_reset_empties_the_island_and_its_founder_enters():
    crowd = [entry(sequence, float(sequence), island=sequence % 2) for sequence in range(1, 9)]
    members = fold(Islands(2, 3), [*crowd, entry(9, 0.5, island=1, reset=True)])
    assert {niche: member.sequence for niche, member in members.items() if niche.startswith("1/")} == {"1/0": 9}
    assert sum(niche.startswith("0/") for niche in members) == 3


def test_a_founder_that_failed_empties_nothing():
    members = fold(Islands(1, 3), [entry(1, 1.0, island=0), entry(2, None, island=0, reset=True)])
    assert [member.sequence for member in members.values()] == [1]


def test_signatures_see_values_and_not_their_order_or_type():
    def of(*values: tuple[int, float]) -> str:
        rows = tuple(InstanceResult(Tier.VALID, index, Result({"x": value, "y": 0.0})) for index, value in values)
        return signature(Evaluation(Status.SCORED, Score(1.0, 0.0, 1), results=rows))

    assert of((0, 1.0), (1, 2.0)) == of((1, 2.0), (0, 1))
    assert of((0, -0.0)) == of((0, 0.0))
    assert of((0, 1.0), (1, 2.0)) != of((0, 2.0), (1, 1.0))
    assert of() == ""


def test_two_runs_of_one_instance_are_both_seen():
    rows = tuple(InstanceResult(Tier.VALID, 0, Result({"x": value})) for value in (1.0, 2.0))
    both = Evaluation(Status.SCORED, Score(1.0, 0.0, 1), results=rows)
    turned = replace(both, results=rows[::-1])
    assert signature(both) == signature(turned) != signature(replace(both, results=rows[:1]))


def test_populations_survive_the_config():
    wanted = (Best(7), Islands(3, 4), Best(2, name="few"))
    assert of_config({"populations": to_config(wanted)}) == wanted
    assert of_config({}) == (Best(100),)


@pytest.mark.parametrize(
    "wanted",
    [
        "best",
        ["best"],
        [["best"]],
        [["unheard of", {}]],
        [["best", {"capacity": 0}]],
        [["best", {"capacity": True}]],
        [["best", {"size": 3}]],
        [["best", {}], ["best", {}]],
        [["islands", {}]],
        [[["best"], {}]],
    ],
)
def test_populations_that_cannot_be_built_are_refused(wanted):
    with pytest.raises(ConfigError, match="populations"):
        of_config({"populations": wanted})
