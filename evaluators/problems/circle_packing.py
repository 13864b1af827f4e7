"""Circle packing: n circles in the unit square, the sum of their radii as large as can be.

Source of the task: Novikov et al., "AlphaEvolve: a coding agent for scientific and algorithmic discovery" (2025),
https://arxiv.org/abs/2506.13131, appendix B.12. Whether a layout is feasible is decided in exact arithmetic with zero
tolerance (see `heuresis.evaluators.problems.circle_packing_exact`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from heuresis.errors import ConfigError
from heuresis.evaluators.checks import finite_array
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Exam, Invalid, Objective, Problem, Reference
from heuresis.evaluators.problems import circle_packing_drawing as drawing
from heuresis.evaluators.problems import circle_packing_exact as exact
from heuresis.evaluators.problems.circle_packing_seeds import SEEDS
from heuresis.evaluators.problems.circle_packing_sentinels import SENTINELS
from heuresis.evaluators.transformations import Expected, Transformation
from heuresis.program import Limits

ROUNDING = 1e-6
"""The worst violation that still counts as rounding, in side lengths of the square."""
BEST_KNOWN = {26: 2.6359830849, 32: 2.93957}
"""Number of circles -> the largest sum published (32: CodeEvolve)."""
_SURPRISE = 1e-3
"""A sum this far above the best known is distrusted until a person has looked."""
_TOUCHING = 1e-6
"""A circle this near to a side of the square touches it (a measure only)."""
_MOST_CIRCLES = 200
_SHIFTS = (-6, -3, 3, 6)
_ONE_LAYOUT = "it knows layouts of one number of circles only (which is what this task asks for)"


class CirclePacking(Problem):
    """Circles without overlap in the unit square: how large can the sum of their radii be?"""

    name = "circle_packing"
    statement = (
        "pack(n) returns n circles inside the unit square [0, 1] x [0, 1] as an array of shape (n, 3) whose rows are "
        "(x, y, r), the centre and the radius. Circles must not overlap, nor leave the square. Make the sum of the "
        "radii as large as possible. Feasibility is checked in exact arithmetic with zero tolerance. A layout whose "
        f"worst violation is at most {ROUNDING:g} is shrunk to a feasible one, and the sum of that counts; a larger "
        "violation is invalid. There is one task: n is the same (26 unless set) in training, selection and test, so "
        "the layout itself is what is looked for. You have 20 CPU seconds; using fewer earns nothing. numpy and scipy "
        "may be imported. Seed random numbers yourself, so that the layout can be found again."
    )
    entry_points = ("pack(n: int) -> float[n,3]",)
    seeds = SEEDS
    sentinels = SENTINELS
    objectives = (Objective("sum_of_radii", "max"),)
    references = (
        Reference("AlphaEvolve", 2.63586, "arXiv 2506.13131", False, "n=26"),
        Reference("OpenEvolve", 2.634292, "OpenEvolve, examples/circle_packing", False, "n=26"),
        Reference("ShinkaEvolve", 2.63598, "arXiv 2509.19349 (with a tolerance)", False, "n=26"),
        Reference("best known", 2.6359830849, "several", False, "n=26"),
        Reference("AlphaEvolve", 2.9379, "arXiv 2506.13131", False, "n=32"),
        Reference("CodeEvolve", 2.93957, "CodeEvolve", False, "n=32"),
    )
    runtime = ("numpy", "scipy")
    parameters: ClassVar[Mapping[str, Any]] = {"n": 26}
    tier_sizes: ClassVar[Mapping[Tier, int]] = {Tier.TRAIN: 1, Tier.VALID: 1, Tier.TEST: 1, Tier.SHIFT: len(_SHIFTS)}
    one_task = True
    promotions = ()
    block_size = 1  # so that every layout has the 20 seconds to itself
    limits = Limits(wall_seconds=60.0, cpu_seconds=20.0)
    cost_seconds = 3.0
    transformations = (
        Transformation("one circle fewer", lambda n, rng: max(1, n - 1), Expected.GRACEFUL, _ONE_LAYOUT),
        Transformation("one circle more", lambda n, rng: n + 1, Expected.GRACEFUL, _ONE_LAYOUT),
        Transformation("half the circles", lambda n, rng: max(1, n // 2), Expected.GRACEFUL, _ONE_LAYOUT),
    )

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        if not 1 <= self.set["n"] <= _MOST_CIRCLES:
            raise ConfigError("--set n", f"a whole number from 1 to {_MOST_CIRCLES}", self.set["n"])

    def generate(self, tier: Tier, index: int, rng: np.random.Generator) -> int:
        """The number of circles: n, and in the shift tier some fewer or more."""
        n: int = self.set["n"]
        return n if tier is not Tier.SHIFT else max(1, n + _SHIFTS[index % len(_SHIFTS)])

    def run(self, program: Any, instance: int, exam: Exam) -> Result:
        claimed = finite_array(program.pack(instance), (instance, 3), "pack")
        worst = exact.worst_violation(claimed)
        if worst.amount > ROUNDING:
            raise Invalid(f"{worst.text}; only up to {ROUNDING:g} counts as rounding")
        layout = claimed if worst.amount == 0 else exact.shrunk(claimed)
        exam.save("layout.json", as_json(layout))
        exam.save("layout.svg", drawing.draw(layout).encode())
        sums = {"sum_of_radii": math.fsum(layout[:, 2]), "claimed_sum_of_radii": math.fsum(claimed[:, 2])}
        metrics = {**sums, "worst_violation": worst.amount, "plausible_sum": plausible_sum(instance)}
        return Result(metrics, _measures(layout), _told(sums, worst))

    def quarantine(self, metrics: Mapping[str, float]) -> str | None:
        """Above what is plausible; over several instances, above the mean of that."""
        found, limit = metrics["sum_of_radii"], metrics["plausible_sum"]
        if found > limit:
            return f"the sum of radii, {found:.6f}, is above what is plausible, {limit:.6f}: look at the layout"
        return None

    def is_about(self, reference: Reference) -> bool:
        """The task is its number of circles."""
        return reference.instances == f"n={self.set['n']}"

    def instance_name(self, instance: int) -> str:
        return f"n={instance}"


def area_bound(n: int) -> float:
    """No n circles have a larger sum: sum pi r^2 <= 1, and (sum r)^2 <= n sum r^2 (Cauchy-Schwarz)."""
    return math.sqrt(n / math.pi)


def plausible_sum(n: int) -> float:
    """What a layout of n circles may reach before it is distrusted."""
    known = BEST_KNOWN.get(n)
    return area_bound(n) if known is None else known + _SURPRISE


def as_json(layout: NDArray[np.float64]) -> bytes:
    """The layout as JSON; each number, read back, is the very same float."""
    rows = ",\n  ".join(json.dumps(row) for row in layout.tolist())
    return f'{{"n": {len(layout)}, "circles": [\n  {rows}\n]}}\n'.encode()


def _measures(layout: NDArray[np.float64]) -> dict[str, float]:
    """How unequal the radii are (standard deviation over mean), and which share of the circles touches the border."""
    x, y, r = layout.T
    mean = float(r.mean())
    room = np.minimum.reduce([x, 1.0 - x, y, 1.0 - y]) - r
    spread = float(r.std()) / mean if mean > 0 else 0.0
    return {"radius_spread": spread, "border_share": float((room <= _TOUCHING).mean())}


def _told(sums: Mapping[str, float], worst: exact.Violation) -> str:
    text = f"sum of radii {sums['sum_of_radii']:.10f}"
    if not worst.text:
        return f"{text}, feasible as returned"
    return f"{text} after shrinking; {sums['claimed_sum_of_radii']:.10f} as returned, where {worst.text}"
