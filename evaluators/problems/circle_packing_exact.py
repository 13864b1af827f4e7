"""Whether circles fit into the unit square without overlap: exactly, and how to make a near miss fit.

A float is a rational number with a power of two below the line. All coordinates of a layout are put over one such
denominator, `scale`, and everything below is arithmetic on whole numbers: no tolerance, no rounding.

For whole numbers, (r + s)^2 <= D holds exactly when r + s <= isqrt(D). So the overlap of two circles is one
subtraction, zero or below just when they do not overlap; where it is above zero it is the true overlap, rounded up to
1 / scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_SCALE = 1 << 80
"""Fine enough for the size of an overlap to be told; whether there is one is exact at any scale."""


@dataclass(frozen=True)
class Violation:
    """What a layout breaks, and by how much."""

    amount: float
    """In side lengths of the square, to the nearest float; 0.0 only for a feasible layout."""
    text: str
    """Names the circle or the two circles; empty for a feasible layout."""


@dataclass
class _Whole:
    """A layout in whole numbers: everything times `scale`."""

    scale: int
    x: list[int]
    y: list[int]
    r: list[int]

    @property
    def count(self) -> int:
        return len(self.r)

    def outside(self, i: int) -> int:
        """How far circle i reaches out of the square; zero or below inside."""
        x, y, r = self.x[i], self.y[i], self.r[i]
        return r - min(x, self.scale - x, y, self.scale - y)

    def overlap(self, i: int, j: int) -> int:
        """r_i + r_j - distance, rounded up."""
        squared = (self.x[i] - self.x[j]) ** 2 + (self.y[i] - self.y[j]) ** 2
        return self.r[i] + self.r[j] - math.isqrt(squared)


def worst_violation(layout: NDArray[np.float64]) -> Violation:
    """Of a finite layout [n, 3] (x, y, r). Its amount is 0.0 exactly when the layout is feasible."""
    whole = _whole(layout)
    worst, text = max(_violations(whole), key=lambda one: one[0], default=(0, ""))
    return Violation(_ratio(worst, whole.scale), text)


def shrunk(layout: NDArray[np.float64]) -> NDArray[np.float64]:
    """A feasible layout near this one: centres put into the square, radii only ever lowered.

    One pass is enough, because lowering a radius breaks nothing. Two circles that overlap give half each, in the order
    (0, 1), (0, 2), ...; one with less than its half gives what it has. A feasible layout comes back as it is. Raises
    ArithmeticError should the result not be feasible, which would be a mistake of ours.
    """
    inside = np.array(layout, dtype=np.float64)
    inside[:, :2] = np.clip(inside[:, :2], 0.0, 1.0)
    whole = _whole(inside)
    for i in range(whole.count):
        whole.r[i] = max(0, whole.r[i] - max(0, whole.outside(i)))
    for i in range(whole.count):
        for j in range(i + 1, whole.count):
            over = whole.overlap(i, j)
            if over > 0:
                given = min(max((over + 1) // 2, over - whole.r[j]), whole.r[i])
                whole.r[i] -= given
                whole.r[j] -= over - given
    inside[:, 2] = [_float_below(r, whole.scale) for r in whole.r]
    left = worst_violation(inside)
    if left.amount > 0:
        raise ArithmeticError(f"a shrunk layout is still not feasible: {left.text}")
    return inside


def _violations(whole: _Whole) -> Iterator[tuple[int, str]]:
    for i in range(whole.count):
        if whole.r[i] < 0:
            yield -whole.r[i], f"circle {i} has a radius below zero by {_shown(-whole.r[i], whole.scale)}"
        if (out := whole.outside(i)) > 0:
            yield out, f"circle {i} leaves the unit square by {_shown(out, whole.scale)}"
        for j in range(i + 1, whole.count):
            if (over := whole.overlap(i, j)) > 0:
                yield over, f"circles {i} and {j} overlap by {_shown(over, whole.scale)}"


def _whole(layout: NDArray[np.float64]) -> _Whole:
    pairs = [[value.as_integer_ratio() for value in row] for row in layout.tolist()]
    scale = max([_LEAST_SCALE, *(below for row in pairs for _, below in row)])  # all are powers of two
    x, y, r = ([row[axis][0] * (scale // row[axis][1]) for row in pairs] for axis in range(3))
    return _Whole(scale, x, y, r)


def _shown(amount: int, scale: int) -> str:
    return f"{_ratio(amount, scale):.6g}"


def _ratio(above: int, below: int) -> float:
    """The nearest float above zero, for whole numbers >= 0: what is above nothing never becomes nothing or infinite."""
    try:
        value = above / below
    except OverflowError:
        return float(np.finfo(np.float64).max)
    return value if value > 0 or above == 0 else math.ulp(0.0)


def _float_below(above: int, below: int) -> float:
    """The largest float that is not above the ratio, for a ratio from 0 to 1."""
    value = above / below  # whole numbers are divided with correct rounding
    top, bottom = value.as_integer_ratio()
    return value if top * below <= above * bottom else math.nextafter(value, -math.inf)
