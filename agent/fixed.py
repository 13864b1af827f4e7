"""Programs from outside: the problem's seeds, what a person adds, what is told by a loop of somebody's own.

Judged like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np

from heuresis.agent.protocols import Outcome, Work, Workshop
from heuresis.archive.records import Brief, Proposal
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Status
from heuresis.evaluators.problem import Problem
from heuresis.program import Program

SEED = "seed"
ADD = "add"
MINIMISE = "minimise"
"""A program of the campaign, made smaller by a person's order (`heuresis audit --save`)."""
TOLD = "told"
"""A brief of the method that somebody outside answers (`heuresis.Search`)."""
FIXED = (SEED, ADD, MINIMISE, TOLD)
"""Operators whose program comes from outside; it is committed with their brief, or (TOLD) some time after."""


class FixedOperator:
    """Proposes the one program that it was given; with none, a told brief was never answered, and ends."""

    name = "fixed"

    def __init__(self, proposal: Proposal | None) -> None:
        self._proposal = proposal

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Work], Sequence[Outcome], None]:
        if self._proposal is not None:
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


def scored_seeds(store: Store, campaign: str, problem: Problem, name: str) -> list[str]:
    """Ids of the seeds judged so far, in the problem's order. Raises ConfigError for one without a score.

    A problem whose own seed programs fail is not fit for a search: told before anything is spent.
    """
    seeds: list[str] = []
    for number in range(len(problem.seeds)):
        entry = store.verdict_of(campaign, number, 0)
        if entry is None or entry.proposal.program is None:
            break  # stopped before all were judged
        seeds.append(entry.proposal.program.id)
        if entry.evaluation.status is not Status.SCORED:
            raise ConfigError(
                f"problem {name}",
                "seed programs that are scored",
                f"seed {entry.tags.get('seed')!r} ended {entry.evaluation.status}: {entry.evaluation.reason}",
                "Mend the problem or the seed, then start another campaign: --new NAME (demo does so by itself).",
            )
    return seeds
