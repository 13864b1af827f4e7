"""`random`: independent samples. The baseline that every search is compared with (arXiv 2602.16805).

repeat: program <- invent; with a language model this is best-of-N
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heuresis.agent.methods.genetic import rank
from heuresis.agent.protocols import Step, View
from heuresis.archive.populations import Best, Population
from heuresis.archive.records import Brief

_BEST = Best().name
"""Every campaign keeps it."""


@dataclass(frozen=True)
class Random:
    """Nothing is learnt from any score; the first seed only lends its text outside the marked blocks.

    Only the best is wanted: all race against the best so far.
    """

    uses_model: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    name: str = "random"

    def populations(self) -> tuple[Population, ...]:
        return ()

    def next(self, view: View, marks: Mapping[str, object], rng: np.random.Generator) -> Step:
        best = max(view.members(_BEST).values(), key=rank, default=None)
        return Step(Brief("invent", tuple(view.seeds[:1]), bar=best.program if best else ""), marks)
