"""Reading the program that a person names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from heuresis.cli.options import did_you_mean
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.program import Program

_MAX_BYTES = 10 << 20


def read_program(name: str) -> Program:
    """The program in this file; `-` is standard input. Raises ConfigError for anything that is no text."""
    from heuresis.program import Program

    data = sys.stdin.buffer.read(_MAX_BYTES + 1) if name == "-" else _bytes_of(Path(name))
    if len(data) > _MAX_BYTES:
        raise ConfigError("FILE", f"at most {_MAX_BYTES >> 20} MiB of text", f"{name}, which is longer")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("FILE", "a Python file (UTF-8 text)", f"{name}, which is binary") from error
    if "\0" in text:
        raise ConfigError("FILE", "a Python file (UTF-8 text)", f"{name}, which is binary")
    return Program.of(text)


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        named = path if path.name.strip(".") else path.resolve()  # after `.` a full stop would be read as part of it
        raise ConfigError("FILE", "a Python file", f"the directory {named}", "Name a file in it.")
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        near = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near) or "There is no such file."
        raise ConfigError("FILE", "a Python file", str(path), hint) from None
    except OSError as error:
        raise ConfigError("FILE", "a file that can be read", str(path), f"{error.strerror or error}.") from error
