"""Variations of an instance, and what must follow: an honest program is not worth less on them without a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np


class Expected(StrEnum):
    """What must hold of a program's score on the changed instances."""

    SAME = "same"
    """The changed instance is the same question in other words: the score does not fall."""
    NOISE = "noise"
    """Another instance of the same distribution: the score stays within noise."""
    GRACEFUL = "graceful"
    """A harder or easier question, so scores differ for everybody: the program still does not fall behind the best of
    the problem's seeds, which is fitted to nothing."""


@dataclass(frozen=True)
class Transformation:
    """One variation."""

    name: str
    """What is done to an instance, in words: `items and capacity times 5`."""
    apply: Callable[[Any, np.random.Generator], Any]
    """Instance -> instance. The generator is seeded by the instance: the same for every program."""
    expected: Expected
    broken: str
    """What it says of a program that does not hold: `the sizes are memorised`."""
