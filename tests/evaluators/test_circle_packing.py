"""Circle packing: feasibility is exact, a near miss is shrunk and both sums are told, a cheat has no score.

Layouts that touch exactly stand on dyadic rationals, so that their floats say what is meant without rounding.
"""

from __future__ import annotations

import json
import math
import time
import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heuresis.errors import ConfigError
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.nouns import Status, Tier
from heuresis.evaluators.problems import circle_packing as packing
from heuresis.evaluators.problems.circle_packing import CirclePacking
from heuresis.evaluators.problems.circle_packing_drawing import draw
from heuresis.evaluators.problems.circle_packing_exact import shrunk, worst_violation
from heuresis.evaluators.problems.circle_packing_seeds import GRID, KICKED_CLIMB, ROWS
from heuresis.evaluators.referee import Referee
from heuresis.program import Program
from heuresis.sandbox.worker import open_worker

QUARTERS = np.array([[0.25, 0.25, 0.25], [0.75, 0.25, 0.25], [0.25, 0.75, 0.25], [0.75, 0.75, 0.25]])
"""Four circles that touch each other and the border: dyadic, so exactly feasible with nothing to spare."""
PYTHAGORAS = np.array([[0.25, 0.25, 0.125], [0.4375, 0.5, 0.1875]])
"""Centres (3, 4) / 16 apart, radii 2 / 16 and 3 / 16: they touch exactly, on a slant."""


def fits(layout):
    """The definition, word by word, in fractions."""
    circles = [tuple(Fraction(value) for value in row) for row in np.asarray(layout).tolist()]
    inside = all(r >= 0 and r <= x <= 1 - r and r <= y <= 1 - r for x, y, r in circles)
    pairs = [(a, b) for number, a in enumerate(circles) for b in circles[:number]]
    return inside and all((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 >= (a[2] + b[2]) ** 2 for a, b in pairs)


def program(rows):
    """One that returns these rows, whatever is asked."""
    return Program.of(f"import numpy as np\nnan, inf = np.nan, np.inf\n\n\ndef pack(n):\n    return {rows}\n")


@pytest.fixture(scope="module")
def worker():
    with open_worker(tuple(CirclePacking.runtime)) as opened:
        yield opened


@pytest.fixture(scope="module")
def four(worker):
    return Referee(CirclePacking({"n": "4"}), worker, b"secret")


@pytest.mark.parametrize("layout", [QUARTERS, PYTHAGORAS], ids=["quarters", "slant"])
def test_circles_that_touch_exactly_are_feasible_and_one_last_bit_more_is_not(layout):
    assert fits(layout)
    assert worst_violation(layout).amount == 0.0
    assert shrunk(layout).tobytes() == layout.tobytes()
    grown = layout.copy()
    grown[-1, 2] = math.nextafter(grown[-1, 2], 1.0)
    assert not fits(grown)
    assert 0 < worst_violation(grown).amount < 1e-16
    assert fits(shrunk(grown))


@pytest.mark.parametrize(
    ("row", "amount", "words"),
    [
        ([0.5, 0.5, -0.125], 0.125, "circle 4 has a radius below zero by 0.125"),
        ([1.5, 0.5, 0.0], 0.5, "circle 4 leaves the unit square by 0.5"),
        ([0.5, -0.25, 0.0], 0.25, "circle 4 leaves the unit square by 0.25"),
        ([0.25, 0.25, 0.125], 0.375, "circles 0 and 4 overlap by 0.375"),
        ([1e308, 1e308, 1e308], np.finfo(float).max, "circle 4 leaves the unit square by 1.79769e+308"),
    ],
)
def test_the_worst_violation_names_its_circles_and_its_size(row, amount, words):
    worst = worst_violation(np.array([*QUARTERS.tolist(), row]))
    assert worst.amount == pytest.approx(amount, rel=1e-12)
    assert worst.text == words


def test_numbers_at_the_ends_of_what_a_float_holds_are_judged_exactly():
    least = 5e-324
    apart = np.array([[0.5, 0.5, least], [0.5, 0.5 + 2**-53, 0.0]])
    assert worst_violation(apart).amount == 0.0
    same = np.array([[0.5, 0.5, least], [0.5, 0.5, 0.0]])
    assert worst_violation(same).amount == least
    assert shrunk(same)[0, 2] == 0.0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e-6, 1 + 1e-6)] * 2, st.floats(-1e-6, 0.6)), min_size=1, max_size=9))
