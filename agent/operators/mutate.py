"""`mutate`: one or a few random edits of the syntax tree (Koza, Genetic Programming, 1992, chapter 6)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.attempts import Edited, attempt
from heuresis.agent.operators.edits import EDITS, Material
from heuresis.agent.protocols import Workshop
from heuresis.agent.settings import check
from heuresis.agent.syntax import roots, size, with_numpy
from heuresis.agent.vocabulary import Vocabulary
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.evaluators.signature import EntryPoint


@dataclass(frozen=True)
class Mutate:
    """A child of one parent by random edits, each drawn by weight from `edits.EDITS`."""

    depth: int = 2
    """Of random subtrees."""
    more: float = 0.3
    """Chance of one more edit after each edit."""
    jitter: float = 0.3
    """Standard deviation of the logarithm of a changed constant."""
    size_limit: int = 80
    """Nodes of the syntax tree; larger children are thrown away, save of a parent that is larger itself: those may not
    outgrow it."""
    tries: int = 20
    """Edits thrown away (known, unchanged, too large) before the brief is given up."""
    reductions: float = 0.0002
    """See `Vocabulary`."""
    name: str = "mutate"

    def __post_init__(self) -> None:
        check(self, "depth", 1, 6)
        check(self, "more", 0.0, 0.95)
        check(self, "jitter", 0.0, 3.0)
        check(self, "size_limit", 5, 10_000)
        check(self, "tries", 1, 1000)
        check(self, "reductions", 0.0, 1.0)

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Proposal], Sequence[Entry], None]:
        parent = workshop.programs[brief.parents[0]]

        def child() -> Edited | None:
            return self.child(parent.text, workshop.entry_points, rng)

        yield [attempt(self.name, parent, brief, workshop, child, self.tries)]

    def child(self, text: str, entry_points: Sequence[EntryPoint], rng: np.random.Generator) -> Edited | None:
        """A text after one or more edits; None if an edit had no place or the child is too large."""
        most = max(self.size_limit, size(text))
        text, weights = with_numpy(text), np.array([weight for weight, _ in EDITS])
        vocabulary, ideas = Vocabulary(self.reductions), list[str]()
        while not ideas or rng.random() < self.more:
            _, edit = EDITS[rng.choice(len(EDITS), p=weights / weights.sum())]
            edited = edit(Material(text, roots(text, entry_points), vocabulary, self.depth, self.jitter, rng))
            if edited is None:
                return None
            text = edited.text
            ideas.append(edited.idea)
        return None if size(text) > most else Edited(text, ", then ".join(ideas))
