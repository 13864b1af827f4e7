"""Which programs a meta-agent is shown, policy by policy."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from heuresis.agent.methods.context import MOST_SHOWN, choose, farthest, tournaments
from heuresis.archive.records import Member


def member(name: str, score: float, size: int = 10, signature: str = "", sequence: int = 0) -> Member:
    return Member(name, score, size, sequence, signature or name)


ARCHIVE = [member(f"p{n}", float(n), sequence=n) for n in range(120)]


def words(program: str) -> str:
    """Even numbers are alike, odd ones differ from all others."""
    number = int(program[1:])
    return "a b c d" if number % 2 == 0 else f"w{number} x{number}"


def test_best_are_the_best_and_all_are_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    assert choose("best", ARCHIVE, 3, 2, words, rng).inspirations == ("p119", "p118", "p117")
    everything = choose("all", ARCHIVE, 3, 2, words, rng).inspirations
    assert everything == tuple(f"p{n}" for n in range(119, 119 - MOST_SHOWN, -1))
    assert choose("none", ARCHIVE, 3, 2, words, rng) == choose("none", [], 3, 2, words, rng)


def test_of_equal_scores_the_shorter_comes_first() -> None:
    twins = [member("long", 1.0, 50), member("short", 1.0, 20)]
    assert choose("best", twins, 2, 0, words, np.random.default_rng(0)).inspirations == ("short", "long")


def test_a_parent_is_the_best_of_three_as_often_as_it_should_be() -> None:
    """Of n ranked members, the one at index i wins with probability ((n - i)^3 - (n - i - 1)^3) / n^3."""
    rng, n, count = np.random.default_rng(1), 6, 20_000
    ranked = sorted(ARCHIVE[:n], key=lambda one: -one.score)
    seen = Counter(tournaments(ranked, 1, rng)[0].program for _ in range(count))
    for index, one in enumerate(ranked):
        share = ((n - index) ** 3 - (n - index - 1) ** 3) / n**3
        assert seen[one.program] / count == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / count))


def test_diverse_programs_are_parents_and_those_farthest_from_them() -> None:
    shown = choose("diverse", ARCHIVE, 5, 2, words, np.random.default_rng(3))
    assert len(shown.parents) == 2
    assert len(shown.inspirations) == 3
    texts = [words(one) for one in (*shown.parents, *shown.inspirations)]
    assert (
        texts.count("a b c d") <= len([one for one in shown.parents if int(one[1:]) % 2 == 0]) or len(set(texts)) == 5
    )


def test_the_farthest_is_chosen_by_brute_force_too() -> None:
    texts = {"a": "x y z", "b": "x y w", "c": "p q", "d": "p q r", "e": "x y z"}

    def distance(one: str, other: str) -> float:
        a, b = set(texts[one].split()), set(texts[other].split())
        return 1 - len(a & b) / len(a | b)

    chosen = ["a"]
    for _ in range(3):
        left = [key for key in texts if key not in chosen]
        chosen.append(max(left, key=lambda key: min(distance(key, one) for one in chosen)))
    assert farthest(texts, ["a"], 3) == chosen[1:]
    assert farthest(texts, [], 9) == farthest(texts, [], 5)
    assert farthest({}, [], 2) == []


@pytest.mark.parametrize("policy", ["all", "none", "best", "parents", "diverse"])
def test_an_archive_smaller_than_the_view_is_shown_whole_at_most(policy: str) -> None:
    for size in range(4):
        shown = choose(policy, ARCHIVE[:size], 5, 2, words, np.random.default_rng(0))
        assert len(shown.parents + shown.inspirations) == (0 if policy == "none" else size)
