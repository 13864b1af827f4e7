"""`tune`: CMA-ES over the numeric constants of a program.

Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772; the package `cmaes` does the arithmetic.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from heuresis.agent.operators.attempts import with_text
from heuresis.agent.protocols import Workshop
from heuresis.agent.settings import check
from heuresis.agent.syntax import roots
from heuresis.agent.syntax_constants import Number, constants, with_constants
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.program import Program


@dataclass(frozen=True)
class Tune:
    """One batch per generation. Coordinates are steps relative to each constant's magnitude.

    What the campaign knows is not asked for (`Workshop.known` would answer differently when the brief is run again
    after a crash): a program that was judged before costs nothing, its stored verdict is sent back.
    """

    evaluations: int = 120
    """Programs proposed at most, unless the brief's tag `evaluations` says otherwise."""
    step: float = 0.3
    """Initial standard deviation of a constant, as a share of its magnitude."""
    zero_step: float = 1.0
    """The magnitude that a constant of zero is given."""
    most_constants: int = 12
    """A random choice of this many, where a program has more."""
    patience: int = 6
    """Generations without a better program after which it stops."""
    name: str = "tune"

    def __post_init__(self) -> None:
        check(self, "evaluations", 2, 100_000)
        check(self, "step", 1e-6, 10.0)
        check(self, "zero_step", 1e-9, 1e9)
        check(self, "most_constants", 1, 1000)
        check(self, "patience", 1, 10_000)

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Proposal], Sequence[Entry], None]:
        parent = workshop.programs[brief.parents[0]]
        numbers = _choice(constants(roots(parent.text, workshop.entry_points)), self.most_constants, rng)
        if not numbers:
            yield [Proposal(None, self.name, brief.parents, refusal="the program has no constants to tune")]
            return
        best, since = workshop.scores.get(parent.id, -np.inf), 0
        left = int(brief.tags.get("evaluations", self.evaluations))
        search = _Search(parent, numbers, self.step, self.zero_step, rng)
        search.seen[parent.id] = workshop.scores.get(parent.id)
        while left > 0 and since < self.patience:
            programs = search.ask(left)
            if not programs:
                break
            left -= len(programs)
            entries = yield [Proposal(program, self.name, brief.parents, "constants tuned") for program in programs]
            trusted = [entry.trusted_score for entry in entries]
            scores = [None if score is None else score.value for score in trusted]
            search.tell(programs, scores)
            top = max((score for score in scores if score is not None), default=-np.inf)
            best, since = (top, 0) if top > best else (best, since + 1)


@dataclass
class _Search:
    """CMA-ES asked for programs. It only ever learns ranks: a failure is last, and has no number."""

    parent: Program
    numbers: Sequence[Number]
    step: float
    zero_step: float
    rng: np.random.Generator
    seen: dict[str, float | None] = field(default_factory=dict)
    """Program id -> score of the parent and of this search's programs; None for a failed one."""
    points: list[tuple[NDArray[np.float64], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._origin = np.array([number.value for number in self.numbers])
        self._scale = np.where(self._origin == 0, self.zero_step, np.abs(self._origin))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cmaes advises against one dimension; it works
            self._cma = CMA(np.zeros(len(self.numbers)), self.step, seed=int(self.rng.integers(2**31)))

    def ask(self, most: int) -> list[Program]:
        """The new programs of the next generation; generations that bring none are told and passed over (at most 5)."""
        for _ in range(5):
            self.points = [self._point(self._cma.ask()) for _ in range(self._cma.population_size)]
            fresh: list[Program] = []
            for _, text in self.points:
                program = with_text(self.parent, text)
                if len(fresh) < most and program.id not in self.seen:
                    self.seen[program.id] = None
                    fresh.append(program)
            if fresh:
                return fresh
            self.tell([], [])
        return []

    def tell(self, programs: Sequence[Program], scores: Sequence[float | None]) -> None:
        self.seen.update({program.id: score for program, score in zip(programs, scores, strict=True)})
        found = [self.seen.get(with_text(self.parent, text).id) for _, text in self.points]
        keys = [-np.inf if score is None else score for score in found]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
        ranks = {index: float(rank) for rank, index in enumerate(order)}
        self._cma.tell([(point, ranks[index]) for index, (point, _) in enumerate(self.points)])

    def _point(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
        values = self._origin + self._scale * point
        return point, with_constants(self.parent.text, self.numbers, [float(value) for value in values])


def _choice(numbers: Sequence[Number], most: int, rng: np.random.Generator) -> Sequence[Number]:
    if len(numbers) <= most:
        return numbers
    return [numbers[index] for index in sorted(rng.choice(len(numbers), most, replace=False))]
