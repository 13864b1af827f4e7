"""Imports a program of several files under names of this package's own.

The files import each other by plain names, such as `import helper`, as they did in the search. Here each is a module
below this package, so a package with a `helper` of its own is not in the way. `importlib.import_module("helper")` is
not caught: write an import statement.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any


class _Loader(SourceFileLoader):
    """Gives a module, and every function in it, an import statement that knows the program's files."""

    def __init__(self, name: str, path: str, files: _Files) -> None:
        super().__init__(name, path)
        self._files = files

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._files.imported}
        super().exec_module(module)


class _Files:
    """The program's files, as a finder of modules below `home`."""

    def __init__(self, home: str, names: Sequence[str]) -> None:
        self._home = home
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f"{self._home}."):
            return None
        found = PathFinder.find_spec(name, path)
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(name, found.loader.path, self)
        return found

    def imported(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What an import statement of the program gets."""
        root = name.partition(".")[0]
        if level or root not in self._names:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        try:
            leaf = importlib.import_module(f"{self._home}.{name}")
        except ModuleNotFoundError as error:
            if error.name is not None:  # as the program would read it
                error.name = error.name.removeprefix(f"{self._home}.")
            raise
        if not fromlist:
            return sys.modules[f"{self._home}.{root}"]
        for one in fromlist:
            if hasattr(leaf, "__path__") and one != "*" and not hasattr(leaf, one):
                _import_if_there(f"{leaf.__name__}.{one}")
        return leaf


def _import_if_there(name: str) -> None:
    """What is not there is told by the statement itself."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise


def load(package: str, names: Sequence[str]) -> Any:
    """The program's main module. `names`: by which its files are imported."""
    home = f"{package}.files"
    sys.meta_path.insert(0, _Files(home, names))
    return importlib.import_module(f"{home}.program")
