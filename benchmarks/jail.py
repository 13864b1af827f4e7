"""How fast the jail is: `python benchmarks/jail.py`. Medians. As root it measures a plain user too."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from heuresis.errors import Unavailable  # noqa: E402
from heuresis.program import Limits, Program  # noqa: E402
from heuresis.sandbox.backends import SHIPPED  # noqa: E402
from heuresis.sandbox.protocol import Call  # noqa: E402
from heuresis.sandbox.worker import JailWorker, open_worker  # noqa: E402

ECHO = Program.of("def f(x): return x\ndef g(x): return None\ndef h(n):\n import numpy\n return numpy.ones(n)")
TORCH = Program.of("def f(x):\n import torch\n return float((torch.ones(200, 200) @ torch.ones(200, 200)).sum())")
ARRAY = np.ones(16 << 20)


def median_ms(action: Callable[[], object], times: int = 40) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def first_answer(worker: JailWorker, program: Program = ECHO) -> float:
    """Milliseconds from `start` to the first answer; closing is not counted."""
    seconds = []
    for _ in range(40):
        start = time.perf_counter()
        with worker.start(program, ("f",), Limits(), 0) as session:
            session.call([Call("f", (1.0,))])
            seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def calls(worker: JailWorker) -> dict[str, float]:
    """Round trip of a scalar in microseconds, arrays in GB/s into and out of the jail."""
    with worker.start(ECHO, ("f",), Limits(wall_seconds=600, cpu_seconds=600), 0) as session:
        rounds = median_ms(lambda: [session.call([Call("f", (1.5,))]) for _ in range(500)], 40)
        batch = median_ms(lambda: session.call([Call("f", (1.5,))] * 100), 100)
        into = median_ms(lambda: session.call([Call("g", (ARRAY,))]), 15)
        out = median_ms(lambda: session.call([Call("h", (ARRAY.size,))]), 15)
    size = ARRAY.nbytes / 1e6
    return {
        "scalar call, us": rounds * 2,
        "scalar call in a frame of 100, us": batch * 10,
        "array into the jail, GB/s": size / into,
        "array made there and sent back, GB/s": size / out,
    }


def throughput(workers: int) -> float:
    """Programs per second, each started, called once and killed."""

    def play(_: int) -> None:
        with open_worker() as worker:
            for _ in range(100):
                with worker.start(ECHO, ("f",), Limits(), 0) as session:
                    session.call([Call("f", (1.0,))])

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(play, range(workers)))
    return 100 * workers / (time.perf_counter() - start)


def cold(module: str) -> float:
    return median_ms(lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True), 10)


def others() -> dict[str, dict[str, float | str]]:
    """A column for every kind of jail that holds here, beside the one that `auto` takes."""
    columns: dict[str, dict[str, float | str]] = {}
    for name in SHIPPED:
        try:
            with open_worker(isolation=name, allow_none=name == "none") as worker:
                first: dict[str, float | str] = {"first answer, numpy, ms": first_answer(worker)}
                columns[name] = {"isolation": worker.isolation, **first, **calls(worker)}
        except Unavailable as error:
            print(f"{name}: {error}", file=sys.stderr)
    return columns


def measure() -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    with open_worker() as worker:
        figures["isolation"] = worker.isolation
        figures["first answer, numpy, ms"] = first = first_answer(worker)
        figures["cold interpreter, import numpy, ms"] = start = cold("numpy")
        figures["cold / first answer"] = start / first
        figures |= calls(worker)
    if importlib.util.find_spec("torch"):
        with open_worker(runtime=("numpy", "torch")) as worker:
            figures["first answer, torch imported, ms"] = first_answer(worker)
            figures["first answer with a torch product, ms"] = first_answer(worker, TORCH)
            figures["cold interpreter, import torch, ms"] = cold("torch")
    figures["programs/s, 1 worker"] = throughput(1)
    figures["programs/s, 2 workers"] = throughput(2)
    return figures


def main() -> None:
    if "--json" in sys.argv:
        print(json.dumps({"auto": measure(), **others()}))
        return
    from rich.console import Console
    from rich.table import Table

    user = "root" if os.getuid() == 0 else "user"
    columns = {f"{user} {name}": figures for name, figures in {"auto": measure(), **others()}.items()}
    if os.getuid() == 0:
        from tests.sandbox.unprivileged import unprivileged

        done = unprivileged([sys.executable, __file__, "--json"], str(ROOT))
        seen = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
        columns |= {f"user {name}": figures for name, figures in seen.items()}
    table = Table("", *columns, title=f"jail, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in next(iter(columns.values())):
        cells = [column.get(name, "-") for column in columns.values()]
        table.add_row(name, *(cell if isinstance(cell, str) else f"{cell:.3g}" for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
