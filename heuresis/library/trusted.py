"""A program imported into this process, as a module of its own. Only for code that somebody has decided to trust."""

from __future__ import annotations

import builtins
import importlib
import linecache
import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from heuresis.errors import ConfigError
from heuresis.library.jail import Told
from heuresis.program import MAIN_FILE, Program

_turn = threading.RLock()
"""While a program's own modules stand under their plain names in `sys.modules`."""


class Module:
    """A program's main file as a module. Its other files are found by it alone, under whatever names they have.

    Files beside the main one may import each other while they are imported, not later, within a function.
    """

    def __init__(self, program: Program, names: Sequence[str]) -> None:
        self._own: dict[str, ModuleType] = {}
        self._folder = tempfile.mkdtemp(prefix="heuresis-")
        self._clear = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._roots = {path.split("/")[0].removesuffix(".py") for path in program.files if path != MAIN_FILE}
        for path, text in program.files.items():
            file = Path(self._folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        self._module = self._imported(program)
        for name in names:
            if not callable(getattr(self._module, name, None)):
                raise ConfigError("program", f"one that defines {name}", f"{program.id[:12]}, which does not")

    def call(self, told: Told) -> list[Any]:
        """One value per tuple of arguments, in order. What the code raises goes up as it is."""
        function = getattr(self._module, told.name)
        return [function(*args, **told.kwargs) for args in told.arguments]

    def close(self) -> None:
        """The module can be imported by nobody else any more; what holds its functions may go on."""
        sys.modules.pop(self._module.__name__, None)
        self._clear()

    def _imported(self, program: Program) -> ModuleType:
        path = f"{self._folder}/{MAIN_FILE}"
        module = ModuleType(f"heuresis_program_{program.id[:12]}")
        module.__file__ = path
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._import}
        linecache.cache[path] = (len(program.text), None, program.text.splitlines(keepends=True), path)
        sys.modules[module.__name__] = module
        try:
            exec(compile(program.text, path, "exec"), vars(module))
        # Somebody else's code may raise anything; the caller reads it in words and with its cause.
        except Exception as error:
            del sys.modules[module.__name__]
            raise ConfigError("program", "one that can be imported", f"{type(error).__name__}: {error}") from error
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level or name.split(".")[0] not in self._roots:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        with self._in_place():
            return builtins.__import__(name, globals, locals, fromlist or (), level)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """The program's files are importable by their plain names, and nothing of them is left behind."""
        with _turn:
            others = {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_own(name)}
            sys.modules.update(self._own)
            sys.path.insert(0, self._folder)
            importlib.invalidate_caches()
            try:
                yield
            finally:
                sys.path.remove(self._folder)
                self._own = {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_own(name)}
                sys.modules.update(others)

    def _is_own(self, name: str) -> bool:
        return name.split(".")[0] in self._roots
