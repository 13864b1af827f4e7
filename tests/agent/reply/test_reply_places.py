"""Where the lines of a SEARCH part stand, and that a near miss is taken only when the place is clear."""

from __future__ import annotations

import random
from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.reply.places import CLEARLY_BETTER, CLOSE_ENOUGH, LEAST_WORDS, Place, find, indentation, moved
from heuresis.agent.reply.places import _common as common

TEXT = """import numpy as np


def one(x):
    y = x + 1
    return y


def two(x):
    y = x + 1
    if y > 2:
        y = x * 3 - y
    return y + x
""".splitlines()


def test_lines_as_they_stand_are_found_once_or_more_often() -> None:
    assert find(TEXT, ["    if y > 2:"]).places == (Place(10, 11),)
    assert find(TEXT, ["    y = x + 1"]).places == (Place(4, 5), Place(9, 10))
    assert find(TEXT, TEXT).places == (Place(0, len(TEXT)),)


def test_a_part_of_a_line_is_not_found() -> None:
    assert find(TEXT, ["y > 2"]).places == ()


def test_overlapping_places_are_two() -> None:
    assert find(["a", "a", "a"], ["a", "a"]).places == (Place(0, 2), Place(1, 3))


def test_spacing_is_only_looked_past_when_nothing_stands_exactly() -> None:
    text = ["a = 1 ", "a = 1"]
    assert find(text, ["a = 1"]).places == (Place(1, 2),)
    assert find(text, ["a = 1  "]).places == (Place(0, 1), Place(1, 2))


def test_indentation_may_differ_as_a_whole_but_not_within() -> None:
    assert find(TEXT, ["  if y > 2:", "      y = x * 3 - y"]).places == (Place(10, 12),)
    assert find(["if a:", "    b = c + d * 2", "e = f"], ["if a:", "b = c + d * 2"]).places[0].likeness == 1.0


def test_blank_lines_count_for_nothing_when_nothing_stands_exactly() -> None:
    assert find(["a", "", "b", "c"], ["a", "b", "", "c"]).places == (Place(0, 4),)


def near(likeness: float, rival: float) -> tuple[Place, ...]:
    """Places of twenty words in a text with two lines that share so much of them."""
    words = [f"w{index}" for index in range(20)]
    first, second = (words[: round(20 * share)] + ["other"] * (20 - round(20 * share)) for share in (likeness, rival))
    return find([" ".join(first), *["-"] * 5, " ".join(second)], [" ".join(words)]).places


def test_a_near_place_is_taken_from_the_threshold_on_and_only_with_the_margin() -> None:
    assert (CLOSE_ENOUGH, CLEARLY_BETTER) == (0.85, 0.1)
    assert len(near(0.85, 0.5)) == 1
    assert near(0.8, 0.5) == ()
    assert len(near(0.95, 0.8)) == 1
    assert len(near(0.95, 0.9)) == 2


def test_few_words_must_stand_as_they_are() -> None:
    assert LEAST_WORDS == 5
    assert find(["a = b +", "x"], ["a = b", "+"]).places == ()
    assert find(["a = b + c", "x"], ["a = b", "+ c"]).places == (Place(0, 1),)


def test_the_nearest_place_is_told_when_none_is_taken() -> None:
    nearest = find(TEXT, ["    if y > 3 and x:"]).nearest
    assert nearest is not None
    assert (nearest.start, nearest.end) == (10, 11)
    assert find(TEXT, ["$$$"]).nearest is None


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_bitwise_common_length_is_that_of_the_table(first: list[str], second: list[str]) -> None:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, left in enumerate(first):
        for j, right in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert common(first, second) == table[-1][-1]


def test_the_common_length_is_at_least_what_difflib_finds() -> None:
    rng = random.Random(1)
    for _ in range(50):
        first, second = (rng.choices("abcdefgh", k=40) for _ in range(2))
        blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
        assert common(first, second) >= sum(block.size for block in blocks)


def test_replacement_lines_follow_the_indentation_of_the_lines_they_replace() -> None:
    assert moved(["a", "    b", ""], "", "    ") == ["    a", "        b", ""]
    assert moved(["        a", "    b"], "        ", "    ") == ["    a", "b"]
    assert moved(["    a"], "    ", "\t") == ["\ta"]


def test_the_indentation_of_lines_is_what_they_share() -> None:
    assert indentation(["    a", "", "      b"]) == "    "
    assert indentation(["\ta", "    b"]) == ""
    assert indentation([]) == ""
