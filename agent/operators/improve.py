"""`improve`: a language model writes a better version of one program, as a whole or by search/replace edits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Prompt, Turns, converse
from heuresis.agent.operators.asking_words import exhibits, notes_of, task_of
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.diff import apply_diff
from heuresis.agent.reply.draft import Draft
from heuresis.agent.reply.full import full_text
from heuresis.archive.records import Brief
from heuresis.errors import ConfigError


@dataclass(frozen=True)
class Improve(ModelOperator):
    """The brief's first parent is improved; its notes are shown as lessons."""

    form: str = "full"
    """Of the answer: full (the whole program) or diff (edits, which cost fewer tokens for a long program)."""
    feedback: bool = True
    """Whether the model sees what the referee said of the training instances and what the program printed."""
    name: str = "improve"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in ("full", "diff"):
            raise ConfigError("improve.form", "full or diff", self.form)

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        parent = workshop.programs[brief.parents[0]]

        def read(reply: str, truncated: bool) -> Draft:
            if self.form == "diff":
                return apply_diff(reply, parent, truncated, workshop.entry_points)
            return full_text(reply, parent, workshop.entry_points, truncated)

        [shown] = exhibits(workshop, brief.parents[:1], ["The program"], feedback=self.feedback)
        text = workshop.render(
            "improve",
            task=task_of(workshop).text.strip(),
            parent=shown,
            notes=notes_of(brief, workshop),
            kind=self.form,
        )
        yield from converse(self, Prompt(text, brief.parents, read, self.form), workshop, rng)
