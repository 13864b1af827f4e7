"""`heuresis verify`: a stored verdict, made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, Format, Formats, OwnCampaign, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.show import ProgramId
from heuresis.cli.stamp import tell_stamp
from heuresis.cli.stores import open_store, short, tell_campaign

if TYPE_CHECKING:
    from heuresis.agent.verifying import Verification


def verify(
    program_id: ProgramId,
    campaign: OwnCampaign = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> int:
    """Play a program again on the same instances and compare.

    Takes stored code and seeds, stores nothing. Exit code 5 when anything
    differs from what is stored.
    """
    from heuresis.agent import verifying

    with open_store(storage) as store:
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        program = entry.proposal.program
        if program is not None and not program.id.startswith(program_id.lower()):
            say(f"{program_id}: its text was changed in the store; it now has the id {program.id[:8]}.", "bold")
            return ExitCode.DAMAGE
        done = verifying.verify_kept(store, entry.campaign, entry)
    if form is Format.TABLE:
        _tell(program.id if program else "", done)
        tell_stamp(entry.evaluation.self_reported)
    else:
        print_rows(_COLUMNS, _rows(done), form, "Nothing was played.")
    return ExitCode.DAMAGE if done.differences else ExitCode.OK


def _tell(program: str, done: Verification) -> None:
    if not done.differences:
        rest = "and the score" if done.stored.score else "before it was stopped"
        played = f"{counted(len(done.rows), 'instance')} {rest}"
        what = played if done.rows else f"its end ({done.stored.status.value})"
        say(f"{short(program)}: {what} came out as stored, to the last bit.", "bold")
        return
    say(f"{short(program)}: {counted(len(done.differences), 'difference')}.", "bold")
    for words in done.differences:
        say(f"  {words}")


_COLUMNS = [Column(key) for key in ("tier", "instance", "metric", "stored", "again", "equal", "self_reported")]


def _rows(done: Verification) -> list[list[object]]:
    own = done.stored.self_reported
    return [
        [row.tier.value, row.index, name, value, None if row.again is None else row.again.get(name), row.equal, own]
        for row in done.rows
        for name, value in row.stored.items()
    ]
