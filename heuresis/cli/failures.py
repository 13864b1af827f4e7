"""`heuresis failures`: programs that failed, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.stores import choose, open_store, short

if TYPE_CHECKING:
    from heuresis.archive.records import Entry


def failures(
    campaign: CampaignArgument = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many programs.")] = 10,
    named: CampaignAlias = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """List the programs of a campaign that failed, newest first, and why.

    Some were never run: refused proposals may have no program at all. Those that
    were stopped early in a race have no score either, but have not failed.
    """
    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        entries, totals = store.failed(record.name, count), store.totals(record.name)
    if form is Format.TABLE:
        from heuresis.agent.progress import failures as kinds

        found = kinds(totals.by_status)
        parts = ", ".join(f"{kind.replace('_', ' ')} {number:,}" for kind, number in found.items())
        failed = f"{counted(sum(found.values()), 'program')} failed" + (f" ({parts})" if parts else "")
        stopped = totals.by_status.get("stopped", 0)
        say(f"{record.name}: {failed}" + (f"; {stopped:,} stopped early, which is no failure" * (stopped > 0)), "bold")
    print_rows(_COLUMNS, [_row(entry) for entry in entries], form, "No program failed.")


_COLUMNS = [
    Column("campaign"),
    Column("id", "id", short),
    Column("status", "status", lambda status: str(status).replace("_", " ")),
    Column("stage"),
    Column("operator", "made by"),
    Column("sequence"),
    Column("reused"),
    Column("reason", "reason", cut=True),
]


def _row(entry: Entry) -> list[object]:
    seen, program = entry.evaluation, entry.proposal.program
    made = (entry.proposal.operator, entry.sequence, entry.reused)
    return [entry.campaign, program.id if program else "", seen.status.value, seen.stage, *made, seen.reason]