def test_every_layout_is_judged_as_the_definition_says_and_shrunk_to_a_feasible_one(rows):
    layout = np.array(rows)
    assert (worst_violation(layout).amount == 0.0) == fits(layout)
    feasible = shrunk(layout)
    assert fits(feasible)
    assert (feasible[:, 2] <= np.maximum(layout[:, 2], 0)).all()
    assert feasible[:, 2].sum() <= packing.area_bound(len(layout))
    assert shrunk(layout).tobytes() == feasible.tobytes()


def test_a_layout_that_is_shrunk_loses_no_more_than_what_it_breaks():
    """Grown by g all round, four circles break two sides and two pairs each: taking g from each is enough."""
    grown = QUARTERS + np.array([0.0, 0.0, 1e-9])
    assert shrunk(grown)[:, 2] == pytest.approx([0.25] * 4, abs=1e-16)


def test_32_circles_are_judged_and_shrunk_in_milliseconds():
    layout = np.random.default_rng(0).random((32, 3)) * [1, 1, 0.1]
    started = time.process_time()
    for _ in range(20):
        worst_violation(layout)
        shrunk(layout)
    assert (time.process_time() - started) / 20 < 0.05


def test_a_feasible_layout_keeps_its_sum_and_its_artifacts_are_the_layout(four):
    verdict = four.judge(program(f"np.array({QUARTERS.tolist()})"))
    assert (verdict.status, verdict.score.value, verdict.score.standard_error) == (Status.SCORED, 1.0, 0.0)
    assert verdict.metrics["claimed_sum_of_radii"] == 1.0
    assert verdict.metrics["worst_violation"] == 0.0
    assert verdict.measures == {"radius_spread": 0.0, "border_share": 1.0}
    assert verdict.quarantine is None
    kept = verdict.results[-1].result.artifacts
    assert np.array(json.loads(kept["layout.json"])["circles"]).tobytes() == QUARTERS.tobytes()
    assert kept["layout.svg"].decode() == draw(QUARTERS)


def test_one_radius_too_large_by_1e_9_is_told_and_shrunk_and_both_sums_are_shown(four):
    grown = QUARTERS.copy()
    grown[3, 2] += 1e-9
    verdict = four.judge(program(f"np.array({grown.tolist()})"))
    assert verdict.metrics["claimed_sum_of_radii"] == pytest.approx(1 + 1e-9, abs=1e-15)
    assert verdict.metrics["worst_violation"] == pytest.approx(1e-9, rel=1e-6)
    assert verdict.metrics["sum_of_radii"] == 1.0
    assert "1.0000000000 after shrinking; 1.0000000010 as returned, where circle" in verdict.feedback
    assert fits(json.loads(verdict.results[-1].result.artifacts["layout.json"])["circles"])


