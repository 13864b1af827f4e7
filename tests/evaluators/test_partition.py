"""However much of the valid stream is played at a time, playing all of it again cuts the same blocks."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.partition import blocks, stages
from heuresis.evaluators.problem import Problem


def problem(base: int, race: int, block: int, steps: tuple[int, ...]) -> Problem:
    class Cut(Problem):
        tier_sizes = {Tier.TRAIN: 5, Tier.VALID: base, Tier.TEST: 7, Tier.SHIFT: 2}
        race_size = race
        block_size = block
        promotions = steps

    return Cut()


@given(
    st.integers(1, 30),
    st.integers(1, 12),
    st.integers(1, 64),
    st.lists(st.integers(1, 50), max_size=3),
    st.lists(st.integers(1, 40), max_size=4),
)
def test_what_was_played_part_by_part_is_played_again_in_the_same_blocks(base, race, block, promoted, fresh):
    starts = list(itertools.accumulate([base, *promoted, *fresh]))
    one = problem(base, race, block, tuple(starts[1 : 1 + len(promoted)]))
    parts = [indices for _, tier, indices in stages(one) if tier is Tier.VALID]
    parts += [range(start, stop) for start, stop in itertools.pairwise(starts)]
    played = [found for part in parts for found in blocks(one, Tier.VALID, part)]
    again = list(blocks(one, Tier.VALID, range(starts[-1]), starts[:-1]))
    assert again == played
    assert [index for found in played for index in found] == list(range(starts[-1]))
    assert all(len(found) <= block for found in played)


def test_a_stage_of_the_base_set_is_a_piece_that_a_race_looks_after():
    one = problem(20, 5, 64, (60,))
    assert [list(indices) for _, tier, indices in stages(one) if tier is Tier.VALID] == [
        list(range(start, start + 5)) for start in (0, 5, 10, 15)
    ]
    assert list(blocks(one, Tier.TEST, range(7))) == [list(range(7))]
