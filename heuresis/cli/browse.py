"""`heuresis top` and `heuresis campaigns`: what was found, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import Scale, number, places, seconds_text
from heuresis.cli.stamp import MEANING, tell_stamp
from heuresis.cli.stores import choose, open_store, short

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
    """List the best programs of a campaign."""
    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        entries = store.top(record.name, count)
        evaluated = store.totals(record.name).evaluated
    scale = Scale.of(record)
    if form is Format.TABLE:
        say(f"{record.name}: {counted(evaluated, 'evaluation')}, {scale.metric}, {scale.better}", "bold")
        tell_stamp(record.self_reported)
    print_rows(_columns(scale, entries), _rows(record, scale, entries), form, "No program has a score yet.")


def _columns(scale: Scale, entries: list[Entry]) -> list[Column]:
    errors = [entry.evaluation.score.standard_error for entry in entries if entry.evaluation.score]
    digits = places(max(errors, default=0.0))
    heading = f"{scale.metric} [{scale.unit}]" if scale.unit else scale.metric
    return [
        Column("campaign"),
        Column("rank", "#", right=True),
        Column("id", "id", short),
        Column(scale.metric, heading, lambda value: number(value, digits), right=True),
        Column("standard_error", "±", lambda value: number(value, digits), right=True),
        Column("tier"),
        Column("count"),
        Column("exam", "on"),
        Column("characters", "size", right=True),
        Column("operator", "made by"),
        Column("sequence"),
        Column("idea", "idea", cut=True),
        Column("self_reported"),
    ]


def _rows(record: CampaignRecord, scale: Scale, entries: list[Entry]) -> list[list[object]]:
    rows: list[list[object]] = []
    for rank, entry in enumerate(entries, 1):
        score, program = entry.evaluation.score, entry.proposal.program
        if score is None or program is None:
            continue
        value = scale.value(score.value)
        exam = f"valid, {score.count}"
        made = (len(program.text), entry.proposal.operator, entry.sequence, entry.proposal.idea)
        found = (record.name, rank, program.id, value, score.standard_error, "valid", score.count, exam)
        rows.append([*found, *made, entry.evaluation.self_reported])
    return rows


def campaigns(form: Formats = Format.TABLE, storage: Storage = DEFAULT_STORAGE) -> None:
    """List the campaigns of the store; those whose scores are SELF_REPORTED stand in a table of their own."""
    with open_store(storage) as store:
        rows = [_campaign_row(store, record) for record in store.campaigns()]
    refereed, own = [row for row in rows if not row[-1]], [row for row in rows if row[-1]]
    if form is not Format.TABLE or not own:
        empty = "The store has no campaign yet. Start: heuresis run online_bin_packing"
        print_rows(_CAMPAIGN_COLUMNS, [*refereed, *own], form, empty)
        return
    if refereed:
        print_rows(_CAMPAIGN_COLUMNS, refereed, form)
        say()
    say(MEANING, "bold yellow")
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
    found: list[object] = [None] * 6
    if best and score and best.proposal.program:
        shown = f"{scale.text(score)} (valid, {score.count})"
        program = best.proposal.program.id
        found = [program, scale.value(score.value), scale.metric, score.standard_error, score.count, shown]
    return [
        *(record.name, record.problem, record.method, record.seed, totals.evaluated, totals.active_seconds),
        *(*found, best.evaluation.isolation if best else record.isolation, record.finished, record.self_reported),
    ]
