"""The best of many looks better than it is. What takes the luck out of it, simulated where the truth is known.

300 candidates, all equally good (their true value is 0), each played on instances whose noise has standard deviation
1. Selection is the real one: population, lower bounds, promotions, which program is measured when. Only the plays are
drawn from a generator instead of coming out of a jail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from heuresis.agent import measuring
from heuresis.archive.populations import Best, apply
from heuresis.archive.records import REMEASURE, Entry, Member, Proposal
from heuresis.evaluators.nouns import Evaluation, Score, Status, Tier
from heuresis.evaluators.problem import Problem
from heuresis.program import Program

CANDIDATES, BASE, HELD_OUT, REPETITIONS = 300, Problem.tier_sizes[Tier.VALID], Problem.tier_sizes[Tier.TEST], 60


class Equal(Problem):
    """Only its sizes matter here: 20 valid instances, promotions at 60 and 140."""


@dataclass
class Search:
    """A campaign that proposes equal candidates, one a brief."""

    rng: np.random.Generator
    promotes: bool
    measures: bool
    members: dict[str, Member] = field(default_factory=dict)
    plays: dict[str, list[float]] = field(default_factory=dict)
    entries: int = 0
    first_means: list[float] = field(default_factory=list)
    spent_again: int = 0

    def run(self) -> Search:
        problem, number = Equal(), 0
        while len(self.first_means) < CANDIDATES:
            found = self.members.values()
            due = measuring.elite(number, self.entries, problem, found, ()) if self.measures else None
            if due is None:
                self._propose(Program.of(f"candidate {number}"), problem)
            else:
                fresh = measuring.indices(str(measuring.brief_for(problem, due, "").tags[measuring.PLAYS]))
                self.spent_again += len(fresh)
                self._play(due.program, len(fresh))
                self._commit(Program.of(f"candidate {int(self._text(due))}"), REMEASURE)
            number += 1
        return self

    def _propose(self, program: Program, problem: Problem) -> None:
        bar = self.champion.score if self.members else math.inf
        self.plays[program.id] = []
        self.names[program.id] = program.text.split()[1]
        self.first_means.append(self._play(program.id, BASE))
        for count in problem.promotion_steps if self.promotes else ():
            if np.mean(self.plays[program.id]) <= bar:
                break
            self._play(program.id, count - len(self.plays[program.id]))
        self._commit(program, "mutate")

    names: dict[str, str] = field(default_factory=dict)

    def _text(self, member: Member) -> str:
        return self.names[member.program]

    def _play(self, program: str, count: int) -> float:
        self.plays[program] += list(self.rng.normal(size=count))
        return float(np.mean(self.plays[program]))

    def _commit(self, program: Program, operator: str) -> None:
        seen = np.array(self.plays[program.id])
        score = Score(float(seen.mean()), float(seen.std(ddof=1) / math.sqrt(len(seen))), len(seen))
        self.entries += 1
        entry = Entry(self.entries, "c", 0, 0, Proposal(program, operator), Evaluation(Status.SCORED, score))
        apply(self.members, Best(20).place(self.members, entry)[1])

    @property
    def champion(self) -> Member:
        return max(self.members.values(), key=lambda one: (one.rank, -one.sequence))


def bias(*, promotes: bool, measures: bool) -> tuple[float, float, float]:
    """Mean over repetitions: the selected program's own mean, the plain maximum over first scores, the mean on held-out
    instances. The truth is 0, so each is a bias."""
    own, plain, held_out = [], [], []
    for repetition in range(REPETITIONS):
        done = Search(np.random.default_rng([repetition, promotes, measures]), promotes, measures).run()
        own.append(done.champion.score)
        plain.append(max(done.first_means))
        held_out.append(float(np.mean(np.random.default_rng([repetition, 99]).normal(size=HELD_OUT))))
    return float(np.mean(own)), float(np.mean(plain)), float(np.mean(held_out))


@pytest.fixture(scope="module")
def whole() -> tuple[float, float, float]:
    return bias(promotes=True, measures=True)


def test_the_plain_maximum_is_as_lucky_as_order_statistics_say(whole):
    """E[max of 300 standard normal values] = 2.85 (Harter 1961, by numerical integration), in units of 1/sqrt(20)."""
    assert whole[1] == pytest.approx(2.85 / math.sqrt(BASE), abs=0.05)


def test_the_held_out_value_of_the_selected_program_is_unbiased_and_the_maximum_is_not(whole):
    own_error = 1 / math.sqrt(HELD_OUT)
    _, plain, held_out = whole
    assert abs(held_out) < own_error / 2
    assert plain > 2 / math.sqrt(BASE)


def test_promotions_and_running_values_take_most_of_the_luck_out(whole):
    own, plain, _ = whole
    assert abs(own) < plain / 2


def test_measuring_again_helps_on_its_own_and_beside_promotions(whole):
    alone = bias(promotes=False, measures=True)
    promoted = bias(promotes=True, measures=False)
    neither = bias(promotes=False, measures=False)
    assert alone[0] < 0.8 * neither[0]
    assert whole[0] < promoted[0]


def test_measuring_again_takes_less_than_a_tenth_of_the_plays():
    done = Search(np.random.default_rng(1), True, True).run()
    assert 0 < done.spent_again < 0.1 * sum(map(len, done.plays.values()))
