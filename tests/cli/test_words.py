"""Small pure parts: numbers as they are shown, the family tree, whether a reference is comparable."""

from __future__ import annotations

import pytest

from heuresis.archive.records import Kin
from heuresis.cli.family import tree
from heuresis.cli.references import is_same_set
from heuresis.cli.scale import Scale, seconds_text
from heuresis.evaluators.nouns import Score, Status

PERCENT = Scale("excess_percent", "%", -1.0)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-0.71312, 0.0213, "0.713 % ± 0.021"),
        (-5.7405, 0.153, "5.74 % ± 0.15"),
        (-148.5, 12.3, "148.50 % ± 12.30"),
        (-0.25, 0.0, "0.25 % ± 0"),
    ],
)
def test_a_score_is_shown_in_its_metric_with_two_digits_of_its_error(value: float, error: float, text: str) -> None:
    assert PERCENT.text(Score(value, error, 20)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.012, "12 ms"), (3.14, "3.1 s"), (42.4, "42 s"), (185.0, "3:05"), (3723.0, "1:02:03")]
)
def test_seconds_are_shown_as_people_say_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_a_reference_is_comparable_only_when_the_users_file_is_its_set() -> None:
    assert is_same_set("Weibull 5k", "/data/bin_packing_weibull_5k.json")
    assert not is_same_set("OR3", "/data/bin_packing_weibull_5k.json")
    assert not is_same_set("OR3", None)
    assert not is_same_set("", "/data/or3.json")


def kin(program: str, *parents: str, sequence: int) -> Kin:
    return Kin(program, "mutate" if parents else "seed", parents, Status.SCORED, 0.0, sequence, 0)


def test_an_only_child_stays_in_its_parents_column() -> None:
    family = [kin("c", "b", sequence=3), kin("b", "a", sequence=2), kin("a", sequence=1)]
    assert [(graph, one.program) for graph, one in tree(family)] == [("o", "a"), ("o", "b"), ("o", "c")]


def test_at_a_fork_the_line_to_the_asked_program_comes_last() -> None:
    family = [
        *(kin("e", "c", "d", sequence=5), kin("c", "a", sequence=3), kin("d", "a", sequence=4)),
        *(kin("a", sequence=1),),
    ]
    drawn = [(graph, one.program) for graph, one in tree(family)]
    assert drawn == [("o", "a"), ("|-o", "d"), ("`-o", "c"), ("  o", "e")]


def test_a_lineage_of_thousands_of_generations_is_drawn_without_recursion() -> None:
    family = [kin(str(n), str(n - 1), sequence=n) for n in range(5000, 0, -1)] + [kin("0", sequence=0)]
    drawn = list(tree(family))
    assert len(drawn) == 5001
    assert {graph for graph, _ in drawn} == {"o"}
