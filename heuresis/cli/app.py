"""The command `heuresis`. Heavy libraries are imported by the commands that need them, never here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import heuresis
from heuresis.cli import new, problem, quarantine, sandbox, store
from heuresis.cli.add import add
from heuresis.cli.adopt import adopt
from heuresis.cli.audit import audit
from heuresis.cli.browse import campaigns, top
from heuresis.cli.catalogs import methods, problems
from heuresis.cli.demo import demo
from heuresis.cli.doctor import doctor
from heuresis.cli.evaluate import evaluate
from heuresis.cli.exits import guarded
from heuresis.cli.export import export
from heuresis.cli.failures import failures
from heuresis.cli.fake_model import fake_model
from heuresis.cli.family import lineage
from heuresis.cli.held_out import judge_held_out
from heuresis.cli.ledger import calls, cost
from heuresis.cli.looks import looks
from heuresis.cli.plugins import plugins
from heuresis.cli.replay import replay
from heuresis.cli.run import run
from heuresis.cli.show import diff, show
from heuresis.cli.verify import verify

app = typer.Typer(
    name="heuresis",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 a bug, 2 a mistake in what was asked, 3 a part of ours unavailable, "
    "4 the program failed, 5 the store is damaged, 130 interrupted.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"heuresis {heuresis.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search for algorithms: programs are proposed, run in a jail, scored by a referee, remembered.

    Start with: heuresis run online_bin_packing
    """


_SEARCH, _LOOK, _JUDGE, _REST = "Search", "Look at what was found", "Judge", "Problems, methods, machine"
for _panel, _commands in {
    _SEARCH: (run, adopt, demo, add, replay),
    _LOOK: (top, failures, show, diff, lineage, campaigns, cost, calls, looks, export),
    _JUDGE: (evaluate, judge_held_out, verify, audit),
    _REST: (problems, methods, plugins, doctor, fake_model),
}.items():
    for _command in _commands:
        _name = "test" if _command is judge_held_out else _command.__name__.replace("_", "-")
        app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(quarantine.app, name="quarantine", rich_help_panel=_JUDGE)
app.add_typer(new.app, name="new", rich_help_panel=_REST)
app.add_typer(problem.app, name="problem", rich_help_panel=_REST)
app.add_typer(sandbox.app, name="sandbox", rich_help_panel=_REST)
app.add_typer(store.app, name="store", rich_help_panel=_REST)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code comes back (`ExitCode`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = typer.main.get_command(app)
    return guarded(lambda: command.main(args=words, prog_name="heuresis", standalone_mode=False))
