"""`heuresis evaluate`: any file on any problem, with instances that everybody gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.agent.references import reference_rows
from heuresis.cli import files
from heuresis.cli.exits import ExitCode
from heuresis.cli.options import (
    Device,
    Isolation,
    MinIsolation,
    ProblemName,
    Settings,
    TextOrJson,
    UnsafeNoSandbox,
    read_pairs,
)
from heuresis.cli.output import counted, plain_table, print_json, print_table, say
from heuresis.cli.scale import MEANING, Scale, ends, number, places, seconds_text
from heuresis.cli.stamp import tell_stamp
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.evaluators.nouns import Evaluation
    from heuresis.evaluators.problem import Problem
    from heuresis.program import Program

_TIERS = ("valid", "train")
_SHOWN_INSTANCES = 10
_SHOWN_LINES = 20


def evaluate(
    problem: ProblemName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The program; - is standard input.")],
    settings: Settings = None,
    tier: Annotated[
        str,
        typer.Option("--tier", metavar="[valid|train]", help="Held-out tiers belong to campaigns: heuresis test."),
    ] = "valid",
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    isolation: Isolation = "auto",
    min_isolation: MinIsolation = "",
    device: Device = "auto",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
) -> int:
    """Judge one program file.

    The instances come from public seeds: everybody gets the same numbers.
    Nothing is stored. Ends with 4 when the program has no score.
    """
    from heuresis.agent import judging
    from heuresis.evaluators.catalog import load_problem
    from heuresis.evaluators.nouns import Status, Tier

    if tier not in _TIERS:
        raise ConfigError("--tier", "'valid' or 'train'", tier, "Held-out tiers are opened by: heuresis test ID.")
    given = read_pairs("--set", settings)
    loaded = load_problem(problem, given)
    program = files.read_program(file)
    seen = judging.evaluate(
        problem,
        program,
        given,
        isolation=isolation,
        min_isolation=min_isolation,
        device=device,
        allow_none=unsafe_no_sandbox,
        tier=Tier(tier),
    )
    if form is TextOrJson.JSON:
        print_json(_object(problem, loaded, program, tier, seen))
    else:
        _show(loaded, file, program, tier, seen, given)
    return ExitCode.OK if seen.status is Status.SCORED else ExitCode.PROGRAM_FAILED


def _object(name: str, problem: Problem, program: Program, tier: str, seen: Evaluation) -> dict[str, object]:
    objective, score = problem.objectives[0], seen.score
    scale = Scale.of_objective(objective)
    low, high = ends(scale.interval(score)) if score else (None, None)
    return {
        "problem": name,
        "program": program.id,
        "tier": tier,
        "status": seen.status.value,
        "score": score.value if score else None,
        "value": scale.value(score.value) if score else None,
        "low": low,
        "high": high,
        "standard_error": score.standard_error if score else None,
        "count": score.count if score else None,
        "objective": {"metric": objective.metric, "direction": objective.direction, "unit": objective.unit},
        "metrics": dict(seen.metrics),
        "measures": dict(seen.measures),
        "instances": [
            {"index": row.index, "name": row.name, "metrics": dict(row.result.metrics)} for row in seen.results
        ],
        "seconds": seen.wall_seconds,
        "cpu_seconds": seen.cpu_seconds,
        "calls": seen.calls,
        "isolation": seen.isolation,
        "stage": seen.stage,
        "reason": seen.reason,
        "quarantine": seen.quarantine,
        "self_reported": seen.self_reported,
        "feedback": seen.feedback,
    }


def _show(problem: Problem, file: str, program: Program, tier: str, seen: Evaluation, given: dict[str, str]) -> None:
    scale = Scale.of_objective(problem.objectives[0])
    say(f"{file} ({program.id[:8]}) on {problem.name}")
    if seen.score is None:
        first, _, rest = seen.reason.partition("\n")
        say(f"{seen.status.value}: {first}", "bold red")
        say(rest) if rest else None
    else:
        say(f"{scale.metric} {scale.full(tier, seen.score)}", "bold")
        say(f"{MEANING}.", "dim")
        others = [f"{name} {number(value)}" for name, value in seen.metrics.items() if name != scale.metric]
        say(", ".join((*others, *(f"{name} {number(value)}" for name, value in seen.measures.items()))))
    if seen.quarantine:
        say(f"quarantined: {seen.quarantine}", "bold red")
    tell_stamp(seen.self_reported)
    if seen.isolation:
        say(f"{seconds_text(seen.wall_seconds)} in the jail ({seen.isolation}), {counted(seen.calls, 'call')}")
    _show_feedback(seen, tier)
    if seen.score is not None:
        _show_instances(seen, scale)
        for line in reference_rows(problem, given):
            say(f"published: {line.name} {scale.amount(line.value)} on {line.where}", "dim")


def _show_feedback(seen: Evaluation, tier: str) -> None:
    """The end of it: what the program printed; of a failure its traceback, on train what the problem says of it too."""
    lines = seen.feedback.splitlines()
    if not lines:
        return
    left_out = f", the last {_SHOWN_LINES} of {len(lines)} lines" if len(lines) > _SHOWN_LINES else ""
    printed_only = tier == "valid" and seen.score is not None and not seen.self_reported
    say(f"{'printed' if printed_only else 'feedback and what was printed'}{left_out}:", "dim")
    for line in lines[-_SHOWN_LINES:]:
        say(f"  {line}", "dim")


def _show_instances(seen: Evaluation, scale: Scale) -> None:
    rows = seen.results[:_SHOWN_INSTANCES]
    if len(rows) < 2:
        return
    names = list(rows[0].result.metrics)
    table = plain_table()
    table.add_column("instance", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    digits = places(seen.score.standard_error) if seen.score else None
    for row in rows:
        cells = [number(row.result.metrics[n], digits if n == scale.metric else None) for n in names]
        table.add_row(row.name or str(row.index), *cells)
    say()
    print_table(table)
    if len(seen.results) > len(rows):
        say(f"... and {len(seen.results) - len(rows)} more; all of them: --format json", "dim")
    say()
