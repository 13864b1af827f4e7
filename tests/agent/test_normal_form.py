"""Programs that differ only in writing have one normal form; programs that differ in meaning do not."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.syntax import size
from heuresis.agent.syntax_kinds import Kind
from heuresis.agent.syntax_normal import normal_form, normal_hash, skeleton_hash
from heuresis.agent.vocabulary import Vocabulary
from heuresis.program import Program

NAMES = {"item": Kind(), "bins": Kind(1)}


def function(expression: str, a: str = "item", b: str = "bins") -> str:
    return f"import numpy as np\ndef priority({a}, {b}):\n    return {expression}\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (function("item + bins"), function("bins + item")),
        (function("bins > item"), function("item < bins")),
        (function("bins >= item"), function("item <= bins")),
        (function("np.maximum(bins, item)"), function("np.maximum(item, bins)")),
        (function("bins * (2 + 3)"), function("bins * 5")),
        (function("bins - -1"), function("bins - (-1)")),
        (function("bins - item"), function("y - x", "x", "y")),
        (function("bins - item"), function("bins - item  # a comment")),
        (function("bins"), function("bins").replace("item, bins):", "item: float, bins) -> float:\n    'Doc.'")),
        ("def f(a):\n    t = a\n    return t", "def f(b):\n    u = b\n    return u"),
    ],
)
def test_equal_but_for_the_writing(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)
    assert normal_hash(Program.of(one)) == normal_hash(Program.of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (function("item - bins"), function("bins - item")),
        (function("item / bins"), function("bins / item")),
        (function("bins > item"), function("bins >= item")),
        (function("bins * 2"), function("bins * 3")),
        (function("(item + bins) + 2"), function("item + (bins + 2)")),
        (function("bins ** 2"), function("2 ** bins")),
        (function("np.zeros(3.0)"), function("np.zeros(3)")),
        ("def f(a, b):\n    return a", "def f(a, b):\n    return b"),
        ("def f(a):\n    global t\n    t = a", "def f(a):\n    global u\n    u = a"),
    ],
)
def test_different_in_meaning(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_text_that_does_not_parse_is_its_own_normal_form() -> None:
    assert normal_form("def f(:") == "def f(:"


def test_a_deeply_nested_text_is_its_own_normal_form() -> None:
    text = "x = " + " + ".join("1" for _ in range(5_000))
    assert normal_form(text) == text


def test_all_files_count() -> None:
    one, two = ({"program.py": "x = 1\n", "data.txt": words} for words in ("a", "b"))
    assert normal_hash(Program(one)) != normal_hash(Program(two))


def test_a_skeleton_forgets_the_numbers_only() -> None:
    assert skeleton_hash(function("bins * 2 - 0.5")) == skeleton_hash(function("bins * 3.25 - 7"))
    assert skeleton_hash(function("bins * 2 - -0.5")) == skeleton_hash(function("bins * 2 - 0.5"))
    assert skeleton_hash(function("bins * 2")) != skeleton_hash(function("bins / 2"))


@given(st.integers(0, 2**32), st.integers(0, 4))
def test_the_normal_form_of_a_random_program_survives_reprinting_and_swapping(seed: int, depth: int) -> None:
    text = function(Vocabulary().expression(Kind(1), NAMES, depth, np.random.default_rng(seed)))
    assert normal_form(ast.unparse(ast.parse(text))) == normal_form(text)
    assert normal_form(ast.unparse(_Swap().visit(ast.parse(text)))) == normal_form(text)


@given(st.integers(0, 2**32), st.integers(0, 5), st.sampled_from([Kind(0), Kind(1), Kind(1, True)]))
def test_random_expressions_run_and_have_their_shape(seed: int, depth: int, kind: Kind) -> None:
    text = function(Vocabulary(reductions=0.3).expression(kind, NAMES, depth, np.random.default_rng(seed)))
    scope: dict[str, object] = {}
    exec(text, scope)
    try:
        with np.errstate(all="ignore"):
            result = scope["priority"](np.float64(3.0), np.array([5.0, 7.0, 100.0]))  # type: ignore[operator]
    except ZeroDivisionError:  # of two constants: a program like any other, which crashes when it is judged
        return
    assert np.shape(result) == (3,) * kind.rank
    assert size(text) < 4 ** (depth + 3)


class _Swap(ast.NodeTransformer):
    """Turns the operands of every sum and product round."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        self.generic_visit(node)
        if isinstance(node.op, (ast.Add, ast.Mult)):
            node.left, node.right = node.right, node.left
        return node
