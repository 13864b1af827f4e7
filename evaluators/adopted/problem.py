"""`Adopted`: a folder with an initial program and its evaluator, as a problem.

Evaluator and program run together in one jail, since such an evaluator loads the program by itself. The host is as safe
as with any other problem. The score is not: a program can reach into the evaluator, so every verdict is SELF_REPORTED.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from heuresis.evaluators import gate
from heuresis.evaluators.adopted.configuration import check_timeout
from heuresis.evaluators.adopted.folder import Folder, read_folder
from heuresis.evaluators.adopted.staging import stage
from heuresis.evaluators.nouns import Result, Status, Tier
from heuresis.evaluators.player import ProgramFailed
from heuresis.evaluators.problem import Exam, Invalid, Objective, Problem
from heuresis.evaluators.signature import EntryPoint, Parameter
from heuresis.program import Limits, Program

PREFIX = "adopted:"
SCORE = "combined_score"
_MOST_METRICS = 200
_NAME_CHARACTERS, _TEXT_CHARACTERS = 100, 20_000
"""The bridge keeps to shorter texts, but what runs beside it need not."""
_START, _END = "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END"


class Adopted(Problem):
    """Base of the classes that `adopted_class` makes, one for a folder."""

    folder: ClassVar[Folder]
    self_reported = True
    entry_points = ("judge(layout: str, program: str, evaluator: str, thresholds: float[n]) -> dict",)
    objectives = (Objective(SCORE, "max"),)
    tier_sizes = {Tier.TRAIN: 0, Tier.VALID: 1, Tier.TEST: 0, Tier.SHIFT: 0}
    """The evaluator is played once per program: it holds whatever instances it has."""
    promotions = ()
    block_size = 1
    cost_seconds = 15.0

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        timeout = check_timeout("--set timeout", self.set["timeout"])
        self.__dict__["limits"] = limits(timeout)  # of this instance: the class has those of the configuration

    def generate(self, tier: Tier, index: int, rng: np.random.Generator) -> Any:
        """Nothing: the evaluator has its own."""
        return None

    def run(self, program: Any, instance: Any, exam: Exam) -> Result:
        folder = self.folder
        told = program.judge(
            folder.layout.value, folder.program, folder.evaluator, list(folder.configuration.thresholds)
        )
        return read_report(told)

    def instance_name(self, instance: Any) -> str:
        return self.folder.evaluator

    def staged(self, program: Program) -> Program:
        return stage(self.folder.files, self.folder.program, program.text)

    def content(self) -> str:
        """Every staged file, the bridge among them, and the cascade."""
        return f"{self.staged(Program.of(self.folder.text)).id} {self.folder.configuration.thresholds}"

    @property
    def required(self) -> tuple[EntryPoint, ...]:
        """The functions of the initial program that its evaluator names, and those outside its evolve block."""
        return required_functions(self.folder.text, self.folder.files[self.folder.evaluator])


def limits(timeout_seconds: float) -> Limits:
    """Of one evaluation: such evaluators start processes, write files and print more than a bare function does."""
    return Limits(
        wall_seconds=timeout_seconds,
        cpu_seconds=timeout_seconds,  # a jailed child has one core
        memory_bytes=4 << 30,
        processes=128,
        output_bytes=16 << 20,
        file_bytes=512 << 20,
    )


def adopted_class(reference: str) -> type[Adopted]:
    """The problem of `adopted:DIR`. Raises ConfigError for a folder that cannot be adopted."""
    folder = read_folder(reference.removeprefix(PREFIX))
    attributes = {
        "__doc__": f"{folder.root.name}: an adopted {folder.layout.value} folder; its scores are SELF_REPORTED.",
        "__module__": __name__,
        "folder": folder,
        "name": folder.root.resolve().name,
        "statement": _statement(folder),
        "seeds": {"initial": folder.text},
        "runtime": tuple(folder.packages),
        "parameters": {"timeout": folder.configuration.timeout_seconds},
        "limits": limits(folder.configuration.timeout_seconds),
    }
    return type("Adopted", (Adopted,), attributes)


def absolute_reference(name: str) -> str:
    """`adopted:DIR` with an absolute path; any other name as it is."""
    return f"{PREFIX}{Path(name.removeprefix(PREFIX)).resolve()}" if name.startswith(PREFIX) else name


def read_report(told: object) -> Result:
    """The result of what the bridge said. Raises `Invalid` or ProgramFailed: it may be anything."""
    if not isinstance(told, dict) or not isinstance(told.get("metrics"), dict):
        raise Invalid("the evaluator's report is no mapping of metrics")
    text, wrong = told.get("text", ""), told.get("wrong", "")
    if not isinstance(text, str) or not isinstance(wrong, str):
        raise Invalid("the evaluator's report has something else where its words should be")
    text = text[:_TEXT_CHARACTERS]
    if wrong:
        raise ProgramFailed(Status.INVALID, f"incorrect: {wrong[:_TEXT_CHARACTERS]}", text)
    score = _score(told["metrics"], text)
    kept, left_out = _kept(told["metrics"])
    if left_out:
        text = f"{text}\nmetrics left out: {left_out} (not finite, too many, or with a name that is no short line)"
    return Result({**kept, SCORE: score}, feedback=text.lstrip())


def _kept(metrics: Mapping[object, object]) -> tuple[dict[str, float], int]:
    """The finite numbers under names that can be listed, beside the score; and how many others there are."""
    kept: dict[str, float] = {}
    for name, value in metrics.items():
        if len(kept) < _MOST_METRICS and _is_listable(name):
            kept |= {str(name): float(value)} if isinstance(value, (int, float)) and _is_finite(value) else {}
    kept.pop(SCORE, None)
    return kept, len(metrics) - len(kept) - (SCORE in metrics)


def _is_listable(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= _NAME_CHARACTERS and name.isprintable()


def _score(numbers: Mapping[object, object], text: str) -> float:
    """`combined_score`, else the mean of all numbers, which must be few enough to be shown."""
    if SCORE not in numbers and len(numbers) > _MOST_METRICS:
        reason = f"the evaluator reported {len(numbers):,} metrics and no {SCORE}; a mean is taken of {_MOST_METRICS}"
        raise ProgramFailed(Status.INVALID, f"{reason} at most", text)
    values = [numbers[SCORE]] if SCORE in numbers else list(numbers.values())
    if not values:
        raise ProgramFailed(Status.INVALID, "the evaluator reported no number", text)
    finite = [float(value) for value in values if isinstance(value, (int, float)) and _is_finite(value)]
    if len(finite) < len(values):
        what = SCORE if SCORE in numbers else "a metric of those whose mean is the score"
        raise ProgramFailed(Status.INVALID, f"{what} is not a finite number", text)
    return sum(finite) / len(finite)


def _is_finite(value: object) -> bool:
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False


def required_functions(text: str, evaluator: str) -> tuple[EntryPoint, ...]:
    """Module-level functions of `text` that the evaluator names or that stand outside the evolve blocks."""
    try:
        tree = gate.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # the gate says what is wrong with the seed
        return ()
    words, inside = set(re.findall(r"\w+", evaluator)), _evolved_lines(text)
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return tuple(_entry(node) for node in functions if node.name in words or (inside and node.lineno not in inside))


def _evolved_lines(text: str) -> set[int]:
    """Line numbers within the blocks; empty where there are none."""
    lines, within = set(), False
    for number, line in enumerate(text.splitlines(), 1):
        within = line.strip().startswith(_START) or (within and not line.strip().startswith(_END))
        if within:
            lines.add(number)
    return lines


def _entry(node: ast.FunctionDef | ast.AsyncFunctionDef) -> EntryPoint:
    arguments: Sequence[ast.arg] = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    parameters = tuple(Parameter(one.arg, ast.unparse(one.annotation) if one.annotation else "") for one in arguments)
    return EntryPoint(node.name, parameters, ast.unparse(node.returns) if node.returns else "Any")


def _statement(folder: Folder) -> str:
    message = folder.message or f"Improve the program {folder.program} of the folder {folder.root.name}."
    blocks = (
        f"Only what stands between {_START} and {_END} may change; everything else stays as it is, to the letter."
        if _START in folder.text
        else "All of it may change."
    )
    return (
        f"{message}\n\nThe program is one file, {folder.program}. {blocks} It is loaded and scored by an evaluator, "
        f"{folder.evaluator}, whose {SCORE} is to be made as large as possible."
    )
