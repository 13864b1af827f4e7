"""Heuresis searches for algorithms: programs are proposed, run in a jail, scored by a referee, remembered.

    import heuresis

    class Sorting(heuresis.Problem): ...

The public names are loaded when first used (PEP 562), so that importing `heuresis.errors` loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heuresis.errors import ConfigError, HeuresisError, Unavailable
    from heuresis.evaluators.nouns import Evaluation, Result, Score, Status, Tier
    from heuresis.evaluators.problem import Exam, Invalid, Objective, Problem, Reference
    from heuresis.program import Limits, Program

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "Evaluation",
    "Exam",
    "HeuresisError",
    "Invalid",
    "Limits",
    "Objective",
    "Problem",
    "Program",
    "Reference",
    "Result",
    "Score",
    "Status",
    "Tier",
    "Unavailable",
    "__version__",
]

_HOMES = {
    "heuresis.errors": ("ConfigError", "HeuresisError", "Unavailable"),
    "heuresis.evaluators.nouns": ("Evaluation", "Result", "Score", "Status", "Tier"),
    "heuresis.evaluators.problem": ("Exam", "Invalid", "Objective", "Problem", "Reference"),
    "heuresis.program": ("Limits", "Program"),
}
"""Module -> the public names it defines. A test compares it with `__all__` and with the imports above."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'heuresis' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
