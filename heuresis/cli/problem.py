"""`heuresis problem check`: a red team for a problem, before money is spent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.exits import ExitCode
from heuresis.cli.options import (
    Device,
    Format,
    Isolation,
    MinIsolation,
    ProblemName,
    Settings,
    TextOrJson,
    UnsafeNoSandbox,
    read_pairs,
)
from heuresis.cli.output import Column, counted, print_json, print_rows, remark, say
from heuresis.cli.scale import number
from heuresis.cli.visible import visible

if TYPE_CHECKING:
    from heuresis.evaluators.checking.report import Finding, Played, Report

app = typer.Typer(no_args_is_help=True, help="Check a problem before money is spent.")

_STYLES = {"pass": None, "warn": "bold yellow", "fail": "bold red"}


@app.callback()
def _group() -> None:
    """Check a problem before money is spent."""


@app.command()
def check(
    problem: ProblemName,
    settings: Settings = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The first 8 instances of valid instead of the whole base set.")
    ] = False,
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    isolation: Isolation = "auto",
    min_isolation: MinIsolation = "",
    device: Device = "auto",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
) -> int:
    """Attack a problem: can a search over it find what you mean?

    Plays seeds, sentinels, cheats and programs that fail through the real
    referee and jail. Stores nothing. Ends with 4 when something failed.
    """
    from heuresis.evaluators.checking.check import check as checked

    report = checked(
        problem,
        read_pairs("--set", settings),
        quick=quick,
        isolation=isolation,
        min_isolation=min_isolation,
        device=device,
        allow_none=unsafe_no_sandbox,
        told=_teller(),
    )
    if form is TextOrJson.JSON:
        print_json(_object(report))
    else:
        _show(report)
    return ExitCode.OK if report.fit else ExitCode.PROGRAM_FAILED


def _teller() -> Callable[[str], None]:
    """What is going on, on stderr: one line that is repainted, or a line each where nobody watches."""
    if not sys.stderr.isatty():
        return lambda words: remark(f"... {words}")

    def repaint(words: str) -> None:
        sys.stderr.write(f"\r\x1b[K... {visible(words)[:70]}\r")
        sys.stderr.flush()

    return repaint


def _show(report: Report) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        say(f"{finding.level.value.upper()}  {finding.check:{width}}  {finding.reason}", _STYLES[finding.level.value])
    say()
    print_rows(_COLUMNS, [_row(played) for played in report.played], Format.TABLE)
    say()
    say(_summary(report), "bold")


def _summary(report: Report) -> str:
    from heuresis.evaluators.checking.report import Level

    failed, warned = (len(report.at(level)) for level in (Level.FAIL, Level.WARN))
    verdict = "fit for a campaign" if report.fit else "not fit for a campaign"
    first = f" Mend first: {report.first.check}." if report.first else ""
    checks = f"{counted(failed, 'failure')}, {counted(warned, 'warning')} in {len(report.findings)} checks"
    quick = ", on few instances" if report.quick else ""
    return f"{report.problem} is {verdict}: {checks}{quick}; {report.seconds:.0f} s.{first}"


_COLUMNS = [
    Column("name", "program"),
    Column("role", "role"),
    Column("status", "status", lambda status: str(status).replace("_", " ")),
    Column("value", "value", number, right=True),
    Column("standard_error", "error", number, right=True),
    Column("seconds", "s", lambda seconds: f"{seconds:.2f}", right=True),
    Column("reason", "reason", cut=True),
]


def _row(played: Played) -> list[object]:
    error = None if played.score is None else played.score.standard_error
    return [played.name, played.role, played.status.value, played.value, error, played.seconds, played.reason]


def _object(report: Report) -> dict[str, object]:
    return {
        "problem": report.problem,
        "fit": report.fit,
        "mend_first": report.first.check if report.first else None,
        "quick": report.quick,
        "seconds": report.seconds,
        "isolation": report.isolation,
        "findings": [_finding(finding) for finding in report.findings],
        "programs": [dict(zip([one.key for one in _COLUMNS], _row(played), strict=True)) for played in report.played],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "level": finding.level.value,
        "reason": finding.reason,
        "figures": dict(finding.figures),
    }
