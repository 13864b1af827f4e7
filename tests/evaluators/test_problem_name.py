"""What a problem is called that names itself not."""

from __future__ import annotations

import pytest

from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.problem import Problem


class BinPacking(Problem): ...


class HTTPCache2Rule(BinPacking): ...


class Named(Problem):
    name = "my own"


@pytest.mark.parametrize(
    ("kind", "name"), [(BinPacking, "bin_packing"), (HTTPCache2Rule, "http_cache2_rule"), (Named, "my own")]
)
def test_a_problem_is_called_by_its_class_in_snake_case_unless_it_says_otherwise(
    kind: type[Problem], name: str
) -> None:
    assert kind.name == name


def test_a_shipped_problem_keeps_its_name() -> None:
    assert load_problem("circle_packing").name == "circle_packing"
