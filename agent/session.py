"""One brief at work: its operator's generator, fed with stored verdicts first and fresh ones after."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from heuresis.archive.records import Brief, Entry, Proposal


@dataclass
class Attempt:
    """A proposal with its place; `entry` once it has its verdict."""

    number: int
    proposal: Proposal
    entry: Entry | None = None


@dataclass
class Session:
    """Runs an operator batch by batch. A batch is complete when each of its proposals has a verdict."""

    brief: Brief
    generator: Generator[Sequence[Proposal], Sequence[Entry], None]
    stored: Mapping[int, Proposal]
    """Attempts committed by an earlier run of the driver; they stand for what the operator yields again."""
    verdicts: Mapping[int, Entry]
    waiting: deque[Attempt] = field(default_factory=deque)
    """Of the current batch: not handed out yet."""
    batch: list[Attempt] = field(default_factory=list)
    ended: bool = False
    _next_number: int = 0

    def advance(self) -> None:
        """Go on until the current batch needs a verdict we do not have, or the operator has ended."""
        while not self.ended and all(attempt.entry is not None for attempt in self.batch):
            self._next_batch([attempt.entry for attempt in self.batch if attempt.entry is not None])

    def _next_batch(self, entries: Sequence[Entry]) -> None:
        try:
            proposals = next(self.generator) if self._next_number == 0 else self.generator.send(entries)
        except StopIteration:
            self.ended, self.batch = True, []
            return
        self.batch = []
        for proposal in proposals:
            number, self._next_number = self._next_number, self._next_number + 1
            attempt = Attempt(number, self.stored.get(number, proposal), self.verdicts.get(number))
            self.batch.append(attempt)
            if attempt.entry is None:
                self.waiting.append(attempt)
        if not proposals:
            self.generator.close()
            self.ended = True
