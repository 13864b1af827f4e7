"""A campaign with a language model: how near it comes to the rate that the model allows, and what became of faults.

    python benchmarks/model_calls.py [--evaluations 200] [--concurrency 16] [--seconds 2.0] [--faults 0.2]

The model is the local stand-in server that Heuresis ships, over real HTTP: each answer takes `seconds`, so that
`concurrency / seconds` calls a second are the most there can be. The second campaign has faults, which come at once,
and some of them ask for fewer calls: its rate says how soon the campaign is back at work.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heuresis.agent.asking import Asking
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.run import run_campaign
from heuresis.archive.records import Totals
from heuresis.archive.store import Store
from heuresis.testing import answers
from heuresis.testing.answers import Answer, Text
from heuresis.testing.server import ModelServer, Received

TINY = f"{Path(__file__).parents[1] / 'tests' / 'fixtures' / 'tiny.py'}:Tiny"
FAULTS: dict[Answer, str] = {
    answers.rate_limited(1.0): "rate_limit",
    answers.SERVER_ERROR: "server",
    answers.OVERLOADED: "overloaded",
    answers.EmptyChoices(): "empty",
    answers.NullContent(): "empty",
    answers.Html(): "not_json",
    answers.TruncatedJson(): "cut",
    answers.Malformed(): "malformed",
    answers.Reset(): "connection",
    answers.CONTEXT_LENGTH: "context_length",
}


class Provider:
    """A new straight line for every request, or a fault; remembers when it was asked and what it gave."""

    def __init__(self, seconds: float, faults: float) -> None:
        self._seconds, self._faults = seconds, faults
        self._rng, self._lock = random.Random(1), threading.Lock()
        self.asked: list[float] = []
        self.given: Counter[str] = Counter()

    def __call__(self, received: Received) -> Answer:
        with self._lock:
            self.asked.append(time.perf_counter())
            if self._rng.random() < self._faults:
                fault = self._rng.choice(list(FAULTS))
                self.given[FAULTS[fault]] += 1
                return fault
            self.given["good"] += 1
            line = f"{self._rng.uniform(0, 4):.6f} * x + {self._rng.uniform(0, 2):.6f}"
            return Text(f"```python\ndef guess(x):\n    return {line}\n```\n", seconds=self._seconds)


def search(provider: Provider, options: argparse.Namespace) -> tuple[float, Totals]:
    """Calls a second, and what the store says of the campaign."""
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        with ModelServer(provider) as server:
            asking = Asking("openai/stand-in", api_base=server.url, price="0,0", concurrency=options.concurrency)
            budget = Budget(evaluations=options.evaluations)
            campaign = Campaign(TINY, "sequential", budget=budget, asking=asking)
            run_campaign(campaign, store, 2, lambda progress: None, threading.Event())
        return rate(provider.asked, options.concurrency), store.totals(campaign.name)


def rate(asked: list[float], slots: int) -> float:
    """Requests a second over whole rounds: from each of the first `slots` requests to its last full successor."""
    whole = slots * (len(asked) // slots - 1)
    return whole / statistics.mean(asked[whole + slot] - asked[slot] for slot in range(slots))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--faults", type=float, default=0.2)
    options = parser.parse_args()
    most = options.concurrency / options.seconds
    table = Table("faults", "calls", "calls per s", "of the most", "faults by kind", "equal to what was given")
    for share in (0.0, options.faults):
        provider = Provider(options.seconds, share)
        speed, totals = search(provider, options)
        given = {kind: count for kind, count in provider.given.items() if kind != "good"}
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(totals.faults.items())) or "none"
        table.add_row(
            f"{100 * share:g} %",
            str(totals.calls),
            f"{speed:.2f}",
            f"{100 * speed / most:.1f} %",
            told,
            "yes" if given == dict(totals.faults) else "NO",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
