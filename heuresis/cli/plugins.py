"""`heuresis plugins`: what installed packages bring, and whether it can be used."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heuresis.cli.examining import shipped_and_loader, troubles
from heuresis.cli.options import Format, Formats
from heuresis.cli.output import Column, print_rows, say
from heuresis.plugins import GROUPS, Plugin, offered


@dataclass(frozen=True)
class State:
    """A plugin, and why it cannot be used."""

    plugin: Plugin
    trouble: str
    """Empty when it can."""


def plugins(form: Formats = Format.TABLE) -> None:
    """List what installed packages bring: problems, methods, operators, models, jails, hooks.

    Each one is imported; one that cannot be used says why.
    """
    columns = [Column("kind", "kind"), Column("name", "name"), Column("distribution", "package")]
    columns += [Column("version", "version"), Column("reference", "reference"), Column("trouble", "state", _state)]
    seen = list(states())
    rows = [
        [
            one.plugin.kind,
            one.plugin.name,
            one.plugin.distribution,
            one.plugin.version,
            one.plugin.reference,
            one.trouble,
        ]
        for one in seen
    ]
    print_rows(columns, rows, form, "No installed package brings a problem, method, operator, model, jail or hook.")
    if form is Format.TABLE:
        tell_troubles([(one.plugin.name, one.trouble) for one in seen if one.trouble])


def tell_troubles(troubles: Sequence[tuple[str, str]]) -> None:
    """Below a table, where there is room: why these names cannot be used."""
    for name, trouble in troubles:
        say()
        say(f"{name}: {trouble}", "yellow")


def _state(trouble: str) -> str:
    return "cannot be used" if trouble else "ok"


def quiet() -> contextlib.AbstractContextManager[object]:
    """What other people's code prints while it is imported goes to stderr: a list in JSON stays JSON."""
    return contextlib.redirect_stdout(sys.stderr)


def states() -> Iterator[State]:
    """Every plugin, loaded and looked at in another process; nothing that it does there reaches us."""
    claims = {(kind, name): several for kind in GROUPS for name, several in offered(kind).items()}
    ours = {(kind, name) for kind, name in claims if name in shipped_and_loader(kind)[0]}
    found = troubles([one for one in claims if one not in ours])
    for key, several in claims.items():
        trouble = "the name is one of ours, which is used" if key in ours else found[key]
        yield from (State(claim, trouble) for claim in several)
