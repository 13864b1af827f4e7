"""The files that one jailed child of an adopted folder is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from heuresis.program import MAIN_FILE, Program

PLACE = "adopted"
"""The folder's place beside the bridge."""
_INSIDE = Path(__file__).parent / "inside"
_STAND_INS = {
    "openevolve/__init__.py": "from openevolve.evaluation_result import EvaluationResult as EvaluationResult\n",
    "shinka/__init__.py": "",
    "shinka/core/__init__.py": (
        "from shinka.core.wrap_eval import load_program as load_program\n"
        "from shinka.core.wrap_eval import run_shinka_eval as run_shinka_eval\n"
        "from shinka.core.wrap_eval import save_json_results as save_json_results\n"
    ),
}
PROVIDED = frozenset({"openevolve", "openevolve.evaluation_result", "shinka", "shinka.core", "shinka.core.wrap_eval"})
"""Modules of other tools that an evaluator may import: ours stand in for them, whether or not theirs are installed."""


def stage(files: Mapping[str, str], program_name: str, text: str) -> Program:
    """The bridge, the folder with `text` as its program, and what stands in for the other tools' modules."""
    stand_ins = {
        **_STAND_INS,
        "openevolve/evaluation_result.py": _text_of("evaluation_result.py"),
        "shinka/core/wrap_eval.py": _text_of("wrap_eval.py"),
    }
    return Program(
        {
            MAIN_FILE: _text_of("bridge.py"),
            **{f"stand_ins/{path}": source for path, source in stand_ins.items()},
            **{f"{PLACE}/{path}": source for path, source in files.items()},
            f"{PLACE}/{program_name}": text,
        }
    )


def _text_of(name: str) -> str:
    return (_INSIDE / name).read_text(encoding="utf-8")
