"""Exit codes, and how every kind of trouble ends a command."""

from __future__ import annotations

import enum
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import typer

from heuresis.cli.visible import visible
from heuresis.errors import ConfigError, HeuresisError, StoreDamaged


class ExitCode(enum.IntEnum):
    """What a command ends with; docs/commands.md says the same."""

    OK = 0
    BUG = 1
    """Ours: a traceback is printed."""
    MISTAKE = 2
    """The user's: the sentence says what to change."""
    UNAVAILABLE = 3
    """A part of ours is gone (sandbox, disk); what was committed is kept."""
    PROGRAM_FAILED = 4
    """The program that was to be judged has no score; or a problem is not fit for a campaign."""
    DAMAGE = 5
    """The store is damaged; or a stored verdict does not come out again."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM."""


def guarded(command: Callable[[], object]) -> int:
    """Run a command; every trouble becomes one sentence on stderr and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = _attempt(command)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        return _silenced()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _attempt(command: Callable[[], object]) -> int:
    try:
        code = command()
        return code if isinstance(code, int) else ExitCode.OK
    except SystemExit as end:  # typer's answer to a broken pipe
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise
    except BrokenPipeError:
        raise
    except typer.TyperException as error:
        if not error.format_message():  # a command without arguments has printed its help
            return ExitCode.OK
        tell(_words(error))
        return ExitCode.MISTAKE
    except HeuresisError as error:
        tell(str(error))
        return _code_of(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _bug()
        tell(f"the disk is full ({error}); free some space and repeat the command")
        return ExitCode.UNAVAILABLE
    except Exception:  # a bug: whoever reads the traceback looks at it next
        return _bug()


def _code_of(error: HeuresisError) -> ExitCode:
    if isinstance(error, StoreDamaged):
        return ExitCode.DAMAGE
    return ExitCode.MISTAKE if isinstance(error, ConfigError) else ExitCode.UNAVAILABLE


_EXPECTED = {
    "float_parsing": "a number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}",
}  # fmt: skip


def _words(error: typer.TyperException) -> str:
    """What typer found wrong; about numbers in the form of our own mistakes."""
    found: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()  # pydantic checks the values for typer
    kind = found[0].get("type", "") if len(found) == 1 else ""
    if kind not in _EXPECTED or not isinstance(error, typer.BadParameter) or error.param is None:
        text = error.format_message().replace("Value error, ", "")
        return f"{text} Their names: heuresis problems." if text == "Missing argument 'PROBLEM'." else text
    expected = _EXPECTED[kind].format(**found[0].get("ctx", {}))
    return str(ConfigError(error.param.opts[0], expected, found[0]["input"]))


def tell(sentence: str) -> None:
    """One sentence on stderr."""
    text = " ".join(sentence.split())
    print(visible(f"error: {text}" if text.endswith((".", "?", "!")) else f"error: {text}."), file=sys.stderr)


def _bug() -> int:
    traceback.print_exc()
    tell("this is a bug in Heuresis; what was committed to the store is kept")
    return ExitCode.BUG


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _silenced() -> int:
    """Nobody reads any more: what is still buffered goes nowhere, and Python says nothing of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK
