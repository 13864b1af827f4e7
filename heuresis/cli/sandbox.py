"""`heuresis sandbox`: which jails this machine has, and the image of the docker jail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from heuresis.cli.build_image import build_image
from heuresis.cli.exits import ExitCode
from heuresis.cli.options import Format, Formats
from heuresis.cli.output import Column, plain_table, print_rows, print_table, say
from heuresis.cli.visible import visible

if TYPE_CHECKING:
    from heuresis.sandbox.checking import Standing

app = typer.Typer(no_args_is_help=True, help="Look at the jails of this machine.")


@app.callback()
def _group() -> None:
    """Look at the jails of this machine."""


@app.command()
def check(form: Formats = Format.TABLE) -> int:
    """Attack every kind of jail and say which ones hold, what they cover, and how fast they are.

    Ends with 3 when no jail holds.
    """
    from heuresis.sandbox.checking import survey

    standings = list(survey())
    jails = [one for one in standings if one.isolation and one.name != "none"]
    if form is not Format.TABLE:
        columns = [Column(name) for name in ("jail", "isolation", "milliseconds", "covers", "misses", "trouble", "how")]
        rows = [
            [jail.name, jail.isolation, jail.milliseconds, jail.covers, jail.misses, jail.trouble, jail.how]
            for jail in standings
        ]
        print_rows(columns, rows, form)
    else:
        print_table(_table(standings))
        say(f"auto takes {jails[0].isolation}." if jails else "No jail holds here: see docs/sandbox.md.", "bold")
        say("ms: from the start of a fresh program to its first answer, median.")
    return ExitCode.OK if jails else ExitCode.UNAVAILABLE


app.command("build-image")(build_image)


def _table(standings: Sequence[Standing]) -> Table:
    """Sentences are wrapped, not cut: why a jail does not hold is what one has come for."""
    table = plain_table()
    for title in ("jail", "here", "ms", "covers", "does not cover"):
        table.add_column(title, justify="right" if title == "ms" else "left", no_wrap=title in ("jail", "ms"))
    for one in standings:
        ok = f"ok, as {one.isolation}" + (f": {one.how}" if one.how else "")
        here = ok if one.isolation else f"no: {one.trouble}"
        if one.name == "none":
            here = "no jail at all: only with --unsafe-no-sandbox"
        figure = "-" if one.milliseconds is None else f"{one.milliseconds:.1f}"
        table.add_row(*(Text(visible(text)) for text in (one.name, here, figure, one.covers, one.misses)))
    return table
