"""What a person sees while a campaign runs, and the running figures that end it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import BEST, Campaign
from heuresis.archive.records import REMEASURE, Entry, Member, Totals
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Status


@dataclass(frozen=True)
class Progress:
    """A moment of a running campaign."""

    evaluations: int
    briefs: int
    in_flight: int
    best: float | None
    """In the first objective's own metric."""
    best_program: str
    by_status: Mapping[str, int]
    per_second: float
    """Evaluations, the mean over this run."""
    active_seconds: float
    seconds_left: float | None
    """By whichever limit comes first at this rate; None without a limit."""
    calls: int = 0
    """To the model, settled."""
    calls_in_flight: int = 0
    usd: float = 0.0
    tokens: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    """Calls that gave nothing usable, by kind."""
    seeds: Sequence[str] = ()
    """Names of the problem's seeds that are being judged: the search has not begun."""
    trouble: str = ""
    """Why the model is waited for, in words."""
    forced: bool = False
    """The last one of a run."""


class Tracker:
    """Running totals of a campaign, kept in step with what is committed."""

    def __init__(self, campaign: Campaign, store: Store, name: str) -> None:
        self._campaign = campaign
        self._store = store
        self._name = name
        self._stored = store.totals(name)
        self._started = time.monotonic()
        self._base_seconds = self._stored.active_seconds
        self._saved = 0.0
        self._evaluated_before = self._stored.evaluated
        self._best = self._best_member()
        self._evaluated_at_best = self._stored.evaluated - self._since_best()

    def _best_member(self) -> Member | None:
        members = self._store.members(self._name, BEST.name).values()
        return max(members, key=lambda one: (one.rank, -one.sequence), default=None)

    def _since_best(self) -> int:
        return self._store.evaluated_after(self._name, self._best.sequence) if self._best else 0

    @property
    def active_seconds(self) -> float:
        return self._base_seconds + time.monotonic() - self._started

    @property
    def best(self) -> Member | None:
        """The champion, which is the first by rank."""
        return self._best

    def unsaved_seconds(self) -> float:
        """Running time since the last call: each commit adds it to the stored total."""
        now = time.monotonic() - self._started
        fresh, self._saved = now - self._saved, now
        return fresh

    @property
    def totals(self) -> Totals:
        return replace(self._stored, active_seconds=self.active_seconds)

    def committed(self, entries: list[Entry]) -> None:
        """Take note of what has just been committed."""
        self._stored = self._store.totals(self._name)
        for entry in entries:
            score, program = entry.evaluation.score, entry.proposal.program
            if entry.proposal.operator == REMEASURE:  # a champion may have fallen: the best is an older one then
                self._best = self._best_member()
                self._evaluated_at_best = self._stored.evaluated - self._since_best()
            elif score is None or program is None or entry.rank is None:
                continue
            elif self._best is None or entry.rank > self._best.rank:
                self._best = Member(program.id, score.value, len(program.text), entry.sequence, rank=entry.rank)
                self._evaluated_at_best = self._stored.evaluated

    def over(self, budget: Budget) -> str:
        best = self._best.score if self._best else None
        since = self._stored.evaluated - self._evaluated_at_best
        return budget.spent(self.totals, best, self._campaign.problem.objectives[0].sign, since)

    def called(self) -> None:
        """Take note of a call to the model that has just been settled."""
        self._stored = self._store.totals(self._name)

    def progress(
        self,
        in_flight: int,
        calls_in_flight: int = 0,
        trouble: str = "",
        *,
        seeds: Sequence[str] = (),
        force: bool = False,
    ) -> Progress:
        seconds, evaluated = time.monotonic() - self._started, self._stored.evaluated
        rate = (evaluated - self._evaluated_before) / max(seconds, 1e-9)
        best = self._campaign.problem.describe_value(self._best.score) if self._best else None
        return Progress(
            evaluated,
            self._stored.briefs,
            in_flight,
            best,
            self._best.program if self._best else "",
            self._stored.by_status,
            rate,
            self._base_seconds + seconds,
            self._seconds_left(rate),
            self._stored.calls,
            calls_in_flight,
            self._stored.usd,
            self._stored.tokens,
            self._stored.faults,
            seeds,
            trouble,
            force,
        )

    def _seconds_left(self, rate: float) -> float | None:
        budget, left = self._campaign.budget, []
        if budget.minutes is not None:
            left.append(60 * budget.minutes - self.active_seconds)
        if budget.evaluations is not None and rate > 0:
            left.append((budget.evaluations - self._stored.evaluated) / rate)
        return max(0.0, min(left)) if left else None


def failures(by_status: Mapping[str, int]) -> dict[str, int]:
    """Failed entries by kind, most frequent first. One that lost a race has not failed."""
    fine = (Status.SCORED, Status.STOPPED)
    rows = [(kind, count) for kind, count in by_status.items() if kind not in fine and count]
    return dict(sorted(rows, key=lambda row: -row[1]))
