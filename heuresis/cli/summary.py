"""What is printed when a run ends: the table, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from heuresis.agent.references import reference_rows
from heuresis.cli.board import seed_entries
from heuresis.cli.browse import tell_quarantine
from heuresis.cli.ledger import usd
from heuresis.cli.model_options import model_words
from heuresis.cli.noise import tell_noise
from heuresis.cli.options import Format
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import MEANING, Scale, number, seconds_text, tier_text
from heuresis.cli.stamp import tell_stamp
from heuresis.cli.stores import Shell, short, unique
from heuresis.library.defaults import DEFAULT_METHOD, DEFAULT_WITH_MODEL

if TYPE_CHECKING:
    from heuresis.agent.budget import Budget
    from heuresis.agent.campaign import Campaign
    from heuresis.archive.records import Entry
    from heuresis.archive.store import Store

_ALIGNED = 100
"""Characters up to which remarks beside commands stand in one column."""

Row = tuple[str, str, str, str, str]
"""What, who, value, its interval, on which instances."""


def print_totals(campaign: Campaign, store: Store, shell: Shell) -> None:
    """How much was done, and how to see what failed."""
    from heuresis.agent.progress import failures
    from heuresis.evaluators.nouns import Status

    totals = store.totals(campaign.name)
    failed = sum(failures(totals.by_status).values())
    refused = totals.by_status.get(Status.REFUSED.value, 0)
    known = max(0, totals.entries - totals.evaluated - refused)
    skipped = [f"{number:,} {why}" for number, why in ((known, "known already"), (refused, "refused")) if number]
    rest = f" ({', '.join(skipped)})" if skipped else ""
    done = f"{counted(totals.evaluated, 'evaluation')} in {seconds_text(totals.active_seconds)}"
    say(f"{done}; {counted(totals.entries, 'program')} proposed{rest}.")
    stopped = totals.by_status.get(Status.STOPPED.value, 0)
    if stopped:
        say(f"{stopped:,} stopped early, since they were clearly behind.")
    if failed:
        share = f"{100 * failed / max(totals.entries, 1):.1f} %"
        say(f"{share} of the programs failed ({failed:,}): {shell.command('failures', campaign.name)}")
    tell_noise(store, campaign.name, Scale.of_objective(campaign.problem.objectives[0]))
    tell_quarantine(store.quarantined(campaign.name), shell, campaign.name)
    if totals.calls:
        faults = counted(sum(totals.faults.values()), "fault")
        say(f"{counted(totals.calls, 'call')} to the model, {faults}; {totals.tokens:,} tokens, {usd(totals.usd)}.")


def print_standing(campaign: Campaign, store: Store, between: Sequence[Row] = ()) -> str:
    """The table of best, seeds (or what `between` gives in their place) and published values.

    The id of the best program comes back, or an empty text.
    """
    scale = Scale.of_objective(campaign.problem.objectives[0])
    best = next(iter(store.top(campaign.name, 1)), None)
    rows = [*_found(best, scale), *(between or _seeds(campaign, store, scale))]
    rows += _published(campaign, scale) if rows else []
    say()
    say(f"{MEANING}; {scale.better}.", "dim")
    tell_stamp(campaign.problem.self_reported)
    columns = [Column("what", " "), Column("who", "program"), Column("value", scale.metric, right=True)]
    columns += [Column("interval", "95 %"), Column("where", "on", cut=True)]
    print_rows(columns, rows, Format.TABLE, "No program has a score yet.")
    return best.proposal.program.id if best and best.proposal.program else ""


def _found(best: Entry | None, scale: Scale) -> list[Row]:
    if best is None or best.evaluation.score is None or best.proposal.program is None:
        return []
    score = best.evaluation.score
    exam = tier_text("valid", score.count)
    seed = f" = {best.tags['seed']}" if "seed" in best.tags else ""
    return [("best found", short(best.proposal.program.id) + seed, scale.text(score), scale.around(score), exam)]


def _seeds(campaign: Campaign, store: Store, scale: Scale) -> list[Row]:
    rows: list[Row] = []
    for name, entry in seed_entries(campaign, store):
        score = entry.evaluation.score
        if score is not None:
            rows.append(("seed", name, scale.text(score), scale.around(score), tier_text("valid", score.count)))
    return rows


def _published(campaign: Campaign, scale: Scale) -> list[Row]:
    rows = reference_rows(campaign.problem, campaign.settings)
    return [("published", one.name, scale.amount(one.value), "", one.where) for one in rows]


def print_next(commands: Sequence[tuple[str, str]]) -> None:
    """Commands to copy, with what each is for."""
    say()
    say("Next:", "bold")
    width = max((len(command) for command, _ in commands if len(command) <= _ALIGNED), default=0)
    for command, purpose in commands:
        say(f"  {command:<{width}}  # {purpose}")


def next_commands(
    campaign: Campaign, store: Store, shell: Shell, best: str, *, held_out: bool
) -> list[tuple[str, str]]:
    """Three things worth doing now; `held_out`: the held-out tiers were opened already."""
    from heuresis.evaluators.nouns import HELD_OUT

    longer = shell.command(*run_words(campaign, larger(campaign.budget)))
    if not best:
        return [(longer, "go on"), (shell.command("campaigns"), "what is in the store")]
    prefix = unique(store, best)
    whose = ("--campaign", campaign.name) if len(store.campaigns_with(best)) > 1 else ()
    closed = any(campaign.problem.tier_size(tier) for tier in HELD_OUT) and not held_out
    if campaign.problem.one_task:  # test would tell nothing new: it is the task that was searched on
        second = shell.command("export", prefix, "-o", f"{campaign.problem.name}-{prefix}", *whose)
        purpose = "take it home, with what the problem kept of it"
    elif closed:
        second, purpose = shell.command("test", prefix, *whose), "held-out instances"
    else:
        second, purpose = shell.command("lineage", prefix, *whose), "how it came about"
    return [(shell.command("show", prefix, *whose), "the best program"), (second, purpose), (longer, "go on")]


def run_words(campaign: Campaign, budget: Budget) -> list[str]:
    """The words of the command that goes on with this campaign."""
    words = ["run", campaign.problem_name]
    if campaign.asks:
        words += model_words(campaign.asking)
    if campaign.method_name != (DEFAULT_WITH_MODEL if campaign.asks else DEFAULT_METHOD):
        words += ["--method", campaign.method_name]
    if replace(campaign, name="").name != campaign.name:
        words += ["--name", campaign.name]
    if campaign.seed:
        words += ["--seed", str(campaign.seed)]
    words += [word for key, value in campaign.settings.items() for word in ("--set", f"{key}={value}")]
    words += [word for key, value in campaign.method_settings.items() for word in ("--method-set", f"{key}={value}")]
    if campaign.min_isolation:
        words += ["--min-isolation", campaign.min_isolation]
    if campaign.device != "auto":
        words += ["--device", campaign.device]
    if campaign.isolation != "auto":
        words += ["--isolation", campaign.isolation]
    if campaign.allow_none:
        words += ["--unsafe-no-sandbox"]
    if not campaign.racing:
        words += ["--no-racing"]
    from heuresis.agent.budget import OPTIONS

    for key, value in budget.as_json().items():
        if value is not None:
            words += [OPTIONS[key], number(value) if isinstance(value, float) else str(value)]
    return words


def larger(budget: Budget) -> Budget:
    """Ten times the limits; a target stays what it is."""
    return replace(
        budget,
        evaluations=budget.evaluations and 10 * budget.evaluations,
        minutes=budget.minutes and 10 * budget.minutes,
        patience=budget.patience and 10 * budget.patience,
        usd=budget.usd and 10 * budget.usd,
        tokens=budget.tokens and 10 * budget.tokens,
        calls=budget.calls and 10 * budget.calls,
    )
