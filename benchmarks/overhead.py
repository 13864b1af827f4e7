"""What Heuresis itself costs per candidate: driver CPU as the archive grows, wall time with real jails, resume.

    python benchmarks/overhead.py [--programs 20000] [--real 200]

The archive is filled by the real loop, method, operators and store; only the referee is replaced while filling, by a
function that makes up a score, so that 20,000 programs take minutes and not an hour. Wall times are of real referees.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.catalog import load_operator
from heuresis.agent.loop import Loop
from heuresis.archive.store import Store
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.evaluators.pool import Pool

PROBLEM = f"{Path(__file__).parents[1] / 'tests' / 'fixtures' / 'tiny.py'}:Tiny"
STEPS = (100, 1_000, 3_000, 10_000, 20_000)


class MadeUp:
    """Stands for the referees while the archive is filled: a score from the program's hash, at once."""

    def submit(self, job: jobs.Job) -> Future[Evaluation]:
        rng = random.Random(repr(sorted(job.files.items())))
        rows = [(Tier.TRAIN, n) for n in range(2)] + [(Tier.VALID, n) for n in range(4)]
        results = tuple(InstanceResult(tier, n, Result({"error": rng.random()})) for tier, n in rows)
        score = Score(-sum(row.result.metrics["error"] for row in results[2:]) / 4, 0.1, 4)
        future: Future[Evaluation] = Future()
        future.set_result(Evaluation(Status.SCORED, score, results=results, stage="full", isolation="made up"))
        return future


def loop_of(store: Store, evaluations: int, pool: object, workers: int = 2) -> Loop:
    campaign = Campaign(PROBLEM, name="overhead", budget=Budget(evaluations=evaluations))
    record = campaign.open(store)
    return Loop(campaign, record, store, pool, workers, lambda progress: None, threading.Event())  # type: ignore[arg-type]


def grow(store: Store, target: int) -> tuple[int, float]:
    """Fill the archive up to `target` evaluations; programs added and driver CPU seconds."""
    before, cpu = _evaluated(store), time.process_time()
    loop_of(store, target, MadeUp()).run()
    return _evaluated(store) - before, time.process_time() - cpu


def real(store: Store, more: int) -> tuple[float, float]:
    """Wall and driver CPU seconds per candidate with real referees, in milliseconds."""
    campaign = Campaign(PROBLEM, name="overhead")
    record = campaign.open(store)
    with Pool(campaign.setup(record), 2) as pool:
        loop_of(store, _evaluated(store) + 10, pool).run()  # both referees are warm
        wall, cpu = time.perf_counter(), time.process_time()
        loop_of(store, _evaluated(store) + more, pool).run()
        return 1e3 * (time.perf_counter() - wall) / more, 1e3 * (time.process_time() - cpu) / more


def resume(store_url: str) -> float:
    """Seconds until a driver that starts on this archive has its first brief."""
    start = time.perf_counter()
    with Store.open(store_url) as store:
        loop = loop_of(store, 10**9, MadeUp())
        for brief in store.open_briefs("overhead"):
            loop._resume(brief)
        loop._check_seeds()
        loop._ask()
        return time.perf_counter() - start


def _evaluated(store: Store) -> int:
    return store.totals("overhead").evaluated if store.campaign("overhead") else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--real", type=int, default=200)
    options = parser.parse_args()
    load_operator("tune")  # its library takes a second to import, once: no cost per candidate
    table = Table("programs", "driver CPU ms (filling)", "wall ms (real)", "driver CPU ms (real)", "resume s")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/overhead.db"
        for target in [step for step in STEPS if step <= options.programs]:
            with Store.open(url) as store:
                added, cpu = grow(store, target)
                wall, real_cpu = real(store, options.real)
            table.add_row(
                f"{target:,}", f"{1e3 * cpu / added:.2f}", f"{wall:.1f}", f"{real_cpu:.2f}", f"{resume(url):.3f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()
