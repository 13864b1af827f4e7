"""Online bin packing: items arrive one by one, a priority function picks the bin.

Source of the task and of the Weibull instances: Romera-Paredes et al., "Mathematical discoveries from program search
with large language models", Nature 625 (2024), https://doi.org/10.1038/s41586-023-06924-6; the distribution is that of
Castineiras, De Cauwer & O'Sullivan, "Weibull-based benchmarks for bin packing", CP 2012.

The referee asks for `priority` in the cheapest exact way (see `heuresis.evaluators.problems.packing_paths`): most rules
are elementwise in `bins`, and then one table of at most C + 1 calls says everything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Exam, Objective, Problem, Reference
from heuresis.evaluators.problems import packing_paths as paths
from heuresis.evaluators.problems.packing_paths import PackingInstance
from heuresis.evaluators.problems.packing_sentinels import SENTINELS
from heuresis.evaluators.problems.packing_variations import TRANSFORMATIONS
from heuresis.evaluators.statistics import mean_metrics

_FUNSEARCH = "FunSearch, Nature 2024"
_EOH = "EoH, ICML 2024"
_TOLD_KEYS = 6

# The seeds carry no docstrings: their children would inherit them, and they would no longer be true.

# First fit: all bins are equal, the lowest index wins.
FIRST_FIT = """import numpy as np


def priority(item, bins):
    return np.zeros(len(bins))
"""

# Best fit: the bin with the least room left.
BEST_FIT = """import numpy as np


def priority(item, bins):
    return item - bins
"""

# Harmonic (Lee & Lee 1985): a bin is for one size class; its room should be a multiple of the item.
HARMONIC = """import numpy as np


def priority(item, bins):
    return -np.mod(bins, item)
"""

# Sum of squares (Csirik et al. 2006), over the bins in sight: keep the counts of bins per free room even.
SUM_OF_SQUARES = """import numpy as np


def priority(item, bins):
    room = bins.astype(int)
    left = room - int(item)
    count = np.bincount(room)
    count[-1] = 0  # empty bins do not count
    grows = np.where(left > 0, 2 * count[left] + 1, 0)
    shrinks = np.where(room < len(count) - 1, 1 - 2 * count[room], 0)
    return -(grows + shrinks)
