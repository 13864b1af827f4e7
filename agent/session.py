"""One brief at work: its operator's generator, fed with stored outcomes first and fresh ones after."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from heuresis.agent.protocols import Outcome, Work
from heuresis.archive.calls import Ask, Reply
from heuresis.archive.records import Brief, Entry, Lesson, Note, Proposal


@dataclass
class Attempt:
    """A proposal with its place; `outcome` once it has its verdict."""

    number: int
    proposal: Proposal
    outcome: Entry | None = None


@dataclass
class Question:
    """An ask with its place; `outcome` once it is answered."""

    number: int
    ask: Ask
    outcome: Reply | None = None


@dataclass
class Learned:
    """A lesson with its place; `outcome` once it is kept."""

    number: int
    lesson: Lesson
    outcome: Note | None = None


T = TypeVar("T", Attempt, Question, Learned)


@dataclass(frozen=True)
class Stored:
    """What an earlier run of the driver has committed of a brief, by number."""

    proposals: Mapping[int, Proposal] = field(default_factory=dict)
    """They stand for what the operator yields again."""
    verdicts: Mapping[int, Entry] = field(default_factory=dict)
    replies: Mapping[int, Reply] = field(default_factory=dict)
    notes: Mapping[int, Note] = field(default_factory=dict)
    resumed: bool = False
    """Whether an earlier run had begun the brief."""


@dataclass
class Session:
    """Runs an operator batch by batch. A batch is complete when each piece of its work has its outcome."""

    brief: Brief
    generator: Generator[Sequence[Work], Sequence[Outcome], None]
    stored: Stored = Stored()
    waiting: deque[Attempt] = field(default_factory=deque)
    """Of the current batch: not handed out yet."""
    questions: deque[Question] = field(default_factory=deque)
    """Of the current batch: not given to the desk yet."""
    lessons: deque[Learned] = field(default_factory=deque)
    """Of the current batch: not kept yet."""
    batch: list[Attempt | Question | Learned] = field(default_factory=list)
    ended: bool = False
    _begun: bool = False
    _proposals: int = 0
    _asks: int = 0
    _lessons: int = 0

    @property
    def unanswered(self) -> int:
        """Questions of the current batch without a reply."""
        return sum(isinstance(one, Question) and one.outcome is None for one in self.batch)

    @property
    def asked(self) -> bool:
        """Whether a model was asked anything."""
        return self._asks > 0

    def advance(self) -> None:
        """Go on until the current batch needs an outcome we do not have, or the operator has ended."""
        while not self.ended:
            outcomes = [one.outcome for one in self.batch if one.outcome is not None]
            if len(outcomes) < len(self.batch):
                return
            self._next_batch(outcomes)

    def _next_batch(self, outcomes: Sequence[Outcome]) -> None:
        try:
            works = self.generator.send(outcomes) if self._begun else next(self.generator)
        except StopIteration:
            self.ended, self.batch = True, []
            return
        self._begun = True
        self.batch = [self._place(work) for work in works]
        if not works:
            self.generator.close()
            self.ended = True

    def _place(self, work: Work) -> Attempt | Question | Learned:
        match work:
            case Proposal():
                number, self._proposals = self._proposals, self._proposals + 1
                proposal = self.stored.proposals.get(number, work)
                attempt = Attempt(number, proposal, self.stored.verdicts.get(number))
                return _queued(attempt, self.waiting)
            case Ask():
                number, self._asks = self._asks, self._asks + 1
                return _queued(Question(number, work, self.stored.replies.get(number)), self.questions)
            case Lesson():
                number, self._lessons = self._lessons, self._lessons + 1
                return _queued(Learned(number, work, self.stored.notes.get(number)), self.lessons)


def _queued(one: T, queue: deque[T]) -> T:
    if one.outcome is None:
        queue.append(one)
    return one
