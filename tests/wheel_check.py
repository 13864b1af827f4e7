"""Builds the wheel, installs it away from the checkout, and uses it: what a user gets is what the tree holds.

    .venv/bin/python tests/wheel_check.py

Not a pytest file: `make check` runs it. The new environment borrows the libraries of the one that runs this script;
the editable install there stays out of sight, because `.pth` files of a borrowed folder are not read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT_ONLY = {"PATH": os.defpath, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}

IMPORT_ALL = """
import importlib, pathlib, sys
home = pathlib.Path(sys.argv[1])
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    place = pathlib.Path(module.__file__)
    assert place.is_relative_to(home), f"{name} was loaded from {place}, not from {home}"
    assert module.__name__ == name
rooms = {"agent", "archive", "evaluators", "prompts", "sandbox"}
assert not rooms & set(sys.modules), f"loaded under a second name: {rooms & set(sys.modules)}"
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="heuresis wheel ") as folder:
        place = Path(folder).resolve()
        source = copy_of_the_tree(place / "source")
        wheel = build(source, place / "dist")
        modules = check_file_list(wheel, source)
        python = install(wheel, place / "venv")
        use(python, modules, place / "empty")
    print(f"{wheel.name}: {len(modules)} modules, each there once, each imports, the command runs.")


def copy_of_the_tree(target: Path) -> Path:
    """What setuptools reads, links included, so that nothing left from an earlier build gets in."""
    target.mkdir()
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target)
    for room in table()["package-dir"].values():
        shutil.copytree(ROOT / room, target / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def table() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def build(source: Path, target: Path) -> Path:
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)], source)
    (wheel,) = target.glob("*.whl")
    return wheel


def check_file_list(wheel: Path, source: Path) -> list[str]:
    """Every file of the rooms is in the wheel once, and nothing else; returns the names of the modules."""
    expected: set[str] = set()
    for package in table()["packages"]:
        inside = package.replace(".", "/")
        folder = source / (inside if (source / inside).exists() else inside.removeprefix("heuresis/"))
        expected |= {f"{inside}/{path.name}" for path in folder.iterdir() if path.is_file()}
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    twice = [name for name, count in Counter(names).items() if count > 1]
    missing, extra = expected - set(names), set(names) - expected
    if twice or missing or extra:
        sys.exit(
            f"{wheel.name} does not match the tree.\n  twice: {twice}\n  in the tree only: {sorted(missing)}\n"
            f"  in the wheel only: {sorted(extra)}\nSee [tool.setuptools] in pyproject.toml."
        )
    modules = (name.removesuffix(".py").removesuffix("/__init__") for name in names if name.endswith(".py"))
    return sorted(name.replace("/", ".") for name in modules)


def install(wheel: Path, target: Path) -> Path:
    """The interpreter of a new environment that has the wheel and sees the libraries of this one."""
    venv.create(target, with_pip=False, symlinks=True)
    python = target / "bin" / "python"
    borrowed = sysconfig.get_path("purelib")
    own = sysconfig.get_path("purelib", vars={"base": str(target), "platbase": str(target)})
    Path(own, "borrowed.pth").write_text(borrowed + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    run([*pip, "install", "--no-deps", "--no-index", "--force-reinstall", str(wheel)], target)
    return python


def use(python: Path, modules: list[str], cwd: Path) -> None:
    """From an empty folder and with an empty environment."""
    cwd.mkdir()
    home = python.parent.parent
    run([str(python), "-c", IMPORT_ALL, str(home), *modules], cwd, TEXT_ONLY)
    command = str(python.parent / "heuresis")
    version = run([command, "--version"], cwd, TEXT_ONLY)
    built = run([str(python), "-c", "import heuresis; print(heuresis.__version__)"], cwd, TEXT_ONLY).strip()
    if built not in version:
        sys.exit(f"heuresis --version says {version.strip()!r}, the package says {built!r}.")
    run([command, "problems"], cwd, TEXT_ONLY)


def run(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> str:
    """Standard output; ends the check with the command's own words when it fails."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)[:300]}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
