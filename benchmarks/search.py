"""How good a search gets: several seeds of one method, each judged once on its campaign's held-out instances.

    python benchmarks/search.py [--seeds 5] [--minutes 10] [--storage sqlite:///search.db]
        [--from "first fit,best fit"] [--method-set tune_share=0]

Every seed is a campaign of its own with a secret of its own, so that its 40 test instances are fresh. The same command
goes on where it was stopped. The best program at half time is judged as well.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heuresis.agent import judging
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.progress import Progress
from heuresis.agent.run import run_campaign
from heuresis.archive.store import Store
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.nouns import Score, Tier


def main() -> None:
    options = _options()
    table = Table(
        "seed", "evaluations", "valid", "test at half time", "test", "shift", "program", title=_title(options)
    )
    with Store.open(options.storage) as store:
        for seed in range(options.first, options.first + options.seeds):
            table.add_row(str(seed), *search(store, options, seed))
            Console(width=150).print(table)


def search(store: Store, options: argparse.Namespace, seed: int) -> tuple[str, ...]:
    """Run one campaign to its end and open its held-out tiers once for each of the two programs."""
    settings = dict(one.split("=", 1) for one in options.method_set)
    start = options.start.replace(" ", "_").replace(",", "+")
    label = "-".join(
        [
            "search",
            options.method,
            *([start] if start else []),
            *(f"{key}_{value}" for key, value in settings.items()),
            str(seed),
        ]
    )
    campaign = Campaign(
        _started_from(options),
        options.method,
        label,
        method_settings=settings,
        seed=seed,
        budget=Budget(minutes=options.minutes),
    )
    half: list[str] = []

    def at_half_time(progress: Progress) -> None:
        if not half and progress.active_seconds >= 30 * options.minutes and progress.best_program:
            half.append(progress.best_program)

    outcome = run_campaign(campaign, store, options.workers, at_half_time, threading.Event())
    [best] = store.top(label, 1)
    assert best.proposal.program is not None
    program, early = best.proposal.program, store.program((half or [best.proposal.program.id])[0])
    looks = judging.open_held_out(
        store, outcome.record, [(early, Tier.TEST), (program, Tier.TEST), (program, Tier.SHIFT)]
    )
    scores = [best.evaluation.score, *(look.evaluation.score if look.evaluation else None for look in looks)]
    return (f"{store.totals(label).evaluated:,}", *map(_text, scores), program.id[:8])


def _started_from(options: argparse.Namespace) -> str:
    """The problem, or a subclass of it in a file beside the storage that keeps only the chosen seed programs."""
    if not options.start:
        return str(options.problem)
    problem = type(load_problem(options.problem, {}))
    kept = {name: problem.seeds[name] for name in options.start.split(",")}
    path = Path(tempfile.gettempdir()) / "heuresis-search" / "start.py"
    path.parent.mkdir(exist_ok=True)
    name = problem.__name__
    path.write_text(f"from {problem.__module__} import {name}\n\n\nclass Start({name}):\n    seeds = {kept!r}\n")
    return f"{path}:Start"


def _words(start: str, settings: Mapping[str, str]) -> list[str]:
    """What the name of a campaign says of its options."""
    first = [start.replace(" ", "_").replace(",", "+")] if start else []
    return first + [f"{key}_{value}" for key, value in settings.items()]


def _text(score: Score | None) -> str:
    return f"{abs(score.value):.3f} ± {score.standard_error:.3f} ({score.count})" if score else "failed"


def _title(options: argparse.Namespace) -> str:
    changed = " ".join(options.method_set) or "as shipped"
    return f"{options.problem}, {options.method} {changed}, {options.minutes:g} minutes, {options.workers} workers"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", default="online_bin_packing")
    parser.add_argument("--from", dest="start", default="", help="names of seed programs, by comma; all by default")
    parser.add_argument("--method", default="genetic")
    parser.add_argument("--method-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--storage", default="sqlite:///search.db")
    return parser.parse_args()


if __name__ == "__main__":
    main()
