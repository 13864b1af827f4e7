"""`sequential`: hill climbing. One parent, always the best; the other baseline of arXiv 2602.16805.

repeat: child <- improve(best), or mutate(best) without a language model; best <- child if it is better
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heuresis.agent.protocols import Step, Turn, View
from heuresis.archive.populations import Best, Population
from heuresis.archive.records import Brief


@dataclass(frozen=True)
class Sequential:
    """Children made while a better one is still being judged have the old parent.

    They race against it: what is not better is forgotten.
    """

    uses_model: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    name: str = "sequential"

    def populations(self) -> tuple[Population, ...]:
        return (Best(1, "parent"),)

    def next(self, view: View, marks: Mapping[str, object], rng: np.random.Generator) -> Step:
        for member in view.members("parent").values():
            operator = "improve" if view.has_model else "mutate"
            return Step(Brief(operator, (member.program,), bar=member.program), marks)
        return Step(Turn.WAIT if view.in_flight else Turn.DONE, marks)
