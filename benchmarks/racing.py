"""What racing saves and what it costs: everybody plays all, beside racing with promotions, on recorded candidates.

    python benchmarks/racing.py [--evaluations 120] [--workers 2] [--seed 0]

A real `genetic` campaign without racing proposes programs; each of them is then played on train and on all 140 valid
instances. On this table three ways of choosing the best are walked through, in the order of the campaign:

    all       everybody plays train and 140 valid instances
    default   everybody plays train and the base set of 20; what stands above the best one known is promoted
    racing    the same, and whoever is clearly behind is stopped, as `heuresis.evaluators.racing` decides

against the best program so far (`random`, `sequential`), or the worst of the 25 best (an island of `genetic`).
Regret: how much worse the chosen program is than the one that `all` chooses, on 200 instances nobody has seen.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.run import run_campaign
from heuresis.archive.store import Store
from heuresis.evaluators import jobs
from heuresis.evaluators.intervals import lower_bound
from heuresis.evaluators.nouns import InstanceResult, Status, Tier
from heuresis.evaluators.partition import stages
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.racing import Bar, Race, is_above, statistic_of
from heuresis.evaluators.statistics import paired_difference
from heuresis.program import Program

_HERE = Path(__file__).parent / "noisy.py"
PROBLEMS = (("online_bin_packing", {"items": "1000"}), (f"{_HERE}:Bandit", {}), (f"{_HERE}:Stock", {}))
_UNSEEN = 200
_ISLAND = 25


@dataclass(frozen=True)
class Candidate:
    """A recorded program with everything it could be made to play."""

    program: Program
    rows: tuple[InstanceResult, ...]
    """Train, then 140 of valid."""


@dataclass
class Walk:
    """One way of choosing, candidate by candidate."""

    problem: Problem
    island: int = 0
    """The race is against the worst of so many best; 0: no race."""
    promoted: bool = True
    instances: int = 0
    stopped: int = 0
    kept: list[tuple[float, Candidate]] = field(default_factory=list)
    """Lower bounds of the scores as measured, best first."""

    @property
    def winner(self) -> Program:
        return self.kept[0][1].program

    def take(self, one: Candidate) -> None:
        train, base = self.problem.tier_size(Tier.TRAIN), self.problem.tier_size(Tier.VALID)
        steps = [base, *self.problem.promotion_steps] if self.promoted else [self.problem.promotion_steps[-1]]
        if self.promoted and (count := self._stopped(one)):
            self.instances, self.stopped = self.instances + count, self.stopped + 1
            return
        best = Bar.of("best", self.kept[0][1].rows) if self.kept else Bar("nobody", ())
        for step in steps:
            played = one.rows[train : train + step]
            if not is_above(self.problem, played, best):
                break
        score = lower_bound(self.problem.aggregate([row.result for row in played]))
        self.instances += train + len(played)
        known = Candidate(one.program, one.rows[: train + len(played)])
        self.kept = sorted([*self.kept, (score, known)], key=lambda pair: -pair[0])[: max(self.island, 1)]

    def _stopped(self, one: Candidate) -> int:
        """After how many instances; 0: not."""
        if not self.island or len(self.kept) < self.island:
            return 0
        bar = self.kept[-1][1]
        race = Race(self.problem, Bar.of(bar.program.id, bar.rows), lambda index: index)
        count = 0
        for _, _, indices in stages(self.problem):
            count += len(indices)
            if race.evidence(one.rows[:count]):
                return count
        return 0


def measured(campaign: Campaign, workers: int) -> Table:
    """Runs the campaign, plays its scored programs on everything, and walks through them."""
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        outcome = run_campaign(campaign, store, workers, lambda progress: None, threading.Event())
        entries = [one for one in store.entries(outcome.record.name) if one.evaluation.status is Status.SCORED]
    proposed = [one.proposal.program for one in entries]
    programs = list({one.id: one for one in proposed if one is not None}.values())
    with Pool(campaign.setup(outcome.record), workers) as pool:
        candidates = played(pool, programs, {Tier.TRAIN: 5, Tier.VALID: 140})
        ways = walks(campaign.problem, candidates)
        winners = {walk.winner.id: walk.winner for walk in ways.values()}
        unseen = {one.program.id: one for one in played(pool, list(winners.values()), {Tier.TEST: _UNSEEN})}
    return table(campaign.problem, len(candidates), ways, unseen)


def played(pool: Pool, programs: Sequence[Program], counts: Mapping[Tier, int]) -> list[Candidate]:
    """Each program on so many instances of these tiers; one that fails on any is left out."""
    asked = [
        [pool.submit(jobs.Job(dict(one.files), tier, tuple(range(count)))) for tier, count in counts.items()]
        for one in programs
    ]
    done = [[future.result() for future in futures] for futures in asked]
    return [
        Candidate(one, tuple(row for part in parts for row in part.results))
        for one, parts in zip(programs, done, strict=True)
        if all(part.status is Status.SCORED for part in parts)
    ]


def walks(problem: Problem, candidates: Sequence[Candidate]) -> dict[str, Walk]:
    ways = {
        "all": Walk(problem, promoted=False),
        "default": Walk(problem),
        "racing the best": Walk(problem, 1),
        f"racing the {_ISLAND}th": Walk(problem, _ISLAND),
    }
    for walk in ways.values():
        for one in candidates:
            walk.take(one)
    return ways


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    console = Console(width=120)
    for name, settings in PROBLEMS:
        budget = Budget(evaluations=options.evaluations)
        campaign = Campaign(name, settings=settings, seed=options.seed, racing=False, budget=budget)
        console.print(measured(campaign, options.workers))


def table(problem: Problem, count: int, ways: Mapping[str, Walk], unseen: Mapping[str, Candidate]) -> Table:
    base = count * (problem.tier_size(Tier.TRAIN) + problem.tier_size(Tier.VALID))
    reference = unseen[ways["all"].winner.id]
    shown = Table(title=f"{problem.name}: {count} candidates")
    for head in ("way", "instances", "of all", "of 25 each", "stopped", "winner", "regret"):
        shown.add_column(head)
    for name, walk in ways.items():
        winner = unseen[walk.winner.id]
        found = paired_difference(reference.rows, winner.rows, statistic_of(problem))
        row = (f"{walk.instances:,}", f"{walk.instances / ways['all'].instances:.0%}", f"{walk.instances / base:.0%}")
        stopped = f"{walk.stopped / count:.0%}"
        shown.add_row(name, *row, stopped, winner.program.id[:8], f"{found.value:+.4g} ± {found.standard_error:.2g}")
    return shown


if __name__ == "__main__":
    main()
