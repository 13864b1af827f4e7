"""`heuresis store check`: is what the store says of itself true?"""

from __future__ import annotations

from typing import Annotated

import typer

from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, Storage
from heuresis.cli.output import counted, say
from heuresis.cli.stores import choose, open_store

app = typer.Typer(no_args_is_help=True, help="Look after the store.")


@app.callback()
def _group() -> None:
    """Look after the store."""


@app.command()
def check(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="Default: all of them.")] = None,
    storage: Storage = DEFAULT_STORAGE,
) -> int:
    """Recount and rebuild everything, and compare.

    Changes nothing; ends with 5 when something differs.
    """
    from heuresis.archive import check as checks

    with open_store(storage) as store:
        if campaign is not None:
            choose(store, campaign)
        found = checks.check(store, campaign)
        path = store.path
    for sentence in found:
        say(sentence, "red")
    if found:
        say(f"{path}: {counted(len(found), 'problem')}. Keep a copy of the file before anything else.", "bold")
        return ExitCode.DAMAGE
    say(f"{path}: sound{f' (campaign {campaign})' if campaign else ''}.")
    return ExitCode.OK
