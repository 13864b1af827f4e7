"""`heuresis problems` and `heuresis methods`: what there is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import Format, Formats, Settings, read_pairs
from heuresis.cli.output import Column, print_json, print_rows, say
from heuresis.cli.plugins import quiet, tell_troubles
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.evaluators.problem import Problem

_LINE = 100
"""Characters."""


def problems(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="As listed, package.module:Class or path/to/file.py:Class.")
    ] = None,
    settings: Settings = None,
    form: Formats = Format.TABLE,
) -> None:
    """List the problems, those of plugins too; with a NAME, print its full statement."""
    if name is not None:
        _print_statement(name, settings, form)
        return
    rows = list(_all_problems())
    brought = any(row[-2] for row in rows)
    print_rows([*_PROBLEM_COLUMNS, Column("origin", "from" if brought else ""), Column("trouble")], rows, form)
    if form is Format.TABLE:
        tell_troubles([(str(row[0]), str(row[-1])) for row in rows if row[-1]])
        say()
        say("The whole statement: heuresis problems NAME. A problem of your own: heuresis new problem FILE", "dim")


def _all_problems() -> Iterator[list[object]]:
    """Ours, then those of plugins; one that cannot be used says why."""
    from heuresis.evaluators.catalog import SHIPPED, load_problem
    from heuresis.plugins import found

    for shipped in SHIPPED:
        yield _problem_row(shipped, load_problem(shipped))
    for name, plugin in found("problems").items():
        if name in SHIPPED:
            continue
        try:
            with quiet():
                row = _problem_row(name, load_problem(name), plugin.origin)
            yield row
        except ConfigError as error:
            yield [name, *[None] * 7, "cannot be used", plugin.origin, str(error)]


def _print_statement(name: str, settings: list[str] | None, form: Format) -> None:
    from heuresis.agent.telling import problem_text
    from heuresis.evaluators.catalog import load_problem

    if form is Format.CSV:
        raise ConfigError("--format", "table or json for one problem", "csv")
    problem = load_problem(name, read_pairs("--set", settings))
    if form is Format.JSON:
        facts = dict(zip([one.key for one in _PROBLEM_COLUMNS], _problem_row(name, problem), strict=False))
        print_json({**facts, "text": problem_text(problem)})
    else:
        print(problem_text(problem), end="")


_PROBLEM_COLUMNS = [
    Column("name", "problem"),
    Column("objective", "objective"),
    Column("direction"),
    Column("unit"),
    Column("entry_points"),
    Column("seeds"),
    Column("parameters"),
    Column("cost_seconds"),
    Column("about", "about", cut=True),
]


def _problem_row(name: str, problem: Problem, origin: str = "") -> list[object]:
    objective = problem.objectives[0]
    about = (type(problem).__doc__ or problem.statement).strip().splitlines()[0]
    shown = f"{objective.metric} [{objective.unit}], {objective.direction}" if objective.unit else objective.metric
    return [
        *(name, shown, objective.direction, objective.unit, list(problem.entry_points), list(problem.seeds)),
        *(dict(problem.set), problem.cost_seconds, about, origin, ""),
    ]


def _settings_lines(settings: Mapping[str, object]) -> list[str]:
    words = " ".join(f"{key}={value}" for key, value in settings.items())
    first = "  --method-set "
    return textwrap.wrap(
        words,
        _LINE,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def methods(form: Formats = Format.TABLE) -> None:
    """List the search methods and their settings, those of plugins too."""
    from heuresis.agent import catalog

    columns = [
        Column("name", "method"),
        Column("about", "about", cut=True),
        Column("settings", "settings", lambda values: f"{len(values)}" if values else "none"),
        Column("origin", "from"),
        Column("trouble", "trouble"),
    ]
    with quiet():
        described = catalog.methods()
    if form is Format.TABLE:
        for one in described:
            say(f"{one.name} (from {one.origin})" if one.origin else one.name, "bold")
            say(f"  cannot be used: {one.trouble}" if one.trouble else f"  {one.summary}")
            if one.settings:
                for line in _settings_lines(one.settings):
                    say(line, "dim")
        return
    print_rows(
        columns, [[one.name, one.summary, dict(one.settings), one.origin, one.trouble] for one in described], form
    )
