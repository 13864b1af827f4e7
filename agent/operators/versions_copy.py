"""`copy`: proposes programs of the archive as they are, so that another island gets them. Their verdicts are reused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import Turns, propose
from heuresis.agent.protocols import Workshop
from heuresis.archive.records import Brief, Proposal


@dataclass(frozen=True)
class Copy:
    """The brief's parents; its tags say where they go. Asks no model and costs no evaluation."""

    name: str = "copy"

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        words = "as it is, on another island"
        yield from propose([Proposal(workshop.programs[one], self.name, idea=words) for one in brief.parents])
