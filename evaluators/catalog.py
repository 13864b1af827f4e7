"""Problems by name: shipped ones, those of plugins, `package.module:Class`, `path/to/file.py:Class`; `adopted:DIR`."""

from __future__ import annotations

from collections.abc import Mapping

from heuresis.errors import ConfigError
from heuresis.evaluators.adopted.problem import PREFIX, adopted_class
from heuresis.evaluators.problem import Problem
from heuresis.plugins import resolve

SHIPPED: Mapping[str, str] = {
    "circle_packing": "heuresis.evaluators.problems.circle_packing:CirclePacking",
    "online_bin_packing": "heuresis.evaluators.problems.online_bin_packing:OnlineBinPacking",
}


def load_problem(name: str, settings: Mapping[str, str] | None = None) -> Problem:
    """The problem of this name with these `--set` values. Raises ConfigError in words for anything that is wrong."""
    kind = problem_class(name)
    missing = [part for part in ("entry_points", "seeds", "objectives") if not getattr(kind, part)]
    if missing:
        raise ConfigError(f"{kind.__name__}.{missing[0]}", "at least one", "none", "See `heuresis new problem`.")
    problem = kind(settings)
    _ = problem.entries  # signatures are read now, so that a bad one is told before anything runs
    return problem


def problem_class(name: str) -> type[Problem]:
    """The class of this name. Raises ConfigError where there is none, or where it is no Problem."""
    if name.startswith(PREFIX):
        return adopted_class(name)
    kind = resolve("problem", "problems", name, SHIPPED, "a problem")
    if not (isinstance(kind, type) and issubclass(kind, Problem) and kind is not Problem):
        came = kind.__name__ if isinstance(kind, type) else f"a {type(kind).__name__}"
        raise ConfigError("problem", "the name of a class derived from heuresis.Problem", f"{name}, which is {came}")
    return kind
