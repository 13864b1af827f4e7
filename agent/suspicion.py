"""A score that jumps much further than the whole search has come so far is looked at before it is built on.

An exploit of the referee and a leap of genius look alike from inside; a person tells them apart. Until then the program
is in quarantine: ranked nowhere, parent of nothing.

The rule. `best` is the score of the best program in no quarantine, `start` where the search began: the worst of the
seeds' scores, or, where the seeds do not differ, the median of the first ten scored programs (the median, because a
random change may be arbitrarily bad). A program is suspicious when its score lies above `best` by more than `jump`
times (best - start). Where the search has come no way yet, or not ten programs are there, nothing is suspicious.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heuresis.agent.campaign import BEST
from heuresis.agent.fixed import SEED
from heuresis.archive.records import Proposal
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Evaluation
from heuresis.evaluators.problem import Problem

BEGINNING = 10
"""Scored programs that are the beginning of a search whose seeds do not differ."""


@dataclass(frozen=True)
class Standing:
    """How far a search has come."""

    best: float
    start: float

    @property
    def progress(self) -> float:
        return max(0.0, self.best - self.start)


def start_of(seeds: Sequence[float], first: Sequence[float]) -> float | None:
    """Where a search began, from its seeds' scores and those of its first programs; None as long as nobody can say."""
    if len(set(seeds)) > 1:
        return min(seeds)
    if len(first) < BEGINNING or len(set(first)) == 1:
        return None
    return statistics.median(first[:BEGINNING])


def reason_to_doubt(score: float, standing: Standing, jump: float, program: str) -> str | None:
    """Why the score is suspicious, in words; None when it is not."""
    gain, progress = score - standing.best, standing.progress
    if progress <= 0 or gain <= jump * progress:
        return None
    return (
        f"jumped {gain / progress:.3g} times further than everything before; "
        f"look at it: heuresis audit {program[:8]}; then heuresis quarantine release {program[:8]}"
    )


class Watch:
    """Puts suspicious verdicts of one campaign into quarantine, before they are committed."""

    def __init__(self, store: Store, campaign: str, problem: Problem) -> None:
        self._store = store
        self._campaign = campaign
        self._problem = problem
        self._best: float | None = None
        self._seeds: tuple[float, ...] = ()
        self._first: tuple[float, ...] = ()

    def seen(self, proposal: Proposal, evaluation: Evaluation, *, reused: bool) -> Evaluation:
        """The verdict as it is to be kept. Verdicts come in the order in which they are committed.

        One that is reused keeps what was decided when it was made; seeds are what others are measured by.
        """
        score, program = evaluation.score, proposal.program
        if reused or score is None or program is None or evaluation.quarantine is not None:
            return evaluation
        if proposal.operator != SEED and self._above(score.value):
            reason = self._reason(score.value, program.id)
            if reason is not None:
                return replace(evaluation, quarantine=reason)
        self._best = score.value if self._best is None else max(self._best, score.value)
        return evaluation

    def _above(self, score: float) -> bool:
        return self._best is None or score > self._best

    def _reason(self, score: float, program: str) -> str | None:
        """Asked only of a new best one, so that the store is seldom read."""
        jump = self._problem.suspicious_jump
        if jump is None:
            return None
        start = self._start()
        members = self._store.members(self._campaign, BEST.name).values()  # a person may have released one meanwhile
        known = [one.score for one in members] + ([] if self._best is None else [self._best])
        if known:
            self._best = max(known)
        if start is None or self._best is None:
            return None
        reason = reason_to_doubt(score, Standing(self._best, start), jump, program)
        return None if reason is None or self._store.released(program) else reason

    def _start(self) -> float | None:
        """Read anew until the beginning is complete; it does not change from then on."""
        if not self._seeds:
            entries = [self._store.verdict_of(self._campaign, n, 0) for n in range(len(self._problem.seeds))]
            sound = [one.evaluation for one in entries if one is not None and one.evaluation.quarantine is None]
            if None in entries:
                return None  # the seeds are not judged yet
            self._seeds = tuple(one.score.value for one in sound if one.score is not None)
        if len(set(self._seeds)) < 2 and len(self._first) < BEGINNING:
            so_far = (one.evaluation for one in self._store.entries(self._campaign))
            scored = (one.score.value for one in so_far if one.score is not None and one.quarantine is None)
            self._first = tuple(itertools.islice(scored, BEGINNING))
        return start_of(self._seeds, self._first)
