"""`heuresis plugins`: what installed packages bring, and whether it can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from heuresis.cli.options import Format, Formats
from heuresis.cli.output import Column, print_rows, say
from heuresis.errors import ConfigError
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
    print_rows(columns, rows, form, "No installed package brings any.")
    if form is Format.TABLE:
        tell_troubles([(one.plugin.name, one.trouble) for one in seen if one.trouble])


def tell_troubles(troubles: Sequence[tuple[str, str]]) -> None:
    """Below a table, where there is room: why these names cannot be used."""
    for name, trouble in troubles:
        say()
        say(f"{name}: {trouble}", "yellow")


def _state(trouble: str) -> str:
    return "cannot be used" if trouble else "ok"


def states() -> Iterator[State]:
    """Every plugin, imported and looked at; nothing that it raises gets out."""
    for kind in GROUPS:
        shipped, load = _kind(kind)
        for name, claims in offered(kind).items():
            trouble = "the name is one of ours, which is used" if name in shipped else _trouble(load, name)
            yield from (State(claim, trouble) for claim in claims)


def _trouble(load: Callable[[str], object], name: str) -> str:
    try:
        load(name)
    except ConfigError as error:
        return str(error)
    return ""


def _kind(kind: str) -> tuple[Mapping[str, str], Callable[[str], object]]:
    """Names of ours, and what loads and checks one of theirs."""
    from heuresis.agent import catalog
    from heuresis.agent.models.catalog import is_of_openai, load_model
    from heuresis.evaluators.catalog import SHIPPED, load_problem
    from heuresis.library.hooks import load_hook
    from heuresis.sandbox.backends import ISOLATIONS, load_backend

    kinds: Mapping[str, tuple[Mapping[str, str], Callable[[str], object]]] = {
        "problems": (SHIPPED, load_problem),
        "methods": (catalog.METHODS, lambda name: catalog.load_method(name, {})),
        "operators": (catalog.OPERATORS, catalog.load_operator),
        "models": ({name: "" for name in offered("models") if is_of_openai(name)}, load_model),
        "sandboxes": (dict.fromkeys(ISOLATIONS, ""), load_backend),
        "hooks": ({}, load_hook),
    }
    return kinds[kind]
