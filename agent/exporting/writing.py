"""Puts an export in its place as a whole: built beside it under another name, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from heuresis.errors import ConfigError

_KEY = "-o"


def check_place(target: Path, *, single_file: bool, force: bool) -> None:
    """Raises ConfigError when nothing may be written there; told before anything is played."""
    if single_file:
        _check_file(target, force)
    else:
        _check_folder(target, force)
    above = next(folder for folder in target.resolve().parents if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise ConfigError(_KEY, "a place that can be written", str(target), f"{above} is not.")


def _check_file(target: Path, force: bool) -> None:
    if target.is_dir():
        raise ConfigError(_KEY, "the name of a file, such as rule.py", f"the folder {target}")
    if target.exists() and not force:
        raise ConfigError(_KEY, "a file that does not exist yet", str(target), "Replace it with --force.")


def _check_folder(target: Path, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(_KEY, "a folder", f"the file {target}", "A single file is written with --single-file.")
    if Path.cwd().is_relative_to(target.resolve()):
        raise ConfigError(_KEY, "a folder other than the one you are in", str(target))
    if not target.exists() or not any(target.iterdir()):
        return
    if not force:
        raise ConfigError(_KEY, "a new or empty folder", str(target), "Replace a former export with --force.")
    if not is_export(target):
        raise ConfigError(_KEY, "a former export, which is all that --force replaces", str(target))


def is_export(folder: Path) -> bool:
    """Whether the folder holds a package that was exported."""
    return any(folder.glob("src/*/card.json")) and (folder / "tests" / "replay.py").exists()


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """All files or none. What was there is replaced. Raises ConfigError when it cannot be written."""
    target = target.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
            made = Path(beside, "new")
            for path, data in files.items():
                place = made / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
            _swap(made, target, Path(beside, "old"))  # which is removed with the folder beside
    except OSError as error:
        raise _unwritable(target, error) from error


def _swap(made: Path, target: Path, old: Path) -> None:
    if target.exists():
        os.rename(target, old)
    try:
        os.rename(made, target)
    except OSError:
        if old.exists():
            os.rename(old, target)
        raise


def write_file(target: Path, data: bytes) -> None:
    """All of it or nothing. What was there is replaced. Raises ConfigError when it cannot be written."""
    target = target.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            (beside / target.name).write_bytes(data)
            os.replace(beside / target.name, target)
        finally:
            shutil.rmtree(beside)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> ConfigError:
    return ConfigError(_KEY, "a place that can be written", str(target), f"{error.strerror or error}.")
