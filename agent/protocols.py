"""The two seams of the search: a `Method` decides what to do next, an `Operator` does it."""

from __future__ import annotations

import enum
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from heuresis.archive.populations import Population
from heuresis.archive.records import Brief, Entry, Member, Proposal
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program


class Turn(enum.Enum):
    """A method's answer when it has no brief."""

    WAIT = "wait"
    """Until a brief that is in flight has ended."""
    DONE = "done"
    """Nothing left to try."""


@dataclass(frozen=True)
class Step:
    """What a method decided, and what it wants to remember; both are committed in one transaction."""

    action: Brief | Turn
    marks: Mapping[str, object]
    """The method's whole state: small plain JSON values. Everything else it knows, it reads from the view."""


class View(Protocol):
    """The archive as a method may see it: committed, bounded, selection tiers only."""

    @property
    def next_number(self) -> int:
        """Of the brief that is being asked for."""
        ...

    @property
    def in_flight(self) -> Sequence[Brief]:
        """Briefs committed and not yet closed."""
        ...

    def members(self, population: str) -> Mapping[str, Member]: ...

    def program(self, program_id: str) -> Program: ...

    @property
    def seeds(self) -> Sequence[str]:
        """Ids of the campaign's seed programs that were SCORED, in the problem's order."""
        ...


class Method(Protocol):
    """A search method. `next` is a pure function: same view, marks and rng, same step.

    Contract: killed after any commit and resumed, it issues the same next brief.
    """

    name: str

    def populations(self) -> tuple[Population, ...]:
        """The views this method selects from; kept by the store."""
        ...

    def next(self, view: View, marks: Mapping[str, object], rng: np.random.Generator) -> Step: ...


class Known(Protocol):
    def __call__(self, program: Program) -> bool:
        """Has this campaign already proposed a program with this normal form? (Duplicates are never paid for.)"""
        ...


@dataclass(frozen=True)
class Workshop:
    """What an operator works with."""

    entry_points: tuple[EntryPoint, ...]
    programs: Mapping[str, Program]
    """The brief's parents and inspirations by id."""
    scores: Mapping[str, float]
    """Their scores, where known."""
    known: Known


class Operator(Protocol):
    """Turns a brief into proposals: a generator that yields a batch and is sent the verdicts of that batch.

    It must be deterministic in (brief, workshop, rng) up to `known`: after a crash it is run again from the
    start and sent the stored verdicts of the attempts already made; the stored program, not the one yielded
    again, is what those verdicts belong to (`Entry.proposal.program`).
    """

    name: str

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Proposal], Sequence[Entry], None]: ...
