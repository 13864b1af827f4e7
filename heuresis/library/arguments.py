"""What callers may give in several forms, as the rest of Heuresis takes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from heuresis.errors import ConfigError
from heuresis.evaluators.problem import Problem
from heuresis.plugins import reference_of
from heuresis.program import Program

ProblemLike = str | type[Problem]
"""A name, a reference (`package.module:Class`, `path/to/file.py:Class`), or the class itself."""
Source = str | Path | Program
"""The text of a program, the path of its file, or a Program of one or several files."""
_MAX_BYTES = 10 << 20
_A_PATH = "A file is given as pathlib.Path(%r)."


def problem_name(problem: ProblemLike) -> str:
    """The name by which every process finds the problem. Raises ConfigError for a class that no other process can."""
    if isinstance(problem, str):
        return problem
    if isinstance(problem, type) and issubclass(problem, Problem) and problem is not Problem:
        return reference_of(problem)
    raise ConfigError("problem", "a name, or a class derived from heuresis.Problem", problem)


def program_of(source: Source) -> Program:
    """The program. Raises ConfigError for a file that cannot be read, and for anything that is no source."""
    if isinstance(source, Program):
        return source
    if isinstance(source, str):
        if source.endswith(".py") and "\n" not in source and os.path.isfile(source):
            raise ConfigError("source", "the text of a program", f"the name of a file: {source}", _A_PATH % source)
        return Program.of(source)
    if not isinstance(source, os.PathLike):
        raise ConfigError("source", "text, a pathlib.Path or a heuresis.Program", source)
    try:
        data = Path(source).read_bytes()
        if len(data) > _MAX_BYTES:
            raise ConfigError("source", f"at most {_MAX_BYTES >> 20} MiB of text", f"{source}, which is longer")
        return Program.of(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError("source", "a file that can be read", f"{source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError("source", "a Python file (UTF-8 text)", f"{source}, which is binary") from error


def check_whole(key: str, value: object) -> None:
    """Raises ConfigError for anything that is no whole number."""
    if type(value) is not int:
        raise ConfigError(key, "a whole number", value)


def check_flags(**flags: object) -> None:
    """Raises ConfigError for anything that is neither True nor False: a text such as "no" would count as True."""
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise ConfigError(key, "True or False", value)


def texts(key: str, settings: Mapping[str, object] | None) -> dict[str, str]:
    """Settings as the command line gives them, so that a campaign is the same whichever way it is begun."""
    if settings is not None and not isinstance(settings, Mapping):
        raise ConfigError(key, "a mapping from names to values", settings)
    return {str(name): str(value).lower() if value is True or value is False else str(value)
            for name, value in (settings or {}).items()}  # fmt: skip
