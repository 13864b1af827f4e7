"""The programs that a check writes answer what the signature asks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from heuresis.evaluators.checking import programs
from heuresis.evaluators.signature import EntryPoint


def entry(signature: str) -> EntryPoint:
    return EntryPoint.parse(signature)


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "program", "exec"), names)
    return names


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("f(x: float) -> float", "0.0"),
        ("f(x) -> bool", "False"),
        ("pack(n: int) -> float[n,3]", "np.zeros((n, 3,), dtype=float)"),
        ("f(x: float[a,b], k: int) -> int[b,k+1]", "np.zeros((np.shape(x)[1], k+1,), dtype=int)"),
        ("f(x: float[n]) -> float[m]", None),
        ("Learner(rate: float) -> Learner", None),
        ("f(f) -> Tour", None),
    ],
)
def test_the_template_of_an_answer_follows_from_the_signature(signature: str, expected: str | None) -> None:
    assert programs.template(entry(signature)) == expected


def test_a_filled_program_answers_arrays_of_the_declared_shape_and_type() -> None:
    entries = [entry("f(x: float[n,d], budget: int = 20) -> float[n]")]
    x = np.ones((4, 2))
    for filler, wanted in (("zeros", 0.0), ("ones", 1.0), ("halves", 0.5), ("huge", 1e300)):
        answer = run(programs.filled(entries, "", filler))["f"](x)
        assert answer.tolist() == [wanted] * 4
    drawn = run(programs.filled(entries, "", "random"))["f"](x, budget=3)
    assert drawn.shape == (4,)
    assert len(set(drawn.tolist())) == 4
    assert all(0 <= one < 1 for one in drawn)


def test_where_an_order_is_asked_for_one_is_answered() -> None:
    entries = [entry("tour(cities: float[n,2]) -> int[n]")]
    assert programs.is_permutation(entries)
    cities = np.zeros((5, 2))
    assert run(programs.filled(entries, "", "zeros", "rising"))["tour"](cities).tolist() == [0, 1, 2, 3, 4]
    assert sorted(run(programs.filled(entries, "", "random", "shuffled"))["tour"](cities)) == [0, 1, 2, 3, 4]


def test_an_answer_that_the_signature_does_not_describe_is_filled_like_the_seeds() -> None:
    seed = "def f(x):\n    return {'a': [1.5, 2], 'b': True, 'c': 'text', 'd': None}\n"
    answer = run(programs.filled([entry("f(x) -> Plan")], seed, "zeros"))["f"](1)
    assert answer == {"a": [0.0, 0], "b": False, "c": "text", "d": None}
    assert math.isnan(run(programs.filled([entry("f(x) -> Plan")], seed, "NaN"))["f"](1)["a"][0])


def test_the_methods_of_an_object_are_filled_like_the_seeds() -> None:
    seed = "class Learner:\n    def predict(self, x):\n        return x + 1.0\n"
    made = run(programs.filled([entry("Learner() -> Learner")], seed, "ones"))["Learner"]()
    assert made.predict(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]


def test_a_peek_answers_an_argument_where_it_fits_and_crashes_where_it_does_not() -> None:
    entries = [entry("f(x: float[n,d], y: float[n]) -> float[n]")]
    seed = "def f(x, y):\n    return x.sum(axis=1)\n"
    peeks = {one.name: run(one.source)["f"] for one in programs.peeks(entries, seed)}
    x, y = np.array([[3.0, 4.0], [1.0, 2.0]]), np.array([7.0, 8.0])
    assert peeks["f returns `y`"](x, y).tolist() == [7.0, 8.0]
    assert peeks["f returns the last column of `x`"](x, y).tolist() == [4.0, 2.0]
    with pytest.raises(TypeError, match="does not fit"):
        peeks["f returns `x`"](x, y)


def test_a_slowed_program_answers_the_same() -> None:
    source = programs.slowed([entry("f(x: float) -> float")], "def f(x):\n    return 2 * x\n", 0.0, 3)
    assert [run(source)["f"](x) for x in (1, 2, 3, 4)] == [2, 4, 6, 8]
