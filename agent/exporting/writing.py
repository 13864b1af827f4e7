"""Puts an export in its place as a whole: built beside it under another name, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from heuresis.errors import ConfigError

_KEY = "-o"
MANIFEST = "exported.json"
"""Path -> SHA-256 of everything else in the folder: what a later export may replace."""
MARK = "---- the program, as it was judged ----"
"""The last line of a single file's header."""
_KEPT = (".venv", ".git")
"""At the top of a former export these are taken over."""
_LEFT_OVER = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_BUILT = ("build/lib/", "build/bdist.", "build/__editable__.")
_LISTED = 6


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
    if not target.exists():
        return
    if not force:
        raise ConfigError(_KEY, "a file that does not exist yet", str(target), "Replace it with --force.")
    if f"# {MARK}\n".encode() not in target.read_bytes():
        raise ConfigError(_KEY, "a former export, which is all that --force replaces", str(target), _ANOTHER)


def _check_folder(target: Path, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(_KEY, "a folder", f"the file {target}", "A single file is written with --single-file.")
    if Path.cwd().is_relative_to(target.resolve()):
        raise ConfigError(_KEY, "a folder other than the one you are in", str(target))
    if not target.exists() or not any(target.iterdir()):
        return
    if not force:
        raise ConfigError(_KEY, "a new or empty folder", str(target), "Replace a former export with --force.")
    former = _manifest(target)
    if former is None:
        raise ConfigError(_KEY, "a former export, which is all that --force replaces", str(target), _ANOTHER)
    others = _not_ours(target, former)
    if others:
        more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
        what = f"{target}, where these are not, or have changed: {', '.join(others[:_LISTED])}{more}"
        raise ConfigError(_KEY, "a folder in which all is as it was exported", what, _ANOTHER)


_ANOTHER = "Move it away first, or name another place."


def with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """These files, and the list of them."""
    told = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    return {**files, MANIFEST: f"{json.dumps(told, indent=2)}\n".encode()}


def _manifest(folder: Path) -> dict[str, str] | None:
    """None where there is none that can be read."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _not_ours(folder: Path, former: Mapping[str, str]) -> list[str]:
    """What a person has put or changed there: all but the former export, what building it leaves, and `_KEPT`."""
    found = []
    for place, names, files in os.walk(folder):
        here = Path(place).relative_to(folder)
        links = [name for name in names if (Path(place) / name).is_symlink()]
        names[:] = [name for name in names if name not in links and not _is_left_over((here / name).as_posix() + "/")]
        for path in ((here / name).as_posix() for name in (*files, *links)):
            if path != MANIFEST and not _is_left_over(path) and former.get(path) != _digest(folder / path):
                found.append(path)
    return sorted(found)


def _is_left_over(path: str) -> bool:
    """`path` ends with a slash for a folder."""
    parts = path.split("/")
    egg = any(part.endswith(".egg-info") for part in parts[:-1])
    return parts[0] in _KEPT or egg or path.startswith(_BUILT) or bool(_LEFT_OVER.intersection(parts[:-1]))


def _digest(path: Path) -> str:
    """Empty for a link: none is exported."""
    return "" if path.is_symlink() or not path.is_file() else hashlib.sha256(path.read_bytes()).hexdigest()


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """All files or none. What was there is replaced, but for `_KEPT`. Raises ConfigError when it cannot be written."""
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
    moved = [name for name in _KEPT if (old / name).exists()]
    try:
        for name in moved:
            os.rename(old / name, made / name)
        os.rename(made, target)
    except OSError:
        for name in moved:
            if (made / name).exists():
                os.rename(made / name, old / name)
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
