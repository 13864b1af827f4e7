"""`combine`: a language model makes one program out of several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Prompt, Turns, converse
from heuresis.agent.operators.asking_words import exhibits, notes_of, numbered, task_of
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.draft import Draft
from heuresis.agent.reply.full import full_text
from heuresis.archive.records import Brief


@dataclass(frozen=True)
class Combine(ModelOperator):
    """The brief's first parent is where the model starts; its other parents and inspirations lend ideas."""

    name: str = "combine"

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        shown = tuple(dict.fromkeys(brief.parents + brief.inspirations))
        first = workshop.programs[shown[0]]

        def read(reply: str, truncated: bool) -> Draft:
            return full_text(reply, first, workshop.entry_points, truncated)

        parent, *others = exhibits(workshop, shown, numbered(len(shown)))
        text = workshop.render(
            "combine",
            task=task_of(workshop).text.strip(),
            parent=parent,
            others=others,
            notes=notes_of(brief, workshop),
        )
        yield from converse(self, Prompt(text, shown, read), workshop, rng)
