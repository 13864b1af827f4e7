"""`repair`: a language model mends a program that failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Prompt, Turns, converse
from heuresis.agent.operators.asking_words import exhibits, task_of
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.draft import Draft
from heuresis.agent.reply.full import full_text
from heuresis.archive.records import Brief


@dataclass(frozen=True)
class Repair(ModelOperator):
    """The brief's first parent has no score; the model is told why."""

    name: str = "repair"

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        parent = workshop.programs[brief.parents[0]]

        def read(reply: str, truncated: bool) -> Draft:
            return full_text(reply, parent, workshop.entry_points, truncated)

        [shown] = exhibits(workshop, brief.parents[:1], ["The program"])
        text = workshop.render("repair", task=task_of(workshop).text.strip(), parent=shown)
        yield from converse(self, Prompt(text, brief.parents, read), workshop, rng)
