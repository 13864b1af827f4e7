"""The archive as a method sees it: committed, bounded, selection tiers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from heuresis.agent.protocols import Shown
from heuresis.archive.records import Brief, Member
from heuresis.archive.store import Store
from heuresis.program import Program

_PROGRAMS = 2_000


class Memory:
    """What the loop has read from the store since its last commit, so that a brief costs no query twice."""

    def __init__(self, store: Store, campaign: str, sign: float = 1.0) -> None:
        """`sign` turns a score back into the first objective's metric."""
        self._sign = sign
        self._store = store
        self._campaign = campaign
        self._members: dict[str, Mapping[str, Member]] = {}
        self._scores: dict[str, float] = {}
        self.program = lru_cache(_PROGRAMS)(store.program)
        self._shown = lru_cache(_PROGRAMS)(self._show)

    def members(self, population: str) -> Mapping[str, Member]:
        if population not in self._members:
            found = self._store.members(self._campaign, population)
            self._members[population] = found
            self._scores.update((one.program, one.score) for one in found.values())
        return self._members[population]

    def score(self, program_id: str) -> float | None:
        """Of a program in a population that was read, else from the archive."""
        if program_id not in self._scores:
            return self._store.score_of(self._campaign, program_id)
        return self._scores[program_id]

    def score_then(self, program_id: str) -> float | None:
        """As `score`; of a program that was put into quarantine after a brief chose it, what it had then."""
        score = self.score(program_id)
        if score is not None:
            return score
        seen = self._store.entry(self._campaign, program_id).evaluation
        return seen.score.value if seen.score is not None else None

    def shown(self, program_id: str) -> Shown:
        """The program as a prompt may show it: from its best entry in this campaign."""
        return self._shown(program_id, self.score(program_id))

    def _show(self, program_id: str, _score: float | None) -> Shown:
        """Kept until the program has another score."""
        entry = self._store.entry(self._campaign, program_id)
        seen, score, program = entry.evaluation, entry.trusted_score, self.program(program_id)
        if seen.quarantine is not None:  # neither the number nor words that may hold it
            return Shown(program, seen.status, None, entry.proposal.idea, "", "")
        value = None if score is None else self._sign * score.value
        return Shown(program, seen.status, value, entry.proposal.idea, seen.reason, seen.feedback)

    def note(self, number: int) -> str:
        """A note's text."""
        return next(one.text for one in self._store.notes(self._campaign) if one.number == number)

    def forget(self) -> None:
        """Populations may have changed. Programs never do."""
        self._members.clear()
        self._scores.clear()


@dataclass(frozen=True)
class LoopView:
    """`View` over the loop's memory. Nothing here reads results, looks or held-out tiers."""

    next_number: int
    in_flight: Sequence[Brief]
    seeds: Sequence[str]
    """Ids of the seed programs, in the problem's order."""
    memory: Memory
    has_model: bool = False

    def members(self, population: str) -> Mapping[str, Member]:
        return self.memory.members(population)

    def program(self, program_id: str) -> Program:
        return self.memory.program(program_id)
