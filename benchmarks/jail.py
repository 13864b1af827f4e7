"""How fast the jail is: `python benchmarks/jail.py [--json]`. Medians. As root it measures a plain user too.

Two tables: one row for each user and kind of jail that holds here, and one row for each user with what takes longer:
imports and many programs in a row, in the jail that `auto` takes. A kind that does not hold says why on stderr.
"""

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
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from heuresis.errors import Unavailable  # noqa: E402
from heuresis.program import Limits, Program  # noqa: E402
from heuresis.sandbox.backends import NO_CGROUP, SHIPPED  # noqa: E402
from heuresis.sandbox.protocol import Call  # noqa: E402
from heuresis.sandbox.worker import JailWorker, open_worker  # noqa: E402

ECHO = Program.of("def f(x): return x\ndef g(x): return None\ndef h(n):\n import numpy\n return numpy.ones(n)")
TORCH = Program.of("def f(x):\n import torch\n return float((torch.ones(200, 200) @ torch.ones(200, 200)).sum())")
SMALL, LARGE = np.ones(1 << 17), np.ones(16 << 20)
WIDTH = 100

Figures = dict[str, float | str]
JAIL_COLUMNS = {
    "first, ms": ("first answer, numpy, ms", "<= 10"),
    "cold /, first": ("cold / first answer", ""),
    "call, us": ("scalar call, us", "<= 25"),
    "in 100, us": ("scalar call in a frame of 100, us", ""),
    "1M, in": ("1 MiB in, GB/s", ""),
    "1M, out": ("1 MiB out, GB/s", ""),
    "128M, in": ("128 MiB in, GB/s", ">= 1"),
    "128M, out": ("128 MiB out, GB/s", ">= 1"),
}
"""Header -> the figure's name in the JSON, and the target."""
JAIL_LEGEND = """\
first: from the start of a fresh jailed program, numpy imported, to its first answer. cold: an interpreter that
imports numpy. call: a scalar there and back. in 100: such a call in a frame of 100. in, out: GB/s of an array
handed to the program, or made there and sent back. *: the jail that auto takes."""
USER_COLUMNS = {
    "numpy, cold, ms": ("cold interpreter, import numpy, ms", ""),
    "torch, cold, ms": ("cold interpreter, import torch, ms", ""),
    "first, ms": ("first answer, torch imported, ms", "<= 25"),
    "cold /, first": ("cold / first answer, torch", ""),
    "product, ms": ("first answer with a torch product, ms", ""),
    "1 worker, /s": ("programs/s, 1 worker", ""),
    "2 workers, /s": ("programs/s, 2 workers", ">= 100"),
}
USER_LEGEND = """\
cold: an interpreter that imports it. first, product: first answer of a fresh jailed program with torch imported,
and when it multiplies two matrices with it. workers: programs started, called once and killed per second."""


