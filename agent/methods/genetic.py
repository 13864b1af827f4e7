"""`genetic`: genetic programming on islands, without a model.

    an island in turn:
        it is among the weaker half, and the time has come -> it starts anew, from a seed or a stronger island
        its elite holds a form that was never tuned, and tuning has its share left -> tune; likewise simplify
        parent <- tournament, donor <- tournament (now and then of another island)
        child <- cross(parent, donor) or mutate(parent); on a full island it races against the worst member

Koza, Genetic Programming (1992). Islands that start anew as in FunSearch (Romera-Paredes et al., Nature 625, 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heuresis.agent.methods.traits import traits
from heuresis.agent.protocols import Step, Turn, View
from heuresis.agent.settings import check
from heuresis.archive.populations import Islands, Population
from heuresis.archive.records import Brief, Member

_REMEMBERED = 200
"""Forms kept in the marks; the oldest may be tuned or simplified again."""


@dataclass(frozen=True)
class Genetic:
    islands: int = 4
    capacity: int = 100
    """Programs per island."""
    founders: int = 10
    """Children of the seeds that each island starts with."""
    tournament: int = 3
    """Programs drawn, the best of which is the parent."""
    crossover: float = 0.35
    """Chance that a child has two parents."""
    migration: float = 0.1
    """Chance that the donor comes from another island."""
    tune_share: float = 0.3
    """Of the evaluations, at most, spent on `tune`."""
    tune_evaluations: int = 100
    """Of one `tune`, at most."""
    simplify_share: float = 0.05
    """Of the evaluations, at most, spent on `simplify`."""
    simplify_evaluations: int = 40
    """Of one `simplify`, at most."""
    elite: int = 2
    """Best programs of an island that are candidates for `tune` and `simplify`."""
    reset_every: int = 2500
    """Briefs after which the weaker half of the islands starts anew."""
    fresh: float = 0.5
    """Chance that such an island starts anew from a seed, not from a child of a stronger island."""
    costly: float = 0.02
    """Chance that a program that mixes the elements of an array, when drawn, takes part in a tournament: such programs
    take much longer to judge (see `syntax.mixes`)."""
    name: str = "genetic"

    def __post_init__(self) -> None:
        check(self, "islands", 1, 1000)
        check(self, "capacity", 2, 10_000)
        check(self, "founders", 1, 10_000)
        check(self, "tournament", 1, 100)
        for key in ("crossover", "migration", "fresh"):
            check(self, key, 0.0, 1.0)
        for key in ("tune_share", "simplify_share"):
            check(self, key, 0.0, 0.95)
        for key in ("tune_evaluations", "simplify_evaluations"):
            check(self, key, 2, 100_000)
        check(self, "elite", 1, 10_000)
        check(self, "reset_every", 1, 1_000_000_000)
        check(self, "costly", 0.001, 1.0)

    def populations(self) -> tuple[Population, ...]:
        return (Islands(self.islands, self.capacity),)

    def next(self, view: View, marks: Mapping[str, object], rng: np.random.Generator) -> Step:
        if not view.seeds:
            return Step(Turn.WAIT if view.in_flight else Turn.DONE, marks)
        state = _State.of(marks)
        everyone = [on_island(view.members("islands"), island) for island in range(self.islands)]
        if view.next_number % self.reset_every == self.reset_every - 1:
            state.weak = weaker_half(everyone)
        brief = self._reset(view, everyone, state, rng) or self._work(view, everyone, state, rng)
        return Step(brief, vars(state))

    def _work(self, view: View, everyone: Sequence[Sequence[Member]], state: _State, rng: np.random.Generator) -> Brief:
        island = view.next_number % self.islands
        residents, tags = everyone[island], {"island": island}
        if not residents or view.next_number < self.founders * self.islands:
            return Brief("mutate", (self._draw(view, view.seeds, rng),), tags=tags)
        polish = self._polish(view, residents, state)
        if polish is not None:  # no race: both learn from scores, however low
            return replace(polish, tags={**polish.tags, **tags})
        bar = min(residents, key=rank).program if len(residents) >= self.capacity else ""
        parent = self._select(view, residents, rng)
        if rng.random() >= self.crossover:
            return Brief("mutate", (parent.program,), tags=tags, bar=bar)
        abroad = everyone[int(rng.integers(self.islands))] if rng.random() < self.migration else []
        donor = self._select(view, abroad or residents, rng)
        return Brief("cross", (parent.program,), (donor.program,), tags=tags, bar=bar)

    def _polish(self, view: View, residents: Sequence[Member], state: _State) -> Brief | None:
        """`tune` or `simplify` for the best of the elite that has not had it, while it has evaluations left."""
        quick = [member for member in residents if not traits(view, member.program).costly]
        elite = sorted(quick or residents, key=rank, reverse=True)[: self.elite]
        for operator, share, evaluations in (
            ("tune", self.tune_share, self.tune_evaluations),
            ("simplify", self.simplify_share, self.simplify_evaluations),
        ):
            spent = state.spent.get(operator, 0) + evaluations
            total = view.next_number + sum(state.spent.values()) + evaluations
            done = state.done.get(operator, [])
            form = next((m for m in elite if traits(view, m.program).form not in done), None)
            if form is not None and spent <= share * total:
                state.spent[operator] = spent
                state.done[operator] = [*done, traits(view, form.program).form][-_REMEMBERED:]
                return Brief(operator, (form.program,), tags={"evaluations": evaluations})
        return None

    def _reset(
        self, view: View, everyone: Sequence[Sequence[Member]], state: _State, rng: np.random.Generator
    ) -> Brief | None:
        """A weak island's new beginning."""
        strong = [m for island, members in enumerate(everyone) if island not in state.weak for m in members]
        if not state.weak or not strong:
            return None
        island, *state.weak = state.weak
        fresh = rng.random() < self.fresh
        founder = self._draw(view, view.seeds, rng) if fresh else self._select(view, strong, rng).program
        return Brief("mutate", (founder,), tags={"island": island, "reset": True})

    def _select(self, view: View, members: Sequence[Member], rng: np.random.Generator) -> Member:
        """Tournament among forms, each with its best program: else the copies of a tuned form crowd out the rest."""
        best: dict[str, Member] = {}
        for member in sorted(members, key=rank):
            best[traits(view, member.program).form] = member
        by_id = {member.program: member for member in best.values()}
        return max((by_id[self._draw(view, list(by_id), rng)] for _ in range(self.tournament)), key=rank)

    def _draw(self, view: View, programs: Sequence[str], rng: np.random.Generator) -> str:
        """One program; a costly one is put back with probability 1 - `costly`."""
        while True:
            drawn = programs[int(rng.integers(len(programs)))]
            if rng.random() < self.costly or not traits(view, drawn).costly:
                return drawn


