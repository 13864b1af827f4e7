"""`reflect`: a language model says why one program does better than another; the lesson is kept as a note.

The short-term reflection of ReEvo (Ye et al., NeurIPS 2024, https://arxiv.org/abs/2402.01145, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Turns, ask, learn, opening, propose
from heuresis.agent.operators.asking_words import exhibits, task_of
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.draft import Unusable
from heuresis.agent.reply.text import cleaned
from heuresis.agent.settings import check
from heuresis.archive.calls import Reply
from heuresis.archive.records import Brief, Lesson, Proposal
from heuresis.prompts.quote import shortened

_LONGEST_LESSON = 1_000


@dataclass(frozen=True)
class Reflect(ModelOperator):
    """Of the brief's two parents the one with the higher score is the better one; one without a score is the worse."""

    repairs: int = 1
    """Times that a reply that holds no lesson is asked for anew."""
    words: int = 60
    """Of the lesson, at most: what the model is told, not enforced."""
    name: str = "reflect"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "words", 5, 500)

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        pair = sorted(brief.parents[:2], key=lambda one: workshop.scores.get(one, -np.inf))
        worse, better = exhibits(workshop, pair, ["The worse program", "The better program"])
        task = task_of(workshop).text.strip()
        text = workshop.render("reflect", task=task, worse=worse, better=better, words=self.words)
        for _ in range(self.repairs + 1):
            [reply] = yield from ask([self.question(opening(workshop, text), self.name, rng)])
            lesson = _lesson(reply)
            if isinstance(lesson, str):
                yield from learn([Lesson(lesson, tuple(pair))])
                return
            refused = Proposal(None, self.name, tuple(pair), "", str(lesson), text, reply.text, reply.model)
            yield from propose([refused])


def _lesson(reply: Reply) -> str | Unusable:
    """The lesson in a reply, or why there is none."""
    if reply.refusal:
        return Unusable(reply.refusal)
    try:
        return shortened(cleaned(reply.text).strip(), _LONGEST_LESSON)
    except Unusable as unusable:
        return unusable
