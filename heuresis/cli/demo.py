"""`heuresis demo`: one minute of search, then the held-out exam, then what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.exits import ExitCode
from heuresis.cli.options import Storage, UnsafeNoSandbox
from heuresis.cli.output import say
from heuresis.cli.stores import Shell, open_store, short

if TYPE_CHECKING:
    from heuresis.agent.budget import Budget
    from heuresis.agent.campaign import Campaign
    from heuresis.archive.store import Store

_PROBLEM = "online_bin_packing"
_STORAGE = "sqlite:///demo.db"


def demo(
    minutes: Annotated[float, typer.Option("--minutes", help="Of search.")] = 1.0,
    storage: Storage = _STORAGE,
    unsafe_no_sandbox: UnsafeNoSandbox = False,
) -> int:
    """Search for a bin packing rule for a minute, then test the best one.

    Repeated, it starts another search with another seed; one that was
    interrupted goes on.
    """
    from heuresis.agent.budget import Budget
    from heuresis.cli import driving, summary
    from heuresis.library.planning import cores

    budget, shell = Budget(minutes=minutes), Shell(storage)
    with open_store(storage, create=True) as store:
        campaign = _next(store, budget, allow_none=unsafe_no_sandbox)
        reason = driving.drive(campaign, store, cores()).reason
        if not reason:
            say("Stopped. Everything judged is kept; the same command goes on.", "bold")
            return ExitCode.INTERRUPTED
        say(f"Finished: {reason}.", "bold")
        summary.print_totals(campaign, store, shell)
        best = _report(campaign, store)
        summary.print_next(summary.next_commands(campaign, store, shell, best, held_out=True))
    return ExitCode.OK


def _next(store: Store, budget: Budget, *, allow_none: bool) -> Campaign:
    """The demo that was interrupted, or a new one: demo, demo-2, demo-3, ... One whose seeds failed never goes on."""
    from heuresis.agent.campaign import Campaign
    from heuresis.cli.board import seed_entries

    number = 1
    while True:
        name = "demo" if number == 1 else f"demo-{number}"
        campaign = Campaign(_PROBLEM, name=name, seed=number - 1, allow_none=allow_none, budget=budget)
        record = store.campaign(name)
        if record is None:
            return campaign
        same = record.problem_hash == campaign.problem.hash
        if not record.finished and same and all(entry.evaluation.score for _, entry in seed_entries(campaign, store)):
            return campaign
        number += 1


def _report(campaign: Campaign, store: Store) -> str:
    """One table: found, held out, seeds on the same instances, published. The best program's id comes back."""
    from heuresis.cli import exam as exam_tables
    from heuresis.cli import held_out, summary
    from heuresis.cli.scale import Scale, tier_text

    record, best = store.campaign(campaign.name), next(iter(store.top(campaign.name, 1)), None)
    program = best.proposal.program if best else None
    if record is None or best is None or program is None:
        return summary.print_standing(campaign, store)
    say("Opening the held-out instances.", "dim")
    exam = held_out.open_exam(store, record, program)
    scale = Scale.of_objective(campaign.problem.objectives[0])
    rows: list[summary.Row] = []
    for row in exam.rows:
        if row.asked or row.tier == "test":
            score = row.evaluation.score
            value = scale.text(score) if score else row.evaluation.status.value
            around = scale.around(score, row.comparisons) if score else ""
            where = tier_text(f"{row.tier} (held out)", score.count) if score else f"{row.tier} (held out)"
            who = f"{short(row.program)} = {row.who}" if row.asked and row.who in campaign.problem.seeds else row.who
            rows.append(("best found" if row.asked else "seed", who, value, around, where))
    identity = summary.print_standing(campaign, store, sorted(rows))
    say()
    exam_tables.print_gap(exam, best.evaluation, store.totals(record.name).evaluated)
    return identity