def median_ms(action: Callable[[], object], times: int = 40) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def first_answer(worker: JailWorker, program: Program = ECHO) -> float:
    """Milliseconds from `start` to the first answer; closing is not counted."""
    seconds = []
    for _ in range(40):
        start = time.perf_counter()
        with worker.start(program, ("f",), Limits(), 0) as session:
            session.call([Call("f", (1.0,))])
            seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def calls(worker: JailWorker) -> Figures:
    """Round trip of a scalar in microseconds, arrays in GB/s into and out of the jail."""
    with worker.start(ECHO, ("f",), Limits(wall_seconds=600, cpu_seconds=600), 0) as session:

        def speed(name: str, array: np.ndarray, argument: object, times: int) -> float:
            return array.nbytes / 1e6 / median_ms(lambda: session.call([Call(name, (argument,))]), times)

        rounds = median_ms(lambda: [session.call([Call("f", (1.5,))]) for _ in range(500)], 40)
        batch = median_ms(lambda: session.call([Call("f", (1.5,))] * 100), 100)
        return {
            "scalar call, us": rounds * 2,
            "scalar call in a frame of 100, us": batch * 10,
            "1 MiB in, GB/s": speed("g", SMALL, SMALL, 100),
            "1 MiB out, GB/s": speed("h", SMALL, SMALL.size, 100),
            "128 MiB in, GB/s": speed("g", LARGE, LARGE, 15),
            "128 MiB out, GB/s": speed("h", LARGE, LARGE.size, 15),
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


def jail(name: str) -> Figures:
    """One kind of jail. Raises `Unavailable` where it does not hold."""
    with open_worker(isolation=name, allow_none=name == "none") as worker:
        first, start = first_answer(worker), cold("numpy")
        return {
            "isolation": worker.isolation,
            "first answer, numpy, ms": first,
            "cold interpreter, import numpy, ms": start,
            "cold / first answer": start / first,
            **calls(worker),
        }


def jails() -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for name in SHIPPED:
        say(f"{user()} {name}: measuring")
        try:
            found[name] = jail(name)
        except Unavailable as error:
            say(f"{user()} {name}: does not hold here: {' '.join(str(error).split())}"[:300])
    return found


def with_torch() -> Figures:
    say(f"{user()}: torch")
    with open_worker(runtime=("numpy", "torch")) as worker:
        first, start = first_answer(worker), cold("torch")
        return {
            "first answer, torch imported, ms": first,
            "first answer with a torch product, ms": first_answer(worker, TORCH),
            "cold interpreter, import torch, ms": start,
            "cold / first answer, torch": start / first,
        }


def measure() -> dict[str, Figures]:
    """Kind of jail -> figures; under `auto` what was measured once for this user."""
    with open_worker() as worker:
        auto: Figures = {"isolation": worker.isolation, "load": os.getloadavg()[0]}
    auto["cold interpreter, import numpy, ms"] = cold("numpy")
    if importlib.util.find_spec("torch"):
        auto |= with_torch()
    else:
        say("torch is not installed: left out")
    say(f"{user()}: programs per second")
    auto["programs/s, 1 worker"] = throughput(1)
    auto["programs/s, 2 workers"] = throughput(2)
    return {"auto": auto, **jails()}


def user() -> str:
    return "root" if os.getuid() == 0 else "user"


def measure_plain_user() -> dict[str, dict[str, Figures]]:
    """The same as a user without any privilege; empty when that fails."""
    from tests.sandbox.unprivileged import unprivileged

    say("the same as a plain user; its lines come at the end")
    done = unprivileged([sys.executable, __file__, "--json"], str(ROOT), timeout=1800)
    sys.stderr.write(done.stderr)
    return {"user": json.loads(done.stdout.splitlines()[-1])} if done.returncode == 0 else {}


def table(title: str, legend: str, columns: dict[str, tuple[str, str]], rows: dict[tuple[str, ...], Figures]) -> Table:
    """One row per key, whose parts are its first columns; a row of targets above."""
    words = " ".join(legend.split())
    shown = Table(title=title, caption=words, title_justify="left", caption_justify="left", padding=(0, 1))
    keys = max((len(key) for key in rows), default=1)
    for _ in range(keys):
        shown.add_column("", no_wrap=True)
    for header in columns:
        shown.add_column(header.replace(", ", "\n"), justify="right")
    shown.add_row("target", *[""] * (keys - 1), *(target for _, target in columns.values()), end_section=True)
    for key, figures in rows.items():
        shown.add_row(*key, *(cell(figures.get(name)) for name, _ in columns.values()))
    return shown


def cell(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return value or "-"


def show(seen: dict[str, dict[str, Figures]]) -> None:
    """`seen`: by user, then as `measure` gives it."""
    jail_rows: dict[tuple[str, ...], Figures] = {}
    user_rows: dict[tuple[str, ...], Figures] = {}
    for who, kinds in seen.items():
        user_rows[(who,)] = kinds["auto"]
        for kind, figures in kinds.items():
            isolation = str(figures["isolation"])
            mark = "*" if isolation == kinds["auto"]["isolation"] else ""
            if kind != "auto":
                jail_rows[who, isolation.replace(NO_CGROUP, " nocgroup") + mark] = figures
    loads = ", ".join(f"{who} {float(kinds['auto']['load']):.1f}" for who, kinds in seen.items())
    console = Console(width=WIDTH)
    console.print(table(f"Jails on {os.cpu_count()} cores; load {loads}", JAIL_LEGEND, JAIL_COLUMNS, jail_rows))
    console.print()
    console.print(table("Imports and throughput", USER_LEGEND, USER_COLUMNS, user_rows))


def main() -> None:
    figures = measure()
    if "--json" in sys.argv:
        print(json.dumps(figures))
        return
    show({user(): figures} | (measure_plain_user() if os.getuid() == 0 else {}))


if __name__ == "__main__":
    main()
