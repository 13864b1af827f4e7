"""The two seams of the search: a `Method` decides what to do next, an `Operator` does it."""

from __future__ import annotations

import enum
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from heuresis.archive.calls import Ask, Reply
from heuresis.archive.populations import Population
from heuresis.archive.records import Brief, Entry, Lesson, Member, Note, Proposal
from heuresis.evaluators.nouns import Status
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program
from heuresis.prompts.render import render


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
    def has_model(self) -> bool:
        """Whether operators may ask a language model."""
        ...

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
class Shown:
    """A program as a prompt may show it. All of its words are data, never instructions."""

    program: Program
    status: Status
    value: float | None
    """In the first objective's own metric; None unless SCORED and trusted."""
    idea: str
    reason: str
    """Why it has no score."""
    feedback: str
    """From the train tier and the program's own output; empty in quarantine, like the reason."""


class Render(Protocol):
    def __call__(self, name: str, /, **values: object) -> str:
        """The text of a template with these values; an unknown, missing or unused name is an error."""
        ...


@dataclass(frozen=True)
class Task:
    """The problem, as prompts tell it."""

    text: str
    """Statement, signatures, limits, how it is judged: Markdown, without the seed programs."""
    metric: str
    """Of the first objective."""
    unit: str
    lower_is_better: bool


@dataclass(frozen=True)
class Workshop:
    """What an operator works with."""

    entry_points: tuple[EntryPoint, ...]
    programs: Mapping[str, Program]
    """The brief's parents and inspirations by id."""
    scores: Mapping[str, float]
    """Their scores, where known."""
    known: Known
    task: Task | None = None
    """None without a language model: then no operator may yield an `Ask`."""
    shown: Mapping[str, Shown] = field(default_factory=dict)
    """The brief's parents and inspirations by id, with a language model."""
    notes: Mapping[int, str] = field(default_factory=dict)
    """The texts of the brief's notes, by number."""
    render: Render = render


Work = Proposal | Ask | Lesson
"""What an operator yields, in batches."""
Outcome = Entry | Reply | Note
"""What comes back for each, in the same order: an entry for a proposal, a reply for an ask, a note for a lesson."""


class Operator(Protocol):
    """Turns a brief into proposals: a generator that yields a batch of work and is sent the outcomes of that batch.

    It must be deterministic in (brief, workshop, rng) up to `known`: after a crash it is run again from the start and
    sent the stored outcomes of the work already done; the stored program, not the one yielded again, is what a stored
    verdict belongs to (`Entry.proposal.program`). A brief ends with its generator, or with an empty batch.
    """

    name: str

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Work], Sequence[Outcome], None]: ...
