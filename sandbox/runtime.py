"""What of this Python installation the jail may see: the interpreter and the runtime's packages."""

from __future__ import annotations

import functools
import glob
import importlib.metadata
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import heuresis.errors
from heuresis.errors import ConfigError

_ALWAYS = ("numpy", "msgpack")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Installation:
    """Paths of the host that a jail is built from. All absolute."""

    python: str
    """The real interpreter, not a virtual environment's link to it."""
    first_path: tuple[str, ...]
    """sys.path of the warm parent until it has its own modules; holds our source, which the jail does not show."""
    jail_path: tuple[str, ...]
    """sys.path after that."""
    python_path: tuple[str, ...]
    """Where the packages are: PYTHONPATH of programs that a candidate starts."""
    trees: tuple[str, ...]
    covered: tuple[str, ...]
    packages: tuple[str, ...]


def describe(runtime: tuple[str, ...]) -> dict[str, Any]:
    """The part of a warm parent's configuration that says what to import and what to show. Raises `ConfigError`."""
    found = find_installation(runtime)
    return {
        "python": found.python, "sys_path": found.first_path, "jail_path": found.jail_path,
        "python_path": found.python_path, "runtime": runtime, "trees": found.trees, "covered": found.covered,
        "packages": found.packages,
    }  # fmt: skip


@functools.cache
def find_installation(runtime: tuple[str, ...]) -> Installation:
    """Raises `ConfigError` when a package of `runtime` is not installed."""
    standard = _standard_library()
    sites = _unique([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    packages = _unique(path for name in (*_ALWAYS, *runtime) for path in _paths_of(name))
    ours = os.path.dirname(os.path.dirname(os.path.abspath(heuresis.errors.__file__)))
    prefix = os.path.realpath(sys.base_prefix)
    trees = [path for path in ("/usr", prefix) if os.path.isdir(path)]
    if prefix.startswith("/usr/") or prefix == "/usr":
        trees.remove(prefix)
        trees = ["/usr"]
    return Installation(
        python=os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
        first_path=(ours, *standard, *sites),
        jail_path=(*standard, *sites),
        python_path=tuple(sites),
        trees=tuple(trees),
        covered=tuple(_covered(prefix)),
        packages=tuple(packages),
    )


def own_source() -> dict[str, str]:
    """What a warm parent needs of our source, for a jail that it is started in: place below its path -> our path."""
    package = os.path.dirname(os.path.abspath(heuresis.errors.__file__))
    files = {f"heuresis/{name}.py": f"{package}/{name}.py" for name in ("__init__", "errors", "program")}
    return {**files, "heuresis/sandbox": os.path.dirname(os.path.realpath(__file__))}


def _standard_library() -> list[str]:
    standard = sysconfig.get_path("stdlib")
    return _unique([standard, sysconfig.get_path("platstdlib"), os.path.join(standard, "lib-dynload")])


def _covered(prefix: str) -> list[str]:
    """Folders of installed packages, and our own source."""
    folders = (f"{prefix}/lib", "/usr/lib", "/usr/local/lib")
    patterns = [f"{folder}/python3*/*-packages" for folder in folders]
    found = [path for pattern in patterns for path in glob.glob(pattern)]
    return _unique([*found, os.path.dirname(os.path.dirname(os.path.realpath(__file__)))])


def _unique(paths: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(paths))


def _paths_of(import_name: str) -> list[str]:
    """Everything at the top of site-packages that `import_name`'s distribution and its requirements own."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    queue = [distribution_of(import_name)]
    while queue:
        distribution = queue.pop()
        if distribution.name in seen:
            continue
        seen.add(distribution.name)
        found.update(dict.fromkeys(_top_levels(distribution)))
        for requirement in distribution.requires or ():
            required = _installed(requirement)
            if required is not None:
                queue.append(required)
    return list(found)


def distribution_of(import_name: str) -> importlib.metadata.Distribution:
    """The installed distribution that holds this package. Raises `ConfigError`."""
    try:
        return importlib.metadata.distribution(import_name)
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(import_name)
    if not names:
        raise ConfigError("runtime", "names of installed packages", import_name, "Install it, or leave it out.")
    return importlib.metadata.distribution(names[0])


def _installed(requirement: str) -> importlib.metadata.Distribution | None:
    name = _NAME.match(requirement)
    if name is None or re.search(r";.*\bextra\b", requirement):
        return None
    try:
        return importlib.metadata.distribution(name.group())
    except importlib.metadata.PackageNotFoundError:  # for another platform or Python
        return None


def _top_levels(distribution: importlib.metadata.Distribution) -> set[str]:
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    paths = {os.path.abspath(str(distribution.locate_file(top))) for top in tops}
    return {path for path in paths if os.path.exists(path)}
