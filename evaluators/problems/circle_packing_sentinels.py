"""Programs for circle packing whose order is known: `heuresis problem check` plays them."""

from __future__ import annotations

from collections.abc import Mapping

from heuresis.evaluators.problems.circle_packing_seeds import ROWS
from heuresis.evaluators.sentinel import KNOWN_GOOD, NO_OP, RANDOM, Sentinel

_POINTS = """import numpy as np


def pack(n):
    return np.zeros((n, 3))
"""

# Random centres, each with a little less than half the room it has.
_SCATTERED = """import numpy as np


def pack(n):
    centres = np.random.default_rng(1).random((n, 2))
    apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1)) + 9 * np.eye(n)
    room = np.minimum(apart.min(axis=1) / 2, np.minimum(centres, 1 - centres).min(axis=1))
    return np.column_stack([centres, 0.99 * room])
"""

_GRID_GROWN = """import numpy as np


def pack(n):
    side = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), side)
    return np.stack([(column + 0.5) / side, (row + 0.5) / side, np.full(n, 0.5 / side + {extra})], axis=1)
"""

_NOT_A_NUMBER = """import numpy as np


def pack(n):
    return np.full((n, 3), np.nan)
"""

SENTINELS: Mapping[str, Sentinel | str] = {
    NO_OP: _POINTS,
    RANDOM: _SCATTERED,
    KNOWN_GOOD: ROWS,
    "overlaps by what counts as rounding": Sentinel(_GRID_GROWN.format(extra=4e-7), cheat=True),
    "overlaps by more": Sentinel(_GRID_GROWN.format(extra=4e-2), cheat=True),
    "answers NaN": Sentinel(_NOT_A_NUMBER, cheat=True),
}
