"""Programs that a person wrote: the problem's seeds, and what `heuresis add` brings. Judged like any other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np

from heuresis.agent.protocols import Outcome, Work, Workshop
from heuresis.archive.records import Brief, Proposal
from heuresis.archive.store import Store
from heuresis.evaluators.problem import Problem
from heuresis.program import Program

SEED = "seed"
ADD = "add"
FIXED = (SEED, ADD)
"""Operators whose program is committed together with their brief."""


class FixedOperator:
    """Proposes the one program that it was given."""

    name = "fixed"

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Work], Sequence[Outcome], None]:
        yield [self._proposal]


def admit(store: Store, campaign: str, proposals: Sequence[tuple[Brief, Proposal]]) -> list[Brief]:
    """Commit briefs and their programs in one transaction."""
    with store.transaction(durable=True) as transaction:
        briefs = []
        for brief, proposal in proposals:
            numbered = transaction.add_brief(campaign, brief)
            transaction.add_proposal(campaign, numbered.number, 0, proposal)
            briefs.append(numbered)
    return briefs


def admit_seeds(store: Store, campaign: str, problem: Problem, start: Callable[[Brief], None]) -> None:
    """The problem's seed programs, as the first briefs of a campaign; nothing when it has begun already."""
    if store.totals(campaign).briefs > 0:
        return
    seeds = [
        (Brief(SEED, tags={"seed": name}), Proposal(Program.of(text), SEED, idea=f"{name}, the problem's seed"))
        for name, text in problem.seeds.items()
    ]
    for brief in admit(store, campaign, seeds):
        start(brief)
