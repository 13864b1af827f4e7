"""The house is built as its plan says: packages, links, file lengths, and what the front door loads."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import heuresis

ROOT = Path(__file__).parent.parent
ROOMS = ("agent", "archive", "evaluators", "prompts", "sandbox")
HEAVY = {"docker", "litellm", "numba", "numpy", "openai", "scipy", "sqlalchemy", "torch"}
SKIPPED_FOLDERS = {"__pycache__", "build", "dist"}
LONGEST_FILE = 400


def files(top: Path = ROOT) -> Iterator[Path]:
    """The project's own files: no links, nothing that was built or cached."""
    for folder, folders, names in os.walk(top):
        folders[:] = [n for n in folders if not _is_foreign(Path(folder, n))]
        yield from (Path(folder, name) for name in names if not name.endswith((".pyc", ".db", ".db-wal", ".db-shm")))


def _is_foreign(folder: Path) -> bool:
    hidden = folder.name.startswith(".") and folder.name != ".ci"
    return hidden or folder.name in SKIPPED_FOLDERS or folder.name.endswith(".egg-info")


def setuptools_table() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=True)


def test_the_tests_run_the_code_of_this_checkout() -> None:
    assert Path(heuresis.__file__) == ROOT / "heuresis" / "__init__.py"


def test_the_packages_table_names_every_folder_with_an_init_file() -> None:
    found = {"heuresis"}
    for room in ("heuresis", *ROOMS):
        parent = () if room == "heuresis" else ("heuresis",)
        found |= {
            ".".join((*parent, *path.parent.relative_to(ROOT).parts))
            for path in files(ROOT / room)
            if path.name == "__init__.py"
        }
    assert sorted(setuptools_table()["packages"]) == sorted(found)


def test_each_room_is_mapped_to_its_folder() -> None:
    expected = {"heuresis": "heuresis"} | {f"heuresis.{room}": room for room in ROOMS}
    assert setuptools_table()["package-dir"] == expected


def test_the_links_in_the_front_door_are_the_rooms() -> None:
    links = {path.name: os.readlink(path) for path in (ROOT / "heuresis").iterdir() if path.is_symlink()}
    assert links == {room: f"../{room}" for room in ROOMS}


def test_no_python_file_is_longer_than_the_house_allows() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in files() if p.suffix == ".py"}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_only_the_ci_script_knows_the_folder_beside_the_checkout() -> None:
    needle = b"../" + b"shared"
    users = {str(path.relative_to(ROOT)) for path in files() if needle in path.read_bytes()}
    assert users <= {".ci/run"}


def test_every_test_file_mirrors_a_room() -> None:
    front_door = {path.stem if path.is_file() else path.name for path in (ROOT / "heuresis").iterdir()}
    rooms = {*front_door, "attacks", "benchmarks", "docs", "fixtures"}
    strays = []
    for path in files(ROOT / "tests"):
        parts = path.relative_to(ROOT / "tests").with_suffix("").parts
        room = parts[0] if len(parts) > 1 else parts[0].removeprefix("test_")
        if room not in {*rooms, "conftest", "house", "wheel_check"}:
            strays.append(str(path.relative_to(ROOT)))
    assert strays == []


def test_importing_the_errors_loads_nothing_else_of_ours_and_no_library(tmp_path: Path) -> None:
    code = "import sys, heuresis.errors; print(*{n.split('.')[0] for n in sys.modules} | set(sys.modules))"
    loaded = set(run_python("-c", code, cwd=tmp_path).stdout.split())
    assert {name for name in loaded if name.split(".")[0] == "heuresis"} == {"heuresis", "heuresis.errors"}
    assert loaded & HEAVY == set()


def test_the_help_text_is_printed_without_loading_a_heavy_library(tmp_path: Path) -> None:
    log = run_python("-X", "importtime", "-m", "heuresis", "--help", cwd=tmp_path).stderr
    loaded = {line.rsplit("|", 1)[1].strip() for line in log.splitlines() if line.startswith("import time:")}
    assert "heuresis.cli.app" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("name", heuresis.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(heuresis, name) is not None
    assert name in dir(heuresis)


def test_type_checkers_see_the_public_names_that_users_get() -> None:
    tree = ast.parse(Path(heuresis.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {node.module: tuple(alias.name for alias in node.names) for node in imports} == heuresis._HOMES
    assert sorted(heuresis.__all__) == sorted([*heuresis._HOME_OF, "__version__"])


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'heuresis' has no attribute 'no_such_name'"):
        _ = heuresis.no_such_name