@dataclass
class _State:
    """The method's marks."""

    done: dict[str, list[str]] = field(default_factory=dict)
    """Forms that were tuned, and those that were simplified."""
    spent: dict[str, int] = field(default_factory=dict)
    """Evaluations granted to each."""
    weak: list[int] = field(default_factory=list)
    """Islands that are to start anew."""

    @classmethod
    def of(cls, marks: Mapping[str, Any]) -> _State:
        done = {operator: list(forms) for operator, forms in marks.get("done", {}).items()}
        return cls(done, dict(marks.get("spent", {})), list(marks.get("weak", [])))


def on_island(members: Mapping[str, Member], island: int) -> list[Member]:
    """Members by niche `island/slot`, in the order of their commits."""
    own = [member for niche, member in members.items() if niche.startswith(f"{island}/")]
    return sorted(own, key=lambda member: member.sequence)


def weaker_half(everyone: Sequence[Sequence[Member]]) -> list[int]:
    """The islands whose best scores are in the lower half (rounded down); empty islands are the weakest."""
    best = [max((member.score for member in members), default=-np.inf) for members in everyone]
    return sorted(range(len(best)), key=best.__getitem__)[: len(best) // 2]


def rank(member: Member) -> tuple[float, int, int]:
    """Higher is better, as in `heuresis.archive.populations`."""
    return member.score, -member.size, -member.sequence
