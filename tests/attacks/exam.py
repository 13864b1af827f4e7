"""A problem that is cheap to judge; its answers are numbers that the referee checks."""

from __future__ import annotations

from heuresis.evaluators.checks import finite_float
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Objective, Problem
from heuresis.program import Limits

BEST = "def guess(x):\n    return 3 * x + 1\n"


class Guess(Problem):
    """Guess a secret straight line; about half of the instances are negative. Blocks of two instances."""

    statement = "guess(x) returns a number close to a secret straight line at x."
    entry_points = ("guess(x: float) -> float",)
    seeds = {"best": BEST}
    objectives = (Objective("error", "min"),)
    tier_sizes = {Tier.TRAIN: 2, Tier.VALID: 8, Tier.TEST: 8, Tier.SHIFT: 2}
    block_size = 2
    limits = Limits(wall_seconds=5.0, cpu_seconds=2.0, memory_bytes=256 << 20, output_bytes=100_000)

    def generate(self, tier, index, rng):
        return float(rng.uniform(0.1, 1)) * (-1) ** index

    def run(self, program, instance, exam):
        value = finite_float(program.guess(instance), "guess")
        return Result({"error": abs(value - (3 * instance + 1))}, feedback=f"guessed {value:g}")


class Echo(Guess):
    """Whatever the program answers is its metric; every tier has the same instances."""

    def generate(self, tier, index, rng):
        return float(index)

    def run(self, program, instance, exam):
        return Result({"error": finite_float(program.guess(instance), "guess")})