CHEATS = {
    "radii too large": ("np.full((4, 3), 0.5)", "circles 0 and 1 overlap by 1; only up to 1e-06"),
    "overlapping by more than rounding": (
        "np.array([[.25, .25, .25], [.75, .25, .2500021], [.25, .75, .2], [.75, .75, .2]])",
        "by 2.1e-06",
    ),
    "not a number": ("np.full((4, 3), nan)", "NaN or infinity"),
    "infinite": ("np.full((4, 3), inf)", "NaN or infinity"),
    "enormous": ("np.full((4, 3), 1e308)", "circle"),
    "negative radius": ("np.array([[.5, .5, -1.0]] * 4)", "below zero by 1"),
    "too many circles": ("np.zeros((5, 3))", "shape (5, 3), expected (4, 3)"),
    "centres only": ("np.zeros((4, 2))", "shape (4, 2), expected (4, 3)"),
    "flat": ("np.zeros(12)", "shape (12,), expected (4, 3)"),
    "complex numbers": ("np.zeros((4, 3), dtype=complex)", "complex"),
    "ragged list": ("[[.25, .25, .25], [.75, .25]]", "a list"),
    "list of text": ("[['0.5', '0.5', '0.9']] * 4", "a list"),
    "a number of its own": ("99.0", "a value of type float"),
    "nothing": ("None", "None"),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_invalid_and_told_why(four, name):
    rows, words = CHEATS[name]
    verdict = four.judge(program(rows))
    assert verdict.status is Status.INVALID
    assert verdict.score is None
    assert words in verdict.reason


def test_a_plain_list_of_rows_is_as_good_as_an_array(four):
    assert four.judge(program(QUARTERS.tolist())).score.value == 1.0


RANDOM = """import numpy as np


def pack(n):
    rng = np.random.default_rng(0)
    centres = rng.random((n, 2))
    gaps = np.hypot(*(centres[:, None] - centres).transpose(2, 0, 1)) + 9 * np.eye(n)
    return np.column_stack([centres, np.minimum(np.minimum(centres, 1 - centres).min(axis=1), gaps.min(axis=1) / 2)])
"""


def test_nothing_chance_and_the_known_methods_stand_in_this_order(worker):
    referee = Referee(CirclePacking(), worker, b"secret")
    nothing = program("np.column_stack([np.full((n, 2), 0.5), np.zeros(n)])")
    verdicts = [referee.judge(one) for one in (nothing, *map(Program.of, (RANDOM, GRID, ROWS, KICKED_CLIMB)))]
    assert [verdict.reason for verdict in verdicts] == [""] * 5
    values = [verdict.score.value for verdict in verdicts]
    assert values == sorted(values)
    assert values[0] == 0.0
    assert 0.5 < values[1] < 1.8
    assert values[2] == pytest.approx(26 / 12)  # six to a side
    assert values[3] > 2.2  # above the grid
    assert 2.62 < values[4] < packing.BEST_KNOWN[26] + 1e-9
    assert all(verdict.quarantine is None for verdict in verdicts)


def test_every_seed_answers_other_numbers_of_circles(worker):
    """Proven or evident optima: n = 1 is r = 1/2; n = 2, along the diagonal, has the sum 2 - sqrt(2)."""
    for n, best in ((1, 0.5), (2, 2 - math.sqrt(2))):
        referee = Referee(CirclePacking({"n": str(n)}), worker, b"secret")
        values = [referee.judge(Program.of(text)).score.value for text in (GRID, ROWS, KICKED_CLIMB)]
        assert max(values) == pytest.approx(best, abs=1e-9)


def test_the_shift_tier_asks_for_other_numbers_and_the_rest_for_the_same():
    problem = CirclePacking()
    rng = np.random.default_rng(0)
    assert [problem.generate(Tier.SHIFT, index, rng) for index in range(4)] == [20, 23, 29, 32]
    assert {problem.generate(tier, 0, rng) for tier in (Tier.TRAIN, Tier.VALID, Tier.TEST)} == {26}
    assert {problem.tier_size(tier) for tier in (Tier.TRAIN, Tier.VALID, Tier.TEST)} == {1}
    assert problem.promotion_steps == ()


def test_the_shift_tier_is_judged_with_a_standard_error(worker):
    verdict = Referee(CirclePacking(), worker, b"secret").examine(Program.of(GRID), Tier.SHIFT, range(4))
    assert [row.name for row in verdict.results] == ["n=20", "n=23", "n=29", "n=32"]
    assert verdict.score.value == pytest.approx((2 + 2.3 + 29 / 12 + 32 / 12) / 4)  # sides of 5, 5, 6 and 6
    assert verdict.score.standard_error > 0


def test_what_is_too_good_is_quarantined():
    problem = CirclePacking()
    for above, distrusted in ((0.0009, False), (0.0011, True)):
        metrics = {"sum_of_radii": packing.BEST_KNOWN[26] + above, "plausible_sum": packing.plausible_sum(26)}
        assert (problem.quarantine(metrics) is not None) is distrusted
    assert packing.plausible_sum(27) == packing.area_bound(27) == math.sqrt(27 / math.pi)
    assert all(known < packing.area_bound(n) for n, known in packing.BEST_KNOWN.items())


def test_the_picture_shows_every_circle_where_it_is():
    picture = ElementTree.fromstring(draw(PYTHAGORAS))
    circles = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert [(one.get("cx"), one.get("cy"), one.get("r")) for one in circles] == [
        ("160.000", "460.000", "75.000"),  # 10 + 600 * 0.25, 10 + 600 * 0.75, 600 / 8
        ("272.500", "310.000", "112.500"),
    ]


@pytest.mark.parametrize("n", ["0", "-3", "201"])
def test_a_number_of_circles_out_of_range_is_refused(n):
    with pytest.raises(ConfigError, match="--set n: expected a whole number from 1 to 200"):
        load_problem("circle_packing", {"n": n})