"""


class OnlineBinPacking(Problem):
    """Which open bin takes the item that has just arrived?"""

    name = "online_bin_packing"
    statement = (
        "Items arrive one by one and each must be placed at once, for good, into a bin of fixed capacity. "
        "priority(item, bins) is called for each item: `item` is its size, `bins` holds the remaining capacities of "
        "the open bins it fits into, in the order they were opened, and after them empty bins. Return one number per "
        "bin; the item goes into the bin with the highest, the lowest index among equals. Use as few bins as possible."
    )
    entry_points = ("priority(item: float, bins: float[n]) -> float[n]",)
    seeds = {"first fit": FIRST_FIT, "best fit": BEST_FIT, "harmonic": HARMONIC, "sum of squares": SUM_OF_SQUARES}
    sentinels = SENTINELS
    objectives = (Objective("excess_percent", "min", "%"),)
    references = (
        Reference("first fit", 4.23, "classic", True, "Weibull 5k"),
        Reference("best fit", 3.98, "classic", True, "Weibull 5k"),
        Reference("FunSearch", 0.68, _FUNSEARCH, False, "Weibull 5k"),
        Reference("EoH", 0.68, _EOH, False, "Weibull 5k"),
        Reference("first fit", 5.74, "classic", True, "OR3"),
        Reference("best fit", 5.37, "classic", True, "OR3"),
        Reference("FunSearch", 3.11, _FUNSEARCH, False, "OR3"),
    )
    runtime = ("numpy",)
    parameters: ClassVar[Mapping[str, Any]] = {"items": 5000, "capacity": 100, "empty_bins": 2}
    cost_seconds = 3.0
    race_size = 20  # a general rule shares its frames among the instances of a block: each more costs it 11 %
    transformations = TRANSFORMATIONS

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        for key, least in (("items", 1), ("capacity", 1), ("empty_bins", 0)):
            if self.set[key] < least:
                raise ConfigError(f"--set {key}", f"at least {least}", self.set[key])

    def generate(self, tier: Tier, index: int, rng: np.random.Generator) -> PackingInstance:
        """Weibull items; the shift tier varies length, capacity and family, in turn."""
        items, capacity = self.set["items"], self.set["capacity"]
        if tier is not Tier.SHIFT:
            return weibull_instance(rng, items, capacity)
        return _SHIFTS[index % len(_SHIFTS)](rng)

    def prepare(self, program: Any, instances: Sequence[PackingInstance], exam: Exam) -> paths.Tables:
        """Per capacity, the table of answers where the rule proves elementwise."""
        return paths.find_tables(program.priority, instances, self.set["empty_bins"], exam.rng)

    def run(self, program: Any, instance: PackingInstance, exam: Exam) -> Result:
        packing = paths.pack(program.priority, instance, self.set["empty_bins"], exam.shared)
        bound = instance.lower_bound
        return Result(
            {"excess_percent": 100.0 * (packing.bins - bound) / bound, "bins": packing.bins, "lower_bound": bound},
            {"exact_fit_share": packing.exact_fits / len(instance.items), "mean_gap": packing.mean_gap},
            f"{packing.bins} bins for {len(instance.items)} items, lower bound {bound}",
        )

    def summarize(self, results: Sequence[Result]) -> Mapping[str, float]:
        """Excess as a ratio of means, as published: a mean of ratios gives 3.10 where 3.11 is right."""
        means = mean_metrics(results)
        bound = means["lower_bound"]
        return {**means, "excess_percent": 100.0 * (means["bins"] - bound) / bound}

    def bound(self, instance: PackingInstance) -> Mapping[str, float]:
        """The items fill no fewer bins than their sum does."""
        bound = instance.lower_bound
        return {"excess_percent": 0.0, "bins": bound, "lower_bound": bound}

    def quarantine(self, metrics: Mapping[str, float]) -> str | None:
        if metrics["bins"] < metrics["lower_bound"]:
            return "fewer bins than the lower bound: the referee itself must be wrong"
        return None

    def load_instances(self, source: str) -> list[PackingInstance]:
        """JSON: {"instances": [{"name": str, "capacity": int, "items": [int, ...]}, ...]}."""
        return read_instances(source)


def weibull_instance(rng: np.random.Generator, items: int, capacity: int) -> PackingInstance:
    """round(clip(45 * Weibull(3), 1, 100)) for capacity 100; other capacities scale all three numbers."""
    scale = capacity / 100.0
    sizes = np.clip(45.0 * scale * rng.weibull(3.0, items), 1.0, capacity)
    return PackingInstance(np.round(sizes).astype(np.int64), capacity)


def uniform_instance(rng: np.random.Generator, items: int, low: int, high: int, capacity: int) -> PackingInstance:
    """Integers drawn evenly from low..high, both included (the OR-library family)."""
    return PackingInstance(rng.integers(low, high + 1, items), capacity)


def _weibull_items_in(rng: np.random.Generator, items: int, capacity: int) -> PackingInstance:
    """The items of capacity 100 in larger bins: what a rule fitted to capacity 100 stumbles over."""
    return PackingInstance(weibull_instance(rng, items, 100).items, capacity)


_SHIFTS = (
    lambda rng: weibull_instance(rng, 1_000, 100),
    lambda rng: weibull_instance(rng, 10_000, 100),
    lambda rng: _weibull_items_in(rng, 5_000, 150),
    lambda rng: _weibull_items_in(rng, 5_000, 500),
    lambda rng: uniform_instance(rng, 5_000, 20, 100, 150),
)


def read_instances(source: str) -> list[PackingInstance]:
    """Instances from a JSON file. Raises ConfigError naming the file and the instance that is wrong."""
    key = "--set instances"
    try:
        data = json.loads(Path(source).read_text())
    except OSError as error:
        raise ConfigError(key, "a readable JSON file", source, f"{error.strerror or error}.") from error
    except ValueError as error:
        raise ConfigError(key, "a JSON file", source, f"{error}.") from error
    rows = data.get("instances") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ConfigError(key, '{"instances": [{"capacity": 100, "items": [...]}, ...]}', source)
    return [_read_instance(row, f"{key} {source}, instances[{number}]") for number, row in enumerate(rows)]


def _read_instance(row: Any, where: str) -> PackingInstance:
    if not isinstance(row, dict) or not {"capacity", "items"} <= row.keys():
        raise ConfigError(where, "an object with 'capacity' and 'items'", _told(row))
    capacity, items = row["capacity"], row["items"]
    if not _is_whole(capacity) or not 1 <= capacity <= 100_000:
        raise ConfigError(f"{where}.capacity", "a whole number from 1 to 100,000", capacity)
    if not isinstance(items, list) or not items:
        raise ConfigError(f"{where}.items", "a list of at least one item", items)
    for position, item in enumerate(items):
        if not _is_whole(item) or not 1 <= item <= capacity:
            raise ConfigError(f"{where}.items[{position}]", f"a whole number from 1 to {capacity}", item)
    return PackingInstance(np.array(items, dtype=np.int64), capacity, str(row.get("name", "")))


def _told(row: Any) -> str:
    """What came in place of an instance, in a few words."""
    if not isinstance(row, dict):
        return row if isinstance(row, str) else type(row).__name__
    keys = ", ".join(repr(str(key)) for key in list(row)[:_TOLD_KEYS])
    return f"one with {keys}" if row else "an empty one"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and math.isfinite(value)
