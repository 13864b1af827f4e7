"""`versions`: a language model continues a series of versions f_v0, f_v1, ... of a program, each better than the last.

The prompt of FunSearch (Romera-Paredes et al., Nature 625, 2024, https://doi.org/10.1038/s41586-023-06924-6, Methods,
"Prompt building").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Prompt, Turns, converse
from heuresis.agent.operators.asking_words import exhibits, task_of
from heuresis.agent.operators.versions_names import with_version
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.draft import Draft
from heuresis.agent.reply.full import full_text
from heuresis.archive.records import Brief
from heuresis.program import MAIN_FILE, Program


@dataclass(frozen=True)
class Versions(ModelOperator):
    """Shows the brief's parents and inspirations, the worst first; the last shown is the answer's first parent.

    The brief's tag `samples` says how many answers are asked for with the one prompt; without it, one.
    """

    repairs: int = 0
    """As published: what fails is left behind."""
    name: str = "versions"

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        ids = dict.fromkeys(brief.parents + brief.inspirations)
        rising = sorted(ids, key=lambda one: workshop.scores.get(one, -np.inf))
        names = [entry.name for entry in workshop.entry_points]
        version, best = f"v{len(rising)}", workshop.programs[rising[-1]]

        def read(reply: str, truncated: bool) -> Draft:
            return full_text(reply, best, workshop.entry_points, truncated, version)

        files = {one: _files(workshop.programs[one], names, f"v{at}") for at, one in enumerate(rising)}
        labels = [f"Version v{at}" for at in range(len(rising))]
        wanted = tuple(replace(one, name=f"{one.name}_{version}").signature for one in workshop.entry_points)
        text = workshop.render(
            "versions",
            task=task_of(workshop).text.strip(),
            versions=exhibits(workshop, rising, labels, files=files),
            version=version,
            signatures=wanted,
        )
        prompt = Prompt(text, tuple(reversed(rising)), read, version, wanted)
        yield from converse(self, prompt, workshop, rng, int(brief.tags.get("samples", 1)))


def _files(program: Program, names: list[str], version: str) -> Mapping[str, str]:
    return {**program.files, MAIN_FILE: with_version(program.text, names, version)}
