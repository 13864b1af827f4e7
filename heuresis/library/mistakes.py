"""A user's mistake in the words of Python: `evaluations` where the command line says `--evaluations`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from heuresis.errors import ConfigError
from heuresis.evaluators.serve import in_referee
from heuresis.plugins import StartedWhileLoaded, being_loaded

_RENAMED = {"set": "settings", "method-set": "method_settings", "hook": "hooks"}
_OPTION = re.compile(r"--new NAME|--set (\w+)|--method-set ([\w.]+)|--([a-z][a-z-]*)")


@contextmanager
def in_python() -> Iterator[None]:
    """A ConfigError that leaves the block names arguments, not options; everything else goes up unchanged.

    Also a decorator.
    """
    try:
        yield
    except ConfigError as error:
        _translate(error)
        raise


def check_started(what: str) -> None:
    """Raises ConfigError when `what` is called by a file that is only being imported for what it defines."""
    if in_referee() or being_loaded():
        raise StartedWhileLoaded(what)


def _translate(error: ConfigError) -> None:
    """In place: the error keeps its type, its cause and its traceback."""
    for part in ("key", "expected", "hint"):
        setattr(error, part, _words(getattr(error, part)))
    error.args = tuple(_words(one) if isinstance(one, str) else one for one in error.args)


def _words(text: str) -> str:
    return _OPTION.sub(_word, text)


def _word(match: re.Match[str]) -> str:
    setting, of_method, option = match.groups()
    if setting:
        return f"settings[{setting!r}]"
    if of_method:
        return f"method_settings[{of_method!r}]"
    if option is None:
        return "name=NAME"
    return _RENAMED.get(option, option.replace("-", "_"))
