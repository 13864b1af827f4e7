"""`meta_agent`: a model studies a view of the archive and designs the next program (ADAS).

    repeat: shown <- a view of the archive; program <- design(shown); the archive grows by it, whatever its score

Hu, Lu & Clune, ICLR 2025, https://arxiv.org/abs/2408.08435, Algorithm 1. What the view is matters: arXiv
2510.06711 measured that showing the whole archive is worse than showing none of it, so by default it is two parents and
three diverse programs. The seeds are the archive's first programs. Unlike the reference implementation, the program
that is kept is the one that was judged, no generation is lost to an error, and scores come from the selection tier.
No races: the archive grows by every program, and the model is shown scores of weak ones too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heuresis.agent.methods.context import MOST_SHOWN, POLICIES, choose
from heuresis.agent.protocols import Step, Turn, View
from heuresis.agent.settings import check
from heuresis.agent.syntax import START_MARKER
from heuresis.archive.populations import Best, Population
from heuresis.archive.records import Brief
from heuresis.errors import ConfigError


@dataclass(frozen=True)
class MetaAgent:
    """Where only marked blocks of a program may change, the first seed is shown even with `context` none."""

    context: str = "diverse"
    """Which programs are shown: all, none, best, parents or diverse (`heuresis.agent.methods.context`)."""
    context_size: int = 5
    """Programs shown by best, parents and diverse."""
    parents: int = 2
    """Of them, with diverse, those chosen by their scores."""
    capacity: int = 100
    """Programs that a view is drawn from: the best of distinct behaviour. The archive itself keeps everything."""
    needs_model: ClassVar[bool] = True
    uses_model: ClassVar[bool] = True
    name: str = "meta_agent"

    def __post_init__(self) -> None:
        if self.context not in POLICIES:
            raise ConfigError("meta_agent.context", ", ".join(POLICIES), self.context)
        check(self, "context_size", 1, MOST_SHOWN)
        check(self, "parents", 0, MOST_SHOWN)
        check(self, "capacity", 1, 10_000)

    def populations(self) -> tuple[Population, ...]:
        return (Best(self.capacity, "archive"),)

    def next(self, view: View, marks: Mapping[str, object], rng: np.random.Generator) -> Step:
        if not view.seeds:
            return Step(Turn.WAIT if view.in_flight else Turn.DONE, marks)
        members = list(view.members("archive").values())
        shown = choose(self.context, members, self.context_size, self.parents, lambda one: view.program(one).text, rng)
        parents = shown.parents
        if not (parents or shown.inspirations) and START_MARKER in view.program(view.seeds[0]).text:
            parents = (view.seeds[0],)
        return Step(Brief("design", parents, shown.inspirations, tags={"context": self.context}), marks)
