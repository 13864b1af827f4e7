"""`heuresis quarantine`: programs whose score a person has to look at, and letting them out again."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import Scale
from heuresis.cli.show import ProgramId
from heuresis.cli.stores import choose, open_store, short
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord, Entry

app = typer.Typer(no_args_is_help=True, help="Programs that are not trusted yet.")


@app.callback()
def _group() -> None:
    """Programs that are not trusted yet: ranked nowhere, parents of nothing."""


@app.command("list")
def show_all(
    campaign: CampaignArgument = None,
    named: CampaignAlias = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """List the programs of a campaign that are in quarantine, newest first."""
    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        entries = store.quarantined(record.name)
    scale = Scale.of(record)
    if form is Format.TABLE:
        say(f"{record.name}: {counted(len(entries), 'program')} in quarantine; {scale.metric}, {scale.better}", "bold")
    rows = [_row(record, scale, entry) for entry in entries]
    print_rows(_columns(scale), rows, form, "No program is in quarantine.")


@app.command()
def add(
    program_id: ProgramId,
    reason: Annotated[str, typer.Option("--reason", help="Why it is not trusted; kept with it.")],
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Put a program into quarantine, in every campaign that has it.

    It leaves the populations as if it had never been there.
    """
    if not reason.strip():
        raise ConfigError("--reason", "a reason in words", reason)
    names = _set(program_id, reason, {}, storage)
    say(f"In quarantine: {program_id} ({', '.join(names)}).")


@app.command()
def release(
    program_id: ProgramId,
    reason: Annotated[str, typer.Option("--reason", help="Why it is trusted; kept with the event.")] = "",
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Trust a program again: it is ranked, and may become a parent.

    Who did it and when is kept. No rule puts it into quarantine again.
    """
    names = _set(program_id, None, {"why": reason}, storage)
    say(f"Released: {program_id} ({', '.join(names)}).")


def _set(program_id: str, reason: str | None, remarks: dict[str, str], storage: str) -> list[str]:
    with open_store(storage) as store:
        entry = store.entry(None, program_id)
        held, program = entry.evaluation.quarantine, entry.proposal.program
        assert program is not None  # it was found by its program's id
        if (held is None) == (reason is None):
            wanted, came = ("one in quarantine", "one that is not") if reason is None else ("one that is trusted", held)
            raise ConfigError("id", f"{wanted}", f"{short(program.id)}: {came}", "See: heuresis quarantine list.")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        told = {**remarks, "by": _who(), "when": when}
        with store.transaction(durable=True) as transaction:
            return transaction.set_quarantine(program.id, reason, told)


def _who() -> str:
    """The name of the account; its number where it has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        import os

        return f"user {os.getuid()}"


def _columns(scale: Scale) -> list[Column]:
    return [
        Column("campaign"),
        Column("id", "id", short),
        Column(scale.metric),
        Column("standard_error"),
        Column("shown", scale.metric, right=True),
        Column("tier"),
        Column("count", "instances", right=True),
        Column("operator", "made by"),
        Column("sequence"),
        Column("reason", "reason", cut=True),
    ]


def _row(record: CampaignRecord, scale: Scale, entry: Entry) -> list[object]:
    score, program = entry.evaluation.score, entry.proposal.program
    assert score is not None  # only scored ones are listed
    assert program is not None
    value = (scale.value(score.value), score.standard_error, scale.text(score))
    made = (entry.proposal.operator, entry.sequence, entry.evaluation.quarantine)
    return [record.name, program.id, *value, "valid", score.count, *made]
