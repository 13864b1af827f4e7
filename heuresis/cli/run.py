"""`heuresis run`: search, and go on when the command is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.exits import ExitCode
from heuresis.cli.model_options import (
    ApiBase,
    CallSeconds,
    Concurrency,
    MaxCalls,
    MaxTokens,
    MaxUsd,
    ModelName,
    PriceText,
    Prompts,
    Stream,
)
from heuresis.cli.options import (
    DEFAULT_STORAGE,
    Device,
    Isolation,
    MinIsolation,
    ProblemName,
    Settings,
    Storage,
    UnsafeNoSandbox,
    read_pairs,
)
from heuresis.cli.output import say
from heuresis.cli.stores import Shell, open_store
from heuresis.errors import ConfigError
from heuresis.library.defaults import DEFAULT_MINUTES, DEFAULT_WITH_MODEL

if TYPE_CHECKING:
    from heuresis.agent.campaign import Campaign
    from heuresis.archive.store import Store
    from heuresis.library.hooks import Hook

Method = Annotated[
    str | None,
    typer.Option("--method", help=f"See: heuresis methods. Default: genetic; with a model {DEFAULT_WITH_MODEL}."),
]
Evaluations = Annotated[int | None, typer.Option("--evaluations", min=1, help="Stop after this many evaluations.")]
Minutes = Annotated[
    float | None,
    typer.Option("--minutes", help=f"Stop after this many minutes. Without any limit: {DEFAULT_MINUTES:g}."),
]
Target = Annotated[float | None, typer.Option("--target", help="Stop when the metric reaches this value.")]
Patience = Annotated[
    int | None, typer.Option("--patience", min=1, help="Stop after so many evaluations without a new best.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of every random choice.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=1024, help="Referees. Default: one per core.")]
MethodSettings = Annotated[
    list[str] | None, typer.Option("--method-set", metavar="KEY=VALUE", help="A setting of the method; repeatable.")
]
Name = Annotated[str | None, typer.Option("--name", help="Of the campaign. Default: PROBLEM-METHOD.")]
Hooks = Annotated[
    list[str] | None,
    typer.Option(
        "--hook", metavar="NAME", help="Told what happens: package.module:Name, path/to/file.py:Name; repeatable."
    ),
]
NoRacing = Annotated[
    bool, typer.Option("--no-racing", help="Let each program play all instances, however far behind it is.")
]
New = Annotated[str | None, typer.Option("--new", metavar="NAME", help="Start another campaign of this name.")]


def run(
    problem: ProblemName, method: Method = None,
    evaluations: Evaluations = None, minutes: Minutes = None, target: Target = None, patience: Patience = None,
    seed: Seed = 0, workers: Workers = None, settings: Settings = None, method_settings: MethodSettings = None,
    name: Name = None, new: New = None, hook: Hooks = None,
    model: ModelName = None, api_base: ApiBase = None, max_usd: MaxUsd = None, max_tokens: MaxTokens = None,
    max_calls: MaxCalls = None, price: PriceText = None, stream: Stream = False, prompts: Prompts = None,
    concurrency: Concurrency = 8, call_seconds: CallSeconds = 300.0,
    storage: Storage = DEFAULT_STORAGE, device: Device = "auto", isolation: Isolation = "auto",
    min_isolation: MinIsolation = "", unsafe_no_sandbox: UnsafeNoSandbox = False, no_racing: NoRacing = False,
) -> int:  # fmt: skip
    """Search for a better program. The same command goes on where it stopped.

    Limits count over all runs of a campaign. Any limit given replaces all of
    its limits; with none given it keeps them. Ctrl-C stops cleanly.
    """
    from heuresis.agent.asking import Asking
    from heuresis.agent.budget import Budget
    from heuresis.agent.campaign import Campaign
    from heuresis.library import planning
    from heuresis.library.hooks import load_hook

    if name and new:
        raise ConfigError("--new", "no --name beside it", f"--name {name} --new {new}")
    given = Budget(evaluations, minutes, target, patience, max_usd, max_tokens, max_calls)
    asking = Asking(model or "", None, api_base, price or "", stream, concurrency, call_seconds, prompts)
    planning.check_alone(asking, given)
    chosen = planning.method_or_default(method, asking)
    hooks = [load_hook(one) for one in hook or ()]
    pairs = read_pairs("--set", settings), read_pairs("--method-set", method_settings)
    campaign = Campaign(
        problem,
        chosen,
        new or name or "",
        *pairs,
        seed,
        isolation,
        unsafe_no_sandbox,
        min_isolation=min_isolation,
        device=device,
        racing=not no_racing,
        budget=given,
        asking=asking,
    )
    planning.checked(campaign)  # mistakes are told before a store is made
    with open_store(storage, create=True) as store:
        if new and store.campaign(new):
            raise ConfigError("--new", "the name of no campaign yet", new, f"To go on with it: --name {new}.")
        limited = _limited(campaign, store)
        return search(limited, store, workers or planning.cores(), Shell(storage), hooks)


def search(campaign: Campaign, store: Store, workers: int, shell: Shell, hooks: Sequence[Hook] = ()) -> int:
    """Run the campaign and tell how it stands; the exit code comes back."""
    from heuresis.agent.run import check_drivable
    from heuresis.cli import driving, summary
    from heuresis.library.planning import finished_already

    if store.campaign(campaign.name):
        campaign.prepare(store)  # settings that differ are told first
    reason = finished_already(campaign, store)
    if reason:
        say(f"Campaign {campaign.name} is finished: {reason}. Nothing was run; a larger budget goes on.", "bold")
    else:
        check_drivable(store, campaign.name)  # before the display says that anything begins
        ran = driving.drive(campaign, store, workers, hooks)
        reason, record = ran.reason, store.campaign(campaign.name)
        if record is not None and ran.isolation != record.isolation:
            say(f"This run had the jail {ran.isolation}; the campaign was begun in {record.isolation}.", "bold")
        say(f"Finished: {reason}." if reason else "Stopped. Everything judged is kept.", "bold")
    summary.print_totals(campaign, store, shell)
    best = summary.print_standing(campaign, store)
    if not reason:
        say()
        say("To go on:", "bold")
        say(f"  {shell.command(*summary.run_words(campaign, campaign.budget))}")
        return ExitCode.INTERRUPTED
    summary.print_next(summary.next_commands(campaign, store, shell, best, held_out=False))
    return ExitCode.OK


def _limited(campaign: Campaign, store: Store) -> Campaign:
    """The campaign with the limits to run under; that it got the default is said."""
    from heuresis.library.planning import with_budget

    limited = with_budget(campaign, store)
    if campaign.budget.minutes is None and limited.budget == replace(campaign.budget, minutes=DEFAULT_MINUTES):
        record = store.campaign(campaign.name)
        if record is None or record.config.get("budget") != limited.budget.as_json():
            say(f"No limit given: stops after {DEFAULT_MINUTES:g} minutes (--minutes and --evaluations change it).")
    return limited
