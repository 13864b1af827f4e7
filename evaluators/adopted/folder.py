"""An adopted folder as it is found on disk: which layout, which files, which packages, what its configuration says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heuresis.errors import ConfigError
from heuresis.evaluators.adopted.configuration import FILES, Configuration, read_configuration, system_message
from heuresis.evaluators.adopted.imports import packages_of

MAX_CHARACTERS = 4 << 20
"""Of all staged files together."""
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "venv", "openevolve_output", "results", "checkpoints", "logs"}
_SKIPPED_ENDINGS = (".log", ".db", ".sqlite", ".pyc", ".db-wal", ".db-shm", ".db-journal")


class Layout(StrEnum):
    """Which tool the folder was written for."""

    OPENEVOLVE = "openevolve"
    SHINKA = "shinka"


_NAMES = {Layout.OPENEVOLVE: ("initial_program*.py", "evaluator.py"), Layout.SHINKA: ("initial.py", "evaluate.py")}
_EXPECTED = "initial_program.py beside evaluator.py (OpenEvolve), or initial.py beside evaluate.py (ShinkaEvolve)"


@dataclass(frozen=True)
class Folder:
    """What was found. Reading it has run nothing of it."""

    root: Path
    layout: Layout
    program: str
    """File name of the initial program."""
    evaluator: str
    files: Mapping[str, str]
    """Relative path -> text, of everything that is staged."""
    skipped: Sequence[str]
    """What is not staged, with the reason in brackets."""
    packages: Sequence[str]
    """Third-party packages that the evaluator and the program import, by import name; numpy is always among them."""
    configuration: Configuration
    message: str
    """The system message: what the task is, in the words of whoever wrote the folder."""

    @property
    def text(self) -> str:
        """Of the initial program."""
        return self.files[self.program]


def read_folder(path: str) -> Folder:
    """Raises ConfigError for a folder of neither layout or of both, a broken config.yaml, a package that is missing."""
    root = Path(path)
    if not root.is_dir():
        raise ConfigError("DIR", "a folder with an initial program and its evaluator", path, "There is no such folder.")
    layout, program, evaluator = _recognised(root)
    files, skipped = _read_files(root, (evaluator, program, *FILES))
    for name in (program, evaluator):
        if name not in files:
            raise ConfigError("DIR", f"{name} as UTF-8 text of at most {MAX_CHARACTERS:,} characters", str(root / name))
    configuration = read_configuration(files, skipped)
    return Folder(
        root, layout, program, evaluator, files, skipped,
        packages_of(files, (evaluator, program)), configuration, system_message(configuration, files),
    )  # fmt: skip


def _recognised(root: Path) -> tuple[Layout, str, str]:
    found = []
    for layout, (program, evaluator) in _NAMES.items():
        programs = sorted(one.name for one in root.glob(program) if one.is_file())
        if programs and (root / evaluator).is_file():
            found.append((layout, programs, evaluator))
    if len(found) != 1:
        there = ", ".join(sorted(one.name for one in root.iterdir() if not one.name.startswith("."))[:12]) or "nothing"
        what = f"both, in {root}" if found else f"{root}, where there is: {there}"
        raise ConfigError("DIR", f"one of: {_EXPECTED}", what)
    layout, programs, evaluator = found[0]
    if "initial_program.py" in programs:
        programs = ["initial_program.py"]
    if len(programs) > 1:
        raise ConfigError("DIR", "one initial program", ", ".join(programs), "Name the one you mean initial_program.py")
    return layout, programs[0], evaluator


def _read_files(root: Path, first: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Evaluator, program and configuration first, then Python files, then the others, as long as there is room."""
    files: dict[str, str] = {}
    skipped: list[str] = []
    left = MAX_CHARACTERS
    order = sorted(_walk(root, skipped), key=lambda path: (path not in first, not path.endswith(".py"), path))
    for path in order:
        data = (root / path).read_bytes() if (root / path).stat().st_size <= 4 * MAX_CHARACTERS else None
        text = _decoded(data)
        if text is None:
            skipped.append(f"{path} (not UTF-8 text)" if data is not None else f"{path} (too large)")
        elif len(text) > left:
            skipped.append(f"{path} (too large)")
        else:
            files[path] = text
            left -= len(text)
    return files, sorted(skipped)


def _decoded(data: bytes | None) -> str | None:
    if data is None or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _walk(root: Path, skipped: list[str]) -> Iterator[str]:
    """Relative paths of the files; a link is followed only to what lies in the folder, and never to a folder."""
    real = root.resolve()
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if _is_entered(Path(folder) / name))
        for name in sorted(files):
            full = Path(folder) / name
            path = full.relative_to(root).as_posix()
            if name.startswith(".") or name.endswith(_SKIPPED_ENDINGS):
                continue
            if not full.resolve().is_relative_to(real):
                skipped.append(f"{path} (a link that leaves the folder)")
            elif full.is_file():
                yield path


def _is_entered(folder: Path) -> bool:
    skipped = folder.name.startswith((".", "results_")) or folder.name in _SKIPPED_FOLDERS
    return not skipped and not folder.is_symlink()
