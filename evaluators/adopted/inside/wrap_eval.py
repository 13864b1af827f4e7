"""Stands in for `shinka.core.wrap_eval`: runs a program's experiment several times and writes the two result files.

Run times are not written: they differ from run to run, and a verdict must come out again as it is stored.
"""

from __future__ import annotations

import importlib.util
import json
import os
import traceback
from collections.abc import Callable, Sequence
from typing import Any

Checked = tuple[bool, str | None]


def load_program(program_path: str) -> Any:
    """The module of this file."""
    spec = importlib.util.spec_from_file_location("program", program_path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{program_path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_json_results(results_dir: str, metrics: dict[str, Any], correct: bool, error: str | None = None) -> None:
    """Write `metrics.json` and `correct.json`."""
    os.makedirs(results_dir, exist_ok=True)
    for name, value in (("correct", {"correct": correct, "error": error}), ("metrics", metrics)):
        with open(os.path.join(results_dir, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(value, file, default=_plain)


def run_shinka_eval(
    program_path: str,
    results_dir: str,
    experiment_fn_name: str,
    num_runs: int,
    get_experiment_kwargs: Callable[[int], dict[str, Any]] | None = None,
    aggregate_metrics_fn: Callable[[list[Any]], dict[str, Any]] | None = None,
    validate_fn: Callable[[Any], Checked] | None = None,
    default_metrics_on_error: dict[str, Any] | None = None,
    **_about_speed: Any,
) -> tuple[dict[str, Any], bool, str | None]:
    """Metrics, whether every run was valid, and the first error. Options about speed are taken and ignored."""
    metrics: dict[str, Any]
    try:
        experiment = getattr(load_program(program_path), experiment_fn_name)
        runs = [_run(experiment, number, get_experiment_kwargs) for number in range(num_runs)]
        faults = _faults(runs, validate_fn)
        metrics = dict(aggregate_metrics_fn(runs)) if aggregate_metrics_fn else {"num_successful_runs": len(runs)}
        if validate_fn is not None:
            metrics |= {"num_valid_runs": len(runs) - len(faults), "num_invalid_runs": len(faults)}
        error = f"Validation failed: {faults[0]}" if faults else None
    except Exception as failure:  # the program's or the evaluator's own: it is this program's result, told below
        traceback.print_exc()
        metrics = {"combined_score": 0.0, **(default_metrics_on_error or {})}
        error = f"{type(failure).__name__}: {failure}"
    metrics.pop("extra_data", None)
    save_json_results(results_dir, metrics, error is None, error)
    return metrics, error is None, error


def _run(experiment: Callable[..., Any], number: int, kwargs_of: Callable[[int], dict[str, Any]] | None) -> Any:
    return experiment(**(kwargs_of(number) if kwargs_of else {"seed": number + 1}))


def _faults(runs: Sequence[Any], validate: Callable[[Any], Checked] | None) -> list[str]:
    checked = [validate(run) for run in runs] if validate is not None else []
    return [str(message or "no reason given") for valid, message in checked if not valid]


def _plain(value: Any) -> Any:
    """numpy's numbers and arrays as JSON values; anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
