"""What random programs are made of: arguments, numbers, arithmetic, comparison, choice, a few elementary functions.

The same for every problem whose arguments are numbers and arrays; nothing here knows a problem. Expressions are
built by kind (`syntax_kinds`), so that most of them run: an expression of rank r has at least one operand of rank
r, and the others broadcast. Roots and logarithms take absolute values, so that no NaN is made from a sign alone.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heuresis.agent.syntax_constants import number
from heuresis.agent.syntax_kinds import Kind

ARITHMETIC = ("({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / {1})")
EXTREMES = ("np.maximum({0}, {1})", "np.minimum({0}, {1})")
BINARY = ARITHMETIC + EXTREMES
UNARY = (
    "(-{0})",
    "np.abs({0})",
    "np.square({0})",
    "np.sqrt(np.abs({0}))",
    "np.log1p(np.abs({0}))",
    "np.exp(-np.abs({0}))",
)
COMPARISONS = ("({0} < {1})", "({0} <= {1})", "({0} > {1})", "({0} >= {1})")
CONNECTIVES = ("np.logical_and({0}, {1})", "np.logical_or({0}, {1})")
CHOICE = "np.where({0}, {1}, {2})"
REDUCTIONS = ("np.max({0})", "np.min({0})", "np.mean({0})", "np.sum({0})", "np.std({0})")


@dataclass(frozen=True)
class Vocabulary:
    """Rates of what is drawn."""

    reductions: float = 0.0002
    """Chance that a scalar operand is a statistic of an array. Low: such a rule is no longer elementwise in its
    arguments, which referees evaluate much more slowly."""
    numbers: float = 0.4
    """Chance that a scalar leaf is a number and not an argument."""
    small_integers: float = 0.4
    """Chance that a number is an integer from 0 to 10; otherwise its magnitude is log-uniform."""
    smallest: float = 0.01
    largest: float = 1000.0
    choices: float = 0.15
    """Chance that an inner node is a choice by a comparison."""
    functions: float = 0.25
    """Chance that an inner node is an elementary function of one operand."""

    def expression(self, kind: Kind, names: Mapping[str, Kind], depth: int, rng: np.random.Generator) -> str:
        """A random expression of this kind (or one that broadcasts to it), at most `depth` levels above its leaves."""
        if kind.boolean:
            return self._condition(kind.rank, names, depth, rng)
        if depth <= 0 or rng.random() < 0.15:
            return self.leaf(kind.rank, names, rng)
        draw = rng.random()
        if draw < self.choices:
            condition = self._condition(kind.rank, names, depth - 1, rng)
            return CHOICE.format(condition, *self._operands(kind.rank, names, depth, rng))
        if draw < self.choices + self.functions:
            return pick(UNARY, rng).format(self.expression(kind, names, depth - 1, rng))
        return pick(BINARY, rng).format(*self._operands(kind.rank, names, depth, rng))

    def leaf(self, rank: int, names: Mapping[str, Kind], rng: np.random.Generator) -> str:
        """An argument or local of this rank, or a number if there is none; for scalars also statistics, rarely."""
        fitting = sorted(name for name, kind in names.items() if kind.rank == rank and not kind.boolean)
        arrays = sorted(name for name, kind in names.items() if kind.rank > 0 and not kind.boolean)
        if rank == 0 and arrays and rng.random() < self.reductions:
            return pick(REDUCTIONS, rng).format(pick(arrays, rng))
        if not fitting or (rank == 0 and rng.random() < self.numbers):
            return self.number(rng)
        return pick(fitting, rng)

    def number(self, rng: np.random.Generator) -> str:
        if rng.random() < self.small_integers:
            return str(rng.integers(0, 11))
        magnitude = np.exp(rng.uniform(np.log(self.smallest), np.log(self.largest)))
        return ast.unparse(number(float(f"{magnitude:.2g}")))

    def _operands(self, rank: int, names: Mapping[str, Kind], depth: int, rng: np.random.Generator) -> list[str]:
        """Two: one of the full rank, the other of any rank up to it, in random order."""
        ranks = [rank, int(rng.integers(0, rank + 1))]
        return [self.expression(Kind(r), names, depth - 1, rng) for r in rng.permutation(ranks)]

    def _condition(self, rank: int, names: Mapping[str, Kind], depth: int, rng: np.random.Generator) -> str:
        if depth > 1 and rng.random() < 0.1:
            parts = [self._condition(rank, names, depth - 1, rng) for _ in range(2)]
            return pick(CONNECTIVES, rng).format(*parts)
        return pick(COMPARISONS, rng).format(*self._operands(rank, names, depth, rng))


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
