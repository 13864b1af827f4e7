"""Programs for online bin packing whose order is known: `heuresis problem check` plays them."""

from __future__ import annotations

from collections.abc import Mapping

from heuresis.evaluators.sentinel import KNOWN_GOOD, NO_OP, RANDOM, Sentinel

# A number per item and room that follows no rule; elementwise, so that it is asked for once per room.
_SCATTERED = """import numpy as np


def priority(item, bins):
    return np.mod(43758.5453 * np.sin(12.9898 * item + 78.233 * bins), 1.0)
"""

# The first bin in which it fits: nothing is looked at.
_FIRST = """import numpy as np


def priority(item, bins):
    return np.zeros(len(bins))
"""

_BEST_FIT = """import numpy as np


def priority(item, bins):
    return item - bins
"""

# Its copy of the rooms is written over, so that every bin would be filled exactly.
_MAKES_ROOM = """import numpy as np


def priority(item, bins):
    bins[:] = item
    return np.zeros(len(bins))
"""

# NaN is the highest priority for numpy.argmax: it asks for an empty bin.
_NAN_WINS = """import numpy as np


def priority(item, bins):
    return np.where(bins > 99, np.nan, item - bins)
"""

SENTINELS: Mapping[str, Sentinel | str] = {
    RANDOM: _SCATTERED,
    NO_OP: _FIRST,
    KNOWN_GOOD: _BEST_FIT,
    "writes into its arguments": Sentinel(_MAKES_ROOM, cheat=True),
    "answers NaN": Sentinel(_NAN_WINS, cheat=True),
}
