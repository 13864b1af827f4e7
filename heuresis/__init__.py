"""Heuresis searches for algorithms: programs are proposed, run in a jail, scored by a referee, remembered.

    import heuresis

    class Sorting(heuresis.Problem): ...

    done = heuresis.run("online_bin_packing", evaluations=200)          # a search; going on when repeated
    rule = heuresis.open().best("online_bin_packing").load()            # what was found, callable, jailed
    seen = heuresis.evaluate("online_bin_packing", done.best.code)      # the referee's verdict on any program

The public names are loaded when first used (PEP 562), so that importing `heuresis.errors` loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heuresis.errors import ConfigError, HeuresisError, Unavailable
    from heuresis.evaluators.nouns import Evaluation, Result, Score, Status, Tier
    from heuresis.evaluators.player import ProgramFailed
    from heuresis.evaluators.problem import Exam, Invalid, Objective, Problem, Reference
    from heuresis.evaluators.sentinel import Sentinel
    from heuresis.library.archive import Archive, open
    from heuresis.library.checking import check_problem
    from heuresis.library.found import Found
    from heuresis.library.hooks import Hook, Running
    from heuresis.library.judging import evaluate
    from heuresis.library.loading import Loaded
    from heuresis.library.questions import Question
    from heuresis.library.ran import Ran
    from heuresis.library.running import run
    from heuresis.library.search import Search
    from heuresis.program import Limits, Program

__version__ = "0.1.0"

__all__ = [
    "Archive",
    "ConfigError",
    "Evaluation",
    "Exam",
    "Found",
    "HeuresisError",
    "Hook",
    "Invalid",
    "Limits",
    "Loaded",
    "Objective",
    "Problem",
    "Program",
    "ProgramFailed",
    "Question",
    "Ran",
    "Reference",
    "Result",
    "Running",
    "Score",
    "Search",
    "Sentinel",
    "Status",
    "Tier",
    "Unavailable",
    "__version__",
    "check_problem",
    "evaluate",
    "open",
    "run",
]

_HOMES = {
    "heuresis.errors": ("ConfigError", "HeuresisError", "Unavailable"),
    "heuresis.evaluators.nouns": ("Evaluation", "Result", "Score", "Status", "Tier"),
    "heuresis.evaluators.player": ("ProgramFailed",),
    "heuresis.evaluators.problem": ("Exam", "Invalid", "Objective", "Problem", "Reference"),
    "heuresis.evaluators.sentinel": ("Sentinel",),
    "heuresis.library.archive": ("Archive", "open"),
    "heuresis.library.checking": ("check_problem",),
    "heuresis.library.found": ("Found",),
    "heuresis.library.hooks": ("Hook", "Running"),
    "heuresis.library.judging": ("evaluate",),
    "heuresis.library.loading": ("Loaded",),
    "heuresis.library.questions": ("Question",),
    "heuresis.library.ran": ("Ran",),
    "heuresis.library.running": ("run",),
    "heuresis.library.search": ("Search",),
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
