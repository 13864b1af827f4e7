"""Plays an adopted evaluator in the jail: `judge` is the one entry point that the referee calls.

Nothing here is trusted: the evaluator and the program that it judges share this process with it.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import math
import numbers
import os
import runpy
import sys
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

HOME = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HOME, "adopted")
_TEXT_CHARACTERS = 4_000


def judge(layout: str, program: str, evaluator: str, thresholds: Sequence[float]) -> dict[str, Any]:
    """What the evaluator reports: `metrics` (name -> number), `text`, `wrong` (why it is incorrect, or empty).

    `thresholds`: scores from which the next stage of a cascade is played; empty where stages are not wanted.
    """
    _settle()
    paths = os.path.join(FOLDER, program), os.path.join(FOLDER, evaluator)
    return _shinka(*paths) if layout == "shinka" else _openevolve(*paths, thresholds)


def _settle() -> None:
    """The surroundings that such an evaluator expects: its folder, an empty main module, a path for subprocesses."""
    os.chdir(FOLDER)
    stand_ins = os.path.join(HOME, "stand_ins")
    if HOME in sys.path:
        sys.path.remove(HOME)  # a `program.py` of the folder's own is imported by that name, not this bridge
    sys.path[:0] = [FOLDER, stand_ins]
    sys.modules.pop("program", None)
    sys.modules["__main__"] = types.ModuleType("__main__")  # processes that are spawned import the main file again
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in (FOLDER, stand_ins, before) if part)
    os.environ.setdefault("PATH", f"{os.path.dirname(sys.executable)}:/usr/bin:/bin")
    os.environ.update(HOME="/tmp", TMPDIR="/tmp", MPLBACKEND="Agg")


def _openevolve(program: str, evaluator: str, thresholds: Sequence[float]) -> dict[str, Any]:
    module = _loaded(_stem(evaluator), evaluator)
    first = getattr(module, "evaluate_stage1", None)
    if not thresholds or first is None:
        return _told([_unless_exits(module.evaluate, program)])
    reports = [_unless_exits(first, program)]
    for number, threshold in enumerate(thresholds[:2], 2):
        stage = getattr(module, f"evaluate_stage{number}", None)
        if stage is None or not _passes(reports[-1], threshold):
            break
        reports.append(_unless_exits(stage, program))
    return _told(reports)


def _passes(report: Any, threshold: float) -> bool:
    metrics = _told([report])["metrics"]
    if "combined_score" in metrics:
        return bool(metrics["combined_score"] >= threshold)
    values = [value for name, value in metrics.items() if name != "error"]
    return bool(values) and sum(values) / len(values) >= threshold


def _told(reports: Sequence[Any]) -> dict[str, Any]:
    """Several stages as one report: a later stage's metric replaces an earlier one's of the same name."""
    metrics: dict[str, float] = {}
    texts: list[str] = []
    for report in reports:
        found = getattr(report, "metrics", report)
        if not isinstance(found, Mapping):
            raise TypeError(f"the evaluator returned {type(report).__name__}, not a mapping of metrics")
        metrics.update(_numbers(found))
        texts += _texts(found)
        texts += _texts(getattr(report, "artifacts", None) or {})
    return {"metrics": metrics, "text": _short(texts), "wrong": ""}


def _shinka(program: str, evaluator: str) -> dict[str, Any]:
    results = tempfile.mkdtemp(prefix="results_")
    sys.argv = [evaluator, "--program_path", program, "--results_dir", results]
    try:
        module = _loaded(_stem(evaluator), evaluator)
        main = getattr(module, "main", None)
        if main is None:
            runpy.run_path(evaluator, run_name="__main__")
        elif inspect.signature(main).parameters:
            main(program, results)
        else:
            main()
    except SystemExit as error:  # how scripts end; what counts is whether they wrote their results
        if not os.path.exists(os.path.join(results, "metrics.json")):
            raise RuntimeError(f"the evaluator called sys.exit({error.code!r})") from error
    metrics, correct = (_json(os.path.join(results, name)) for name in ("metrics.json", "correct.json"))
    public = metrics.get("public")
    found = {**(public if isinstance(public, Mapping) else {}), **metrics}
    feedback = [str(metrics["text_feedback"])] if metrics.get("text_feedback") else []
    wrong = "" if correct.get("correct") else str(correct.get("error") or "the evaluator says it is not correct")
    return {"metrics": _numbers(found), "text": _short(feedback), "wrong": wrong[:_TEXT_CHARACTERS]}


def _json(path: str) -> dict[str, Any]:
    if not os.path.exists(path):
        raise RuntimeError(f"the evaluator wrote no {os.path.basename(path)}")
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if not isinstance(found, dict):
        raise RuntimeError(f"the evaluator's {os.path.basename(path)} holds no mapping")
    return found


def _loaded(name: str, path: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _stem(path: str) -> str:
    """The name by which a process that is spawned imports it again."""
    return os.path.splitext(os.path.basename(path))[0]


def _unless_exits(stage: Callable[[str], Any], program: str) -> Any:
    try:
        return stage(program)
    except SystemExit as error:
        raise RuntimeError(f"sys.exit({error.code!r}) was called") from error


def _numbers(found: Mapping[Any, Any]) -> dict[str, float]:
    """Of these values the numbers, truth values and numpy's among them; finite or not."""
    named = {str(name): value.item() if _is_scalar(value) else value for name, value in found.items()}
    return {name: _as_float(value) for name, value in named.items() if isinstance(value, numbers.Real)}


def _as_float(value: Any) -> float:
    """Infinity for a whole number beyond what a float holds."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _is_scalar(value: Any) -> bool:
    return hasattr(value, "item") and getattr(value, "ndim", None) == 0


def _texts(found: Mapping[Any, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in found.items() if isinstance(value, str) and value]


def _short(texts: Sequence[str]) -> str:
    return "\n".join(text[:_TEXT_CHARACTERS] for text in texts)[: 4 * _TEXT_CHARACTERS]
