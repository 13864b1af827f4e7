"""`simplify` without a model: leaves out what a program does not need, as long as its score holds."""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.attempts import with_text
from heuresis.agent.operators.edits import shorter_parts
from heuresis.agent.protocols import Workshop
from heuresis.agent.settings import check
from heuresis.agent.syntax import replace, roots, size
from heuresis.agent.syntax_constants import constants, with_constants
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program


@dataclass(frozen=True)
class Simplify:
    """Greedy: of each batch the shortest program whose score holds is where the next batch starts.

    As in `tune`, a program that was judged before costs nothing, so what the campaign knows is not asked for.
    """

    evaluations: int = 60
    """Programs proposed at most, unless the brief's tag `evaluations` says otherwise."""
    batch: int = 8
    tolerance: float = 0.1
    """A score holds if it is at most this many of its standard errors below the first parent's."""
    name: str = "simplify"

    def __post_init__(self) -> None:
        check(self, "evaluations", 1, 100_000)
        check(self, "batch", 1, 1000)
        check(self, "tolerance", 0.0, 10.0)

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Proposal], Sequence[Entry], None]:
        current = workshop.programs[brief.parents[0]]
        left = int(brief.tags.get("evaluations", self.evaluations))
        aim, seen = workshop.scores.get(current.id, np.inf), {current.id}  # none: it failed since, nothing holds
        shorter = _shorter(current, workshop.entry_points)
        while left > 0:
            programs = _unseen(shorter, seen, min(self.batch, left))
            if not programs:
                return
            left -= len(programs)
            entries = yield [Proposal(one, self.name, brief.parents, "something left out") for one in programs]
            held = [one for one, entry in zip(programs, entries, strict=True) if self._holds(entry, aim)]
            if held:
                current = min(held, key=lambda one: (size(one.text), len(one.text)))
                shorter = _shorter(current, workshop.entry_points)

    def _holds(self, entry: Entry, aim: float) -> bool:
        score = entry.trusted_score
        return score is not None and score.value >= aim - self.tolerance * score.standard_error


def _shorter(program: Program, entry_points: Sequence[EntryPoint]) -> Iterator[Program]:
    return (with_text(program, text) for text in shorter_texts(program.text, entry_points))


def _unseen(programs: Iterator[Program], seen: set[str], count: int) -> list[Program]:
    """The next ones that were not met before; `seen` grows by them."""
    found: list[Program] = []
    while len(found) < count and (program := next(programs, None)) is not None:
        if program.id not in seen:
            seen.add(program.id)
            found.append(program)
    return found


def shorter_texts(text: str, entry_points: Sequence[EntryPoint]) -> list[str]:
    """The text with one operation replaced by one of its operands, or one number by a shorter one; shortest first."""
    found = roots(text, entry_points)
    texts = [replace(text, site, ast.unparse(part)) for site, part in shorter_parts(found)]
    numbers = constants(found)
    values = [number.value for number in numbers]
    for index, value in enumerate(values):
        for rounded in (float(f"{value:.1g}"), float(f"{value:.2g}")):
            if rounded != value:
                texts.append(with_constants(text, numbers, [*values[:index], rounded, *values[index + 1 :]]))
    return sorted(texts, key=lambda one: (size(one), len(one)))
