"""`design`: a language model studies an archive and writes {thought, name, code}, then reflects on it twice.

The meta-agent of ADAS (Hu, Lu & Clune, ICLR 2025, https://arxiv.org/abs/2408.08435, section 3 and appendix B).
What the last reflection leaves is what is judged, and what is judged is what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Prompt, Turns, converse
from heuresis.agent.operators.asking_words import exhibits, numbered, task_of
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.draft import Draft
from heuresis.agent.reply.marked import placed
from heuresis.agent.reply.thought import thought_name_code
from heuresis.agent.settings import check
from heuresis.agent.syntax import START_MARKER
from heuresis.archive.records import Brief
from heuresis.program import Program


@dataclass(frozen=True)
class Design(ModelOperator):
    """Shows the brief's parents and inspirations, in this order; which they are is the method's choice."""

    repairs: int = 3
    """As published."""
    reflections: int = 2
    """Messages that ask the model to look at its proposal again; the first asks for more than the later ones."""
    name: str = "design"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "reflections", 0, 5)

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        shown = tuple(dict.fromkeys(brief.parents + brief.inspirations))
        frame = workshop.programs[shown[0]] if shown else None

        def read(reply: str, truncated: bool) -> Draft:
            draft = thought_name_code(reply, workshop.entry_points, truncated)
            if frame is None or START_MARKER not in frame.text:
                return draft
            return Draft(Program.of(placed(frame.text, draft.program.text)), draft.idea, draft.name)

        programs = exhibits(workshop, shown, numbered(len(shown)))
        text = workshop.render("design", task=task_of(workshop).text.strip(), programs=programs)
        reflections = tuple(workshop.render("design_reflect", first=number == 0) for number in range(self.reflections))
        yield from converse(self, Prompt(text, shown, read, "json", (), reflections), workshop, rng)
