"""Every cut gives a program that is shorter, and touches nothing else."""

from __future__ import annotations

import ast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.auditing.cuts import carried_out, cuts, measure
from heuresis.agent.operators.mutate import Mutate
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.evaluators.catalog import load_problem

TEXT = '''import numpy as np

# kept
def helper(a, b):
    return a + b


def priority(item, bins):
    """Says what it does."""
    x = bins - item; y = 3.14159
    if item > 50 and item < 60 and y > 0:
        x = x + 1
    else:
        x = np.clip(x, 0, a_max=helper(1, 2))
    for step in range(3):
        x = x * 1.0  # once more
    return -x
'''


def smaller(text: str) -> dict[str, str]:
    """Cut in words -> text after it."""
    made = {cut.words: carried_out(text, cut) for cut in cuts(text)}
    return {words: after for words, after in made.items() if after is not None}


def test_every_cut_is_a_shorter_program():
    made = smaller(TEXT)
    assert len(made) > 50
    for after in made.values():
        ast.parse(after)
        assert measure(after) < measure(TEXT)
        assert len(after) <= len(TEXT)


def test_statements_runs_of_them_branches_operands_calls_keywords_and_digits_go():
    made = smaller(TEXT)
    words = " | ".join(made)
    for part in (
        "`x = bins - item` left out",
        "`x = bins - item; y = 3.14159` left out",
        "`x = x * 1.0` left out",
        "`bins - item` becomes `bins`",
        "`helper(1, 2)` becomes `1`",
        "`a_max=helper(1, 2)` left out",
        "`item < 60` left out",
        "`3.14159` becomes `3.1`",
        "`-x` becomes `x`",
        "becomes `x = x + 1`",
    ):
        assert part in words


def test_the_largest_come_first():
    saved = [cut.saved for cut in cuts(TEXT)]
    assert saved == sorted(saved, reverse=True)


def test_what_is_not_cut_stays_byte_for_byte():
    after = smaller(TEXT)["`y = 3.14159` left out"]
    assert after == TEXT.replace("; y = 3.14159", "; pass")
    after = smaller(TEXT)["`return -x` left out"]
    assert after == TEXT.replace("    return -x\n", "")


def test_nothing_outside_the_marked_block_changes():
    text = "import math\nSCALE = 2.5 * 2\n# EVOLVE-BLOCK-START\ndef guess(x):\n    return x + math.pi * SCALE\n"
    text += "# EVOLVE-BLOCK-END\ndef other(x):\n    return x + 1\n"
    made = smaller(text)
    assert "`x + math.pi * SCALE` becomes `x`" in made
    assert not any(changed_outside_blocks(text, after) for after in made.values())


@given(st.integers(0, 2**32 - 1))
def test_cuts_of_random_programs_are_programs(seed):
    problem, rng = load_problem("online_bin_packing"), np.random.default_rng(seed)
    child = Mutate(more=0.8).child(problem.seeds["best fit"], problem.entries, rng)
    text = child.text if child is not None else problem.seeds["best fit"]
    for after in smaller(text).values():
        assert measure(after) < measure(text)
