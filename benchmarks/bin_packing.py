"""Bin packing: our three paths beside a plain Python loop, same rules, same instances, same bins; jail included.

    python benchmarks/bin_packing.py [--instances 20] [--repeats 3]

The baseline is what the field runs: one process, no jail, numpy.argmax over all bins for every item.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.problems import packing_paths
from heuresis.evaluators.problems.online_bin_packing import BEST_FIT, FIRST_FIT, HARMONIC, OnlineBinPacking
from heuresis.evaluators.referee import Referee
from heuresis.program import Program
from heuresis.sandbox.worker import open_worker

NEIGHBOURS = '''import numpy as np


def priority(item, bins):
    """General: looks at the neighbouring bins, as FunSearch's published rules do."""
    score = (bins - item) ** 2 / item + 1.0 / (bins - item + 1.0)
    score[1:] -= score[:-1]
    return score
'''
MEAN = '''import numpy as np


def priority(item, bins):
    """General: looks at all bins in sight."""
    return -np.abs(bins - item) + 0.1 * (bins - bins.mean())
'''
RULES = (
    ("best fit (histogram)", BEST_FIT),
    ("harmonic (bins: ties)", HARMONIC),
    ("first fit (bins: ties)", FIRST_FIT),
    ("neighbours (calls)", NEIGHBOURS),
    ("mean (calls)", MEAN),
)


def plain_loop(text: str, instances: list[packing_paths.PackingInstance]) -> list[int]:
    """Our own rules only, so they may run here."""
    names: dict[str, Callable[[float, np.ndarray], np.ndarray]] = {}
    exec(text, names)
    priority, counts = names["priority"], []
    for instance in instances:
        rooms = np.full(len(instance.items), float(instance.capacity))
        for item in instance.items.tolist():
            fits = np.flatnonzero(rooms >= item)
            rooms[fits[np.argmax(priority(float(item), rooms[fits]))]] -= item
        counts.append(int((rooms < instance.capacity).sum()))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    problem, secret = OnlineBinPacking(), b"benchmark"
    started = time.perf_counter()
    packing_paths.warm_up()
    print(f"kernels compiled or loaded from cache in {time.perf_counter() - started:.2f} s (not counted below)")
    table = Table(
        "rule", "plain loop s", "ours s", "ratio", "bins equal", title=f"{options.instances} instances of 5,000 items"
    )
    with open_worker(("numpy",)) as worker:
        referee = Referee(problem, worker, secret)
        instances = [referee._instance(Tier.VALID, index) for index in range(options.instances)]
        for name, text in RULES:
            table.add_row(name, *measure(referee, text, instances, options.repeats))
    Console().print(table)


def measure(
    referee: Referee, text: str, instances: list[packing_paths.PackingInstance], repeats: int
) -> tuple[str, str, str, str]:
    """Medians of the two in turn, and of their ratio pair by pair."""
    theirs, ours, same = [], [], True
    for _ in range(repeats):
        start = time.perf_counter()
        expected = plain_loop(text, instances)
        middle = time.perf_counter()
        verdict = referee.examine(Program.of(text), Tier.VALID, range(len(instances)))
        theirs.append(middle - start)
        ours.append(time.perf_counter() - middle)
        same = same and expected == [int(row.result.metrics["bins"]) for row in verdict.results]
    ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
    return (
        f"{statistics.median(theirs):.3f}",
        f"{statistics.median(ours):.4f}",
        f"{ratio:.1f} x",
        "yes" if same else "NO",
    )


if __name__ == "__main__":
    main()
