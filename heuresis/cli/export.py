"""`heuresis export`: a found program as a package, or as one file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.exits import ExitCode, tell
from heuresis.cli.options import DEFAULT_STORAGE, OwnCampaign, Storage
from heuresis.cli.output import counted, say
from heuresis.cli.show import ProgramId
from heuresis.cli.stores import open_store, tell_campaign

if TYPE_CHECKING:
    from heuresis.agent.exporting import Exported


def export(
    program_id: ProgramId,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new or empty folder.")],
    campaign: OwnCampaign = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the package. Default: PROBLEM-ID.")
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write one .py file instead, with its facts as comments.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a former export.")] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Do not make the score again first; the card says so.")
    ] = False,
    storage: Storage = DEFAULT_STORAGE,
) -> int:
    """Write a program as a pip-installable package.

    With a typed entry point, a score card, its provenance, and a test that
    replays stored instances without Heuresis. The score is made again first;
    exit code 5, and nothing written, when it comes out otherwise.
    """
    from heuresis.agent import exporting

    with open_store(storage) as store:
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        record = store.campaign(entry.campaign)
        assert record is not None
        program = entry.proposal.program
        if program is not None and not program.id.startswith(program_id.lower()):
            tell(f"{program_id}: its text was changed in the store (it now has the id {program.id[:8]})")
            return ExitCode.DAMAGE
        try:
            done = exporting.export(
                store, record, entry, output, name=name, single_file=single_file, force=force, unverified=unverified
            )
        except exporting.Differs as error:
            tell(str(error))
            return ExitCode.DAMAGE
    _say(done, single_file)
    return ExitCode.OK


def _say(done: Exported, single_file: bool) -> None:
    # With a slash in it: pip takes a bare `rule[test]` for the name of a project.
    place = str(done.path) if done.path.is_absolute() else f"./{done.path}"
    where = shlex.quote(place)
    if single_file:
        say(f"{done.path}: the program and its score card.", "bold")
        say(done.note)
        return
    say(
        f"{done.path}: the package {done.name}, {counted(len(done.files), 'file')}, "
        f"{counted(done.recorded_calls, 'recorded call')}.",
        "bold",
    )
    say(done.note)
    say("To try it in an environment of its own:")
    say(f"  python3 -m venv {where}/.venv")
    say(f"  {where}/.venv/bin/pip install {shlex.quote(f'{place}[test]')}")
    say(f"  {where}/.venv/bin/pytest {where}/tests")
