"""Whether a claim on held-out instances keeps its promise: `python benchmarks/looks.py`.

k programs, all exactly as good as the seed, are looked at on the same n instances. How often does any of the k 95 %
intervals of the paired difference leave 0 out, with and without the correction for k looks? Asked for at most 5 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from heuresis.evaluators.intervals import student_quantile

ROUNDS = 4000
Draw = Callable[[np.random.Generator, int, int], NDArray[np.float64]]
"""(rng, looks, instances) -> paired differences [round, look, instance] whose true mean is 0."""


def paired(noise: Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]) -> Draw:
    """Programs and seed with the same noise; the differences share the seed's."""
    return lambda rng, k, n: noise(rng, (ROUNDS, k, n)) - noise(rng, (ROUNDS, 1, n))


SHAPES: dict[str, Draw] = {
    "normal": paired(lambda rng, shape: rng.normal(size=shape)),
    "skewed (lognormal, sigma 1)": paired(lambda rng, shape: rng.lognormal(0.0, 1.0, size=shape)),
    "wins a little, loses much (1 in 10)": lambda rng, k, n: (
        np.where(rng.random((ROUNDS, k, n)) < 0.1, -9.0, 1.0) + 0.1 * rng.normal(size=(ROUNDS, k, n))
    ),
}


def wrong(draw: Draw, looks: int, count: int, comparisons: int, rng: np.random.Generator) -> float:
    """The share of ledgers in which an interval leaves 0 out."""
    reach = student_quantile(1 - 0.05 / (2 * comparisons), count - 1)
    rows = draw(rng, looks, count)
    errors = rows.std(axis=2, ddof=1) / np.sqrt(count)
    return float((np.abs(rows.mean(axis=2)) > reach * errors).any(axis=1).mean())


def main() -> None:
    rng = np.random.default_rng(0)
    print("| noise | instances | looks | uncorrected % | corrected % |\n|---|---|---|---|---|")
    for name, draw in SHAPES.items():
        for count in (5, 10, 40):
            for looks in (1, 3, 10):
                alone, corrected = (100 * wrong(draw, looks, count, among, rng) for among in (1, looks))
                print(f"| {name} | {count} | {looks} | {alone:.1f} | {corrected:.1f} |")


if __name__ == "__main__":
    main()
