"""Small pure parts: numbers as they are shown, the family tree, whether a reference is comparable."""

from __future__ import annotations

import pytest

from heuresis.agent.references import is_same_set
from heuresis.archive.records import Kin
from heuresis.cli.catalogs import _settings_lines
from heuresis.cli.family import tree
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


def test_the_compact_forms_of_a_score_carry_tier_count_and_interval() -> None:
    # Student's quantile at 19 degrees of freedom is 2.093, at 7 it is 2.365 (tables)
    assert PERCENT.compact("valid", Score(-0.713, 0.021, 20)) == "0.713 % ± 0.021 [0.669, 0.757] (valid, 20)"
    assert PERCENT.brief("test", Score(-0.713, 0.021, 8)) == "0.713 % [0.663, 0.763] (test, 8)"
    assert PERCENT.compact("valid", Score(-2.5, 0.0, 1)) == "2.5 % (valid, one instance, no interval)"
    told = "0.713 % ± 0.021  (valid, 20 instances; 95 % [0.669, 0.757]; lower is better)"
    assert PERCENT.full("valid", Score(-0.713, 0.021, 20)) == told


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


def test_settings_of_a_method_are_wrapped_between_two_of_them() -> None:
    settings = {f"a_rather_long_name_{number}": number for number in range(12)}
    lines = _settings_lines(settings)
    assert len(lines) > 1
    assert all(len(line) <= 100 for line in lines)
    words = " ".join(lines).split()
    assert words == ["--method-set", *(f"{key}={value}" for key, value in settings.items())]


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
