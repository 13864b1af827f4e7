"""`draw`: a picture of circles in the unit square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIDE = 600
"""Pixels of the square."""
_MARGIN = 10


def draw(layout: NDArray[np.float64]) -> str:
    """The layout [n, 3] (x, y, r) as SVG text, y upwards, the number of each circle in its middle."""
    whole = _SIDE + 2 * _MARGIN
    circles = [_circle(number, *row) for number, row in enumerate(layout.tolist())]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" width="{whole}" height="{whole}">',
            f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" fill="white" stroke="black"/>',
            *circles,
            "</svg>",
            "",
        ]
    )


def _circle(number: int, x: float, y: float, r: float) -> str:
    across, down, radius = _MARGIN + _SIDE * x, _MARGIN + _SIDE * (1.0 - y), _SIDE * r
    shape = f'<circle cx="{across:.3f}" cy="{down:.3f}" r="{radius:.3f}" fill="#9ecae1" stroke="#08519c"/>'
    place = f'x="{across:.3f}" y="{down:.3f}" font-size="{radius / 2:.3f}"'
    return f'{shape}<text {place} text-anchor="middle" dominant-baseline="central">{number}</text>'
