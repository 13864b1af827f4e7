"""`heuresis new problem`: a template that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heuresis.cli.output import say
from heuresis.cli.stores import Shell
from heuresis.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Write a file to start from.")

TEMPLATE = '''"""A problem of your own: cover numbers with a formula. Change everything, from the statement on."""

import numpy as np

from heuresis import Objective, Problem, Result
from heuresis.evaluators.checks import finite_array

LINE = \'\'\'import numpy as np


def formula(x):
    return 1.0 * x + 0.0
\'\'\'

# What has looked at nothing must score below what has: `heuresis problem check` plays these and much more.
NO_OP = "def formula(x):\\n    return 0.0 * x\\n"
RANDOM = "import numpy as np\\ndef formula(x):\\n    return np.random.default_rng(1).normal(size=len(x))\\n"


class {name}(Problem):
    """Which formula is hidden behind the points?"""

    statement = "formula(x) receives points between -2 and 2 and returns one number per point: come close to the curve."
    entry_points = ("formula(x: float[n]) -> float[n]",)
    seeds = {{"line": LINE}}  # at least one program that works; the search starts from these
    sentinels = {{"random": RANDOM, "no-op": NO_OP, "known good": LINE}}  # lowest first: heuresis problem check
    objectives = (Objective("mean_error", "min"),)  # a metric that `run` returns
    parameters = {{"points": 50}}  # heuresis run ... --set points=100

    def generate(self, tier, index, rng):
        """One exam question: any object. Use `rng` for all that is random. The shift tier asks further out."""
        reach = 3 if tier == "shift" else 2
        return rng.uniform(-reach, reach, self.set["points"])

    def run(self, program, x, exam):
        """Put the question to the program, which runs in its jail, and judge the answer here."""
        answer = finite_array(program.formula(x), x.shape, "formula")  # a wrong answer fails the program
        wanted = 1.5 * x + 1.0 + 0.5 * np.sin(3 * x)
        return Result({{"mean_error": float(np.abs(answer - wanted).mean())}})
'''


@app.callback()
def _group() -> None:
    """Write a file to start from."""


@app.command()
def problem(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file that does not exist yet.")],
) -> None:
    """Write a small problem that runs at once; change it into your own."""
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise ConfigError("FILE", "a name such as my_problem.py", str(file))
    name = "".join(part.capitalize() for part in file.stem.split("_"))
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(TEMPLATE.format(name=name))
    except FileExistsError:
        raise ConfigError("FILE", "a file that does not exist yet", str(file), "Nothing was overwritten.") from None
    except OSError as error:
        raise ConfigError("FILE", "a place that can be written", str(file), f"{error.strerror or error}.") from error
    target = f"{file}:{name}"
    say(f"Wrote {file}. Try it:")
    shell = Shell()
    say(f"  {shell.command('run', target, '--minutes', '1')}")
    say(f"  {shell.command('problems', target)}")
    say("Before you pay for a search over a problem of yours:")
    say(f"  {shell.command('problem', 'check', target)}")
