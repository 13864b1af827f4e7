"""Which packages an adopted folder needs: read from its text, nothing is imported."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from heuresis.errors import ConfigError
from heuresis.evaluators import gate
from heuresis.evaluators.adopted.staging import PROVIDED

_INSTALL_NAMES = {"sklearn": "scikit-learn", "cv2": "opencv-python", "PIL": "pillow", "yaml": "pyyaml"}
"""Where the name to install is not the name to import."""
_PEERS = ("openevolve", "shinka")


@dataclass(frozen=True)
class Import:
    """One imported module, by its dotted name."""

    module: str
    needed: bool
    """False within `try`, where the text is ready for its absence."""


def packages_of(files: Mapping[str, str], starts: Sequence[str]) -> tuple[str, ...]:
    """Third-party packages that these files and what they import of the folder need; numpy first.

    Raises ConfigError for one that is needed and not installed, and for a module of another tool that ours do not
    stand in for.
    """
    found: dict[str, bool] = {"numpy": True}
    for path in _reached(files, starts):
        for one in imports(files[path]):
            root = one.module.partition(".")[0]
            if root in _PEERS:
                _check_provided(path, one)
            elif root not in sys.stdlib_module_names and root != "numpy" and not _is_own(files, root):
                found[root] = found.get(root, False) or one.needed
    missing = [name for name, needed in found.items() if needed and not _is_installed(name)]
    if missing:
        names = " ".join(_INSTALL_NAMES.get(name, name) for name in missing)
        hint = f"Install it where heuresis is: pip install {names}"
        raise ConfigError("DIR", "imports of installed packages", f"{', '.join(missing)}, not installed", hint)
    return tuple(name for name in found if _is_installed(name))


def imports(text: str) -> list[Import]:
    """Every absolute import of a text, at any level; none of a text that is no Python."""
    try:
        tree = gate.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return list(_imports(tree, True))


def _imports(node: ast.AST, needed: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, needed) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield Import(node.module, needed)
    elif isinstance(node, ast.Try) and node.handlers:
        for statement in node.body:
            yield from _imports(statement, False)
        for rest in (*node.handlers, *node.orelse, *node.finalbody):
            yield from _imports(rest, needed)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, needed)


def _reached(files: Mapping[str, str], starts: Sequence[str]) -> list[str]:
    """The starts, the folder's modules that these import, and its Python files that they name in their text."""
    seen: dict[str, None] = {}
    queue = [path for path in starts if path in files]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen[path] = None
        roots = {one.module.partition(".")[0] for one in imports(files[path])}
        queue += [other for other in files if other.endswith(".py") and _is_meant(other, roots, files[path])]
    return sorted(seen)


def _is_meant(path: str, roots: set[str], text: str) -> bool:
    """A module, any file of a package, or a file that is named, as in a command line."""
    root = path.partition("/")[0].removesuffix(".py")
    return root in roots or PurePosixPath(path).name in text


def _is_own(files: Mapping[str, str], root: str) -> bool:
    return f"{root}.py" in files or any(path.startswith(f"{root}/") for path in files)


def _is_installed(name: str) -> bool:
    return name in _installed()


@functools.cache
def _installed() -> frozenset[str]:
    """Import names."""
    return frozenset(importlib.metadata.packages_distributions())


def _check_provided(path: str, one: Import) -> None:
    if one.needed and one.module not in PROVIDED:
        known = ", ".join(sorted(PROVIDED))
        raise ConfigError("DIR", f"of other tools only {known}", f"{path} imports {one.module}")
