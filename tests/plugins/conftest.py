"""The fixture package, installed by hand into a folder: its modules and the metadata that pip would write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fixtures" / "plugin_package"
Run = Callable[..., subprocess.CompletedProcess[str]]


def install(folder: Path, name: str, version: str, groups: dict[str, dict[str, str]]) -> Path:
    """What importlib.metadata reads of an installed package."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [line for group, points in groups.items() for line in (f"[{group}]", *map(" = ".join, points.items()), "")]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="session")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it is installed in."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    for module in PACKAGE.glob("*.py"):
        shutil.copy(module, folder)
    return install(folder, project["name"], project["version"], project["entry-points"])


def python(*words: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A Python of its own, with `path` among the places that it looks for modules. `-P`: as an installed script."""
    variables = {name: value for name, value in os.environ.items() if name not in ("HEURESIS_STORAGE", "COLUMNS")}
    found = [str(path)] if path else []
    found += [part for part in variables.get("PYTHONPATH", "").split(os.pathsep) if part]
    return subprocess.run(
        [sys.executable, "-P", *words],
        cwd=cwd,
        env=variables | {"PYTHONPATH": os.pathsep.join(found)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def heuresis(tmp_path: Path, garden: Path) -> Run:
    """Run `heuresis WORDS` with the package installed, in a folder of its own."""

    def run(*words: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return python("-m", "heuresis", *words, cwd=cwd, path=garden)

    return run


@pytest.fixture
def run_python() -> Run:
    return python
