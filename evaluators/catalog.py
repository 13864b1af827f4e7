"""Problems by name: the shipped ones, `path/to/file.py:Class`, or `package.module:Class`."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from heuresis.errors import ConfigError
from heuresis.evaluators.problem import Problem

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
    target = SHIPPED.get(name, name)
    where, _, attribute = target.rpartition(":")
    if not where:
        raise _unknown(name)
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where, name)
    kind = getattr(module, attribute, None)
    if not (isinstance(kind, type) and issubclass(kind, Problem) and kind is not Problem):
        found = [
            n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Problem) and v is not Problem
        ]
        raise ConfigError("problem", f"a Problem class in {where} (there: {', '.join(found) or 'none'})", attribute)
    return kind


def _unknown(name: str) -> ConfigError:
    close = difflib.get_close_matches(name, SHIPPED, n=1)
    hint = f"Did you mean {close[0]}?" if close else "See `heuresis problems`."
    return ConfigError("problem", f"one of {', '.join(SHIPPED)}, or path/to/file.py:Class", name, hint)


def _load_module(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError("problem", "a module that can be imported", name, f"{error}.") from error


def _load_file(path: Path) -> ModuleType:
    """A user's own file, under a module name of its own; its folder is importable for its helpers."""
    if not path.is_file():
        raise ConfigError("problem", "a Python file with a Problem class", str(path), "There is no such file.")
    path = path.resolve()
    module_name = f"heuresis_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("problem", "a Python file", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[module_name]
        raise ConfigError("problem", "valid Python", str(path), f"{error.msg}, line {error.lineno}.") from error
    # The user's own module may raise anything; it is told in words and with its cause.
    except Exception as error:
        del sys.modules[module_name]
        raise ConfigError("problem", "a file that imports", str(path), f"{type(error).__name__}: {error}.") from error
    return module
