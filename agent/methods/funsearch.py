"""`funsearch`: clusters of programs of equal behaviour on islands; a prompt shows a few versions and asks for the next.

    every island starts with all seeds
    repeat: island <- at random
            k clusters of it <- at random, the better the likelier; of each a program, the shorter the likelier
            4 programs <- versions(those programs), each into the island
            every 2000 programs: the weaker half of the islands starts anew, each with the best of a stronger island

Romera-Paredes et al., Nature 625 (2024), https://doi.org/10.1038/s41586-023-06924-6, Methods, "Programs database".
Unlike there, clusters of one prompt are different ones, the scores are scaled before the softmax (`scale`), an island
is bounded (`capacity`), and time is counted in programs asked for. No races: a cluster is told by what its programs do
on every instance, and weak ones are drawn too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from heuresis.agent.methods.genetic import on_island, weaker_half
from heuresis.agent.protocols import Step, Turn, View
from heuresis.agent.settings import check
from heuresis.archive.populations import Islands, Population
from heuresis.archive.records import Brief, Member
from heuresis.errors import ConfigError


@dataclass(frozen=True)
class FunSearch:
    islands: int = 10
    capacity: int = 100
    """Programs per island; the worst give way. Ours: the published islands keep everything."""
    twins: int = 5
    """Programs of equal behaviour in an island, of which a prompt shows one."""
    versions: int = 2
    """Programs in a prompt, k in the paper."""
    samples: int = 4
    """Programs asked for with one prompt."""
    temperature: float = 0.1
    """Of the softmax over the clusters' scores when an island is new."""
    period: int = 30_000
    """Programs of an island in which the temperature falls to nothing, and starts again."""
    scale: str = "iqr"
    """What scores are divided by: iqr (the spread of the middle half of the island's clusters), or raw (nothing, as
    published)."""
    reset_every: int = 2000
    """Programs after which the weaker half of the islands starts anew; published are four hours."""
    needs_model: ClassVar[bool] = True
    uses_model: ClassVar[bool] = True
    name: str = "funsearch"

    def __post_init__(self) -> None:
        check(self, "islands", 1, 1000)
        check(self, "capacity", 1, 10_000)
        check(self, "twins", 1, 10_000)
        check(self, "versions", 1, 20)
        check(self, "samples", 1, 100)
        check(self, "temperature", 1e-6, 1e6)
        check(self, "period", 1, 1_000_000_000)
        check(self, "reset_every", 1, 1_000_000_000)
        if self.scale not in ("iqr", "raw"):
            raise ConfigError("funsearch.scale", "iqr or raw", self.scale)

    def populations(self) -> tuple[Population, ...]:
        return (Islands(self.islands, self.capacity, self.twins),)

    def next(self, view: View, marks: Mapping[str, object], rng: np.random.Generator) -> Step:
        if not view.seeds:
            return Step(Turn.WAIT if view.in_flight else Turn.DONE, marks)
        state = _State.of(marks, self.islands)
        if state.founded < self.islands:
            state.founded += 1
            return Step(Brief("copy", tuple(view.seeds), tags={"island": state.founded - 1}), vars(state))
        everyone = [on_island(view.members("islands"), island) for island in range(self.islands)]
        if state.total // self.reset_every > state.resets:
            state.resets, state.weak = state.total // self.reset_every, weaker_half(everyone)
        brief = self._reset(everyone, state, rng) or self._continue(view, everyone, state, rng)
        return Step(brief, vars(state))

    def _reset(self, everyone: Sequence[Sequence[Member]], state: _State, rng: np.random.Generator) -> Brief | None:
        """A weak island's new beginning: the best program of a random surviving island, of equals the oldest."""
        surviving = [members for island, members in enumerate(everyone) if island not in state.weak and members]
        if not state.weak or not surviving:
            return None
        island, *state.weak = state.weak
        state.asked[island] = 0
        drawn = surviving[int(rng.integers(len(surviving)))]
        founder = max(drawn, key=lambda member: (member.score, -member.sequence))
        return Brief("copy", (founder.program,), tags={"island": island, "reset": True})

    def _continue(
        self, view: View, everyone: Sequence[Sequence[Member]], state: _State, rng: np.random.Generator
    ) -> Brief:
        island = int(rng.integers(self.islands))
        shown = self.draw(everyone[island], state.asked[island], rng) or self._any(view.seeds, rng)
        state.asked[island] += self.samples
        state.total += self.samples
        return Brief("versions", tuple(shown), tags={"island": island, "samples": self.samples})

    def draw(self, members: Sequence[Member], age: int, rng: np.random.Generator) -> list[str]:
        """Programs of distinct clusters for a prompt. `age`: programs asked for since the island began."""
        clusters = list(clustered(members).values())
        scores = np.array([float(np.mean([one.score for one in cluster])) for cluster in clusters])
        heat = self.temperature * (1 - (age % self.period) / self.period)
        chosen = successive(self._scaled(scores) / heat, self.versions, rng)
        return [_shorter(clusters[index], rng).program for index in chosen]

    def _scaled(self, scores: np.ndarray) -> np.ndarray:
        """Where the middle half are equal, the whole spread stands for that of the middle."""
        if self.scale == "raw" or len(scores) < 2:
            return scores
        low, high = np.quantile(scores, (0.25, 0.75))
        spread = float(high - low) or float(np.ptp(scores)) or 1.0
        return scores / spread

    def _any(self, seeds: Sequence[str], rng: np.random.Generator) -> list[str]:
        """For an island whose founders have not arrived."""
        return [seeds[index] for index in rng.permutation(len(seeds))[: self.versions]]


@dataclass
class _State:
    """The method's marks."""

    founded: int = 0
    """Islands that were given the seeds."""
    asked: list[int] = field(default_factory=list)
    """Per island: programs asked for since it began."""
    total: int = 0
    """Programs asked for."""
    resets: int = 0
    """Times that the weaker half was to start anew."""
    weak: list[int] = field(default_factory=list)
    """Islands that are to start anew."""

    @classmethod
    def of(cls, marks: Mapping[str, Any], islands: int) -> _State:
        asked = list(marks.get("asked", [0] * islands))
        numbers = {key: int(marks.get(key, 0)) for key in ("founded", "total", "resets")}
        return cls(asked=asked, weak=list(marks.get("weak", [])), **numbers)


def clustered(members: Sequence[Member]) -> dict[str, list[Member]]:
    """By behaviour, in the order of the members; one whose behaviour is not known is a cluster of its own."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(member.signature or member.program, []).append(member)
    return found


def successive(logits: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Indices drawn one after another without putting back, each with probability softmax(logits of those left) [N].

    By the Gumbel-max trick (Kool, van Hoof & Welling, ICML 2019, https://arxiv.org/abs/1903.06059, section 2), which
    no temperature makes underflow.
    """
    keys = logits + rng.gumbel(size=len(logits))
    return [int(index) for index in np.argsort(-keys, kind="stable")[:count]]


def _shorter(cluster: Sequence[Member], rng: np.random.Generator) -> Member:
    """Softmax of the negative length, which is measured from the shortest in units of the longest, temperature 1."""
    sizes = np.array([member.size for member in cluster], dtype=float)
    return cluster[successive(-(sizes - sizes.min()) / (sizes.max() + 1e-6), 1, rng)[0]]
