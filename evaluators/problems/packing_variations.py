"""What `heuresis audit` does to instances of online bin packing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heuresis.evaluators.problems.packing_paths import PackingInstance
from heuresis.evaluators.transformations import Expected, Transformation

Change = Callable[[PackingInstance, np.random.Generator], PackingInstance]

_SIZES = "the sizes are memorised: its numbers belong to one capacity"
_ORDER = "it lives on the order in which the items happened to come"
_LENGTH = "it is fitted to one number of items"
_CAPACITY = "it is fitted to one ratio of items to capacity"


def _scaled(factor: int) -> Change:
    return lambda one, rng: PackingInstance(one.items * factor, one.capacity * factor)


def _share(numerator: int, denominator: int) -> Change:
    """Of the items, shuffled copies where more are wanted."""

    def change(one: PackingInstance, rng: np.random.Generator) -> PackingInstance:
        wanted = max(1, len(one.items) * numerator // denominator)
        copies = -(-wanted // len(one.items))
        items = np.concatenate([one.items, *(rng.permutation(one.items) for _ in range(copies - 1))])
        return PackingInstance(items[:wanted], one.capacity)

    return change


def _larger(numerator: int, denominator: int) -> Change:
    return lambda one, rng: PackingInstance(one.items, one.capacity * numerator // denominator)


TRANSFORMATIONS = (
    Transformation("items and capacity times 2", _scaled(2), Expected.SAME, _SIZES),
    Transformation("items and capacity times 5", _scaled(5), Expected.SAME, _SIZES),
    Transformation(
        "items shuffled",
        lambda one, rng: PackingInstance(rng.permutation(one.items), one.capacity),
        Expected.NOISE,
        _ORDER,
    ),
    Transformation(
        "items in reverse order",
        lambda one, rng: PackingInstance(one.items[::-1].copy(), one.capacity),
        Expected.NOISE,
        _ORDER,
    ),
    Transformation("a fifth of the items", _share(1, 5), Expected.GRACEFUL, _LENGTH),
    Transformation("twice the items", _share(2, 1), Expected.GRACEFUL, _LENGTH),
    Transformation("capacity times 1.5", _larger(3, 2), Expected.GRACEFUL, _CAPACITY),
    Transformation("capacity times 5", _larger(5, 1), Expected.GRACEFUL, _CAPACITY),
)
