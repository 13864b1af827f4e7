"""`heuresis top` and `heuresis campaigns`: what was found, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.noise import noise_lines
from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import MEANING, Scale, ends, interval_text, seconds_text
from heuresis.cli.stamp import MEANING as STAMP_MEANING
from heuresis.cli.stamp import tell_stamp
from heuresis.cli.stores import Shell, choose, open_store, short

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord, Entry
    from heuresis.archive.store import Store


def top(
    campaign: CampaignArgument = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many programs.")] = 10,
    named: CampaignAlias = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """List the best programs of a campaign.

    They rank by the lower bound of their score (95 %), so that a program with
    more evidence stands before one that was only lucky.
    """
    from heuresis.archive.noise import noise_of

    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        entries = store.top(record.name, count)
        totals, held = store.totals(record.name), store.quarantined(record.name)
        noise = noise_of(store, record.name)
    scale = Scale.of(record)
    if form is Format.TABLE:
        stopped = totals.by_status.get("stopped", 0)
        done = counted(totals.evaluated, "evaluation") + f" ({stopped:,} stopped early)" * (stopped > 0)
        say(f"{record.name}: {done}; {scale.metric}, {scale.better}", "bold")
        say(f"Tier valid; {MEANING}.", "dim")
        tell_stamp(record.self_reported)
    print_rows(_columns(scale), _rows(record, scale, entries), form, "No program has a score yet.")
    if form is Format.TABLE:
        for line in noise_lines(noise, scale) if noise is not None else ():
            say(line, "dim")
        tell_quarantine(held, Shell(storage), record.name)


def tell_quarantine(held: Sequence[Entry], shell: Shell, campaign: str) -> None:
    """How many programs wait for a person to look, below what is ranked."""
    if held:
        say(f"{counted(len(held), 'program')} in quarantine, not ranked: {_list_command(shell, campaign)}", "bold red")


def _list_command(shell: Shell, campaign: str) -> str:
    return shell.command("quarantine", "list", campaign)


def _columns(scale: Scale) -> list[Column]:
    return [
        Column("campaign"),
        Column("rank", "#", right=True),
        Column("id", "id", short),
        Column(scale.metric),
        Column("standard_error"),
        Column("low"),
        Column("high"),
        Column("", scale.title, right=True),
        Column("", "95 %"),
        Column("tier"),
        Column("count", "instances", right=True),
        Column("characters", "size", right=True),
        Column("operator", "made by"),
        Column("sequence"),
        Column("idea", "idea", cut=True),
        Column("self_reported"),
        Column("bound"),
    ]


def _rows(record: CampaignRecord, scale: Scale, entries: list[Entry]) -> list[list[object]]:
    rows: list[list[object]] = []
    for rank, entry in enumerate(entries, 1):
        score, program = entry.evaluation.score, entry.proposal.program
        if score is None or program is None:
            continue
        around = scale.interval(score)
        shown = scale.bare(score), interval_text(around, score.standard_error, "no interval")
        made = (len(program.text), entry.proposal.operator, entry.sequence, entry.proposal.idea)
        bound = None if entry.rank is None else scale.value(entry.rank)
        found = (record.name, rank, program.id, scale.value(score.value), score.standard_error, *ends(around))
        rows.append([*found, *shown, "valid", score.count, *made, entry.evaluation.self_reported, bound])
    return rows


def campaigns(form: Formats = Format.TABLE, storage: Storage = DEFAULT_STORAGE) -> None:
    """List the campaigns of the store; those whose scores are SELF_REPORTED stand in a table of their own."""
    with open_store(storage) as store:
        rows = [_campaign_row(store, record) for record in store.campaigns()]
    if form is Format.TABLE and rows:
        say(f"{MEANING}.", "dim")
    refereed, own = [row for row in rows if not row[-1]], [row for row in rows if row[-1]]
    if form is not Format.TABLE or not own:
        empty = "The store has no campaign yet. Start: heuresis run online_bin_packing"
        print_rows(_CAMPAIGN_COLUMNS, [*refereed, *own], form, empty)
        return
    if refereed:
        print_rows(_CAMPAIGN_COLUMNS, refereed, form)
        say()
    say(STAMP_MEANING, "bold yellow")
    print_rows(_CAMPAIGN_COLUMNS, own, form)


_CAMPAIGN_COLUMNS = [
    Column("name", "campaign"),
    Column("problem"),
    Column("method"),
    Column("seed"),
    Column("evaluations", "judged", lambda value: f"{value:,}", right=True),
    Column("active_seconds", "time", seconds_text, right=True),
    Column("best_id"),
    Column("best_value"),
    Column("best_metric"),
    Column("best_standard_error"),
    Column("best_low"),
    Column("best_high"),
    Column("best_tier"),
    Column("best_count"),
    Column("best", "best"),
    Column("isolation"),
    Column("finished", "finished", lambda why: why or "no", cut=True),
    Column("self_reported"),
]


def _campaign_row(store: Store, record: CampaignRecord) -> list[object]:
    totals, scale = store.totals(record.name), Scale.of(record)
    best = next(iter(store.top(record.name, 1)), None)
    score = best.evaluation.score if best else None
    found: list[object] = [None] * 9
    if best and score and best.proposal.program:
        value = (scale.value(score.value), scale.metric, score.standard_error, *ends(scale.interval(score)))
        found = [best.proposal.program.id, *value, "valid", score.count, scale.compact("valid", score)]
    return [
        *(record.name, record.problem, record.method, record.seed, totals.evaluated, totals.active_seconds),
        *(*found, best.evaluation.isolation if best else record.isolation, record.finished, record.self_reported),
    ]
