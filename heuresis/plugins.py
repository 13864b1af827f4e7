"""Everything that a name may stand for: what we ship, what an installed package offers, a module's, a file's.

A package offers a part of its own under an entry point of one of `GROUPS`. Installed packages are asked through their
metadata, so a list of plugins imports nothing; a plugin is imported when its name is used, and what it raises then is
told in words.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from heuresis.errors import ConfigError

GROUPS: Mapping[str, str] = {
    "problems": "heuresis.problems",
    "methods": "heuresis.methods",
    "operators": "heuresis.operators",
    "models": "heuresis.models",
    "sandboxes": "heuresis.sandboxes",
    "hooks": "heuresis.hooks",
}
"""Kind -> entry-point group."""
_FORMS = "package.module:Name, path/to/file.py:Name"
_LISTED = 12
"""Names of a module that an error lists at most."""
_loading: list[str] = []


class StartedWhileLoaded(ConfigError):
    """A file that is imported for what it defines began a search: it has no main guard. Goes up as it is."""

    def __init__(self, what: str) -> None:
        super().__init__(
            what,
            'a script that calls it under `if __name__ == "__main__":`',
            "a call while the file is imported",
            "The referee imports the file that defines a problem; without that line it would start the search again.",
        )


@dataclass(frozen=True)
class Plugin:
    """One entry point of an installed package, as its metadata says. Nothing has been imported."""

    kind: str
    name: str
    reference: str
    """`package.module:Name`."""
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """The package and its version."""
        return f"{self.distribution} {self.version}"


@functools.cache
def offered(kind: str) -> Mapping[str, tuple[Plugin, ...]]:
    """Every plugin of this kind under its name; two packages may claim one name. Read once in a process."""
    claims: dict[str, tuple[Plugin, ...]] = {}
    for point in importlib.metadata.entry_points(group=GROUPS[kind]):
        reference = point.value.partition("[")[0].strip()
        owner = (point.dist.name, point.dist.version) if point.dist is not None else ("unknown", "")
        claims[point.name] = (*claims.get(point.name, ()), Plugin(kind, point.name, reference, *owner))
    return dict(sorted(claims.items()))


def found(kind: str) -> Mapping[str, Plugin]:
    """The plugins of this kind by name, without importing any. Of two with one name the first."""
    return {name: claims[0] for name, claims in offered(kind).items()}


def resolve(key: str, kind: str, name: str, shipped: Mapping[str, str], expected: str) -> Any:
    """The object that `name` stands for.

    Looked up in this order: `shipped` (name -> `package.module:Name`), installed plugins of this kind,
    `package.module:Name` (installed, on PYTHONPATH, or in the current folder), `path/to/file.py:Name`. A plugin never
    replaces a shipped name. Raises ConfigError about `key`, which wanted `expected` ("a problem"), for a name that
    nothing has, and for whatever goes wrong while the named code is imported.
    """
    if name in shipped:
        return load_reference(key, shipped[name], expected)
    claims = offered(kind).get(name, ())
    if claims:
        return load_plugin(key, claims, expected)
    if ":" not in name:
        clear = (one for one, claimed in offered(kind).items() if len(claimed) == 1)  # others cannot be used
        raise _unknown(key, name, sorted({*shipped, *clear}), expected)
    return load_reference(key, name, expected)


def load_plugin(key: str, claims: tuple[Plugin, ...], expected: str) -> Any:
    """The object of a name that packages claim. Raises ConfigError that says which package is at fault."""
    plugin = claims[0]
    if len(claims) > 1:
        owners = " and ".join(one.origin for one in claims)
        hint = f"Uninstall one of them, or name it as {plugin.reference}."
        raise ConfigError(key, "a name that one package offers", f"{plugin.name}, offered by {owners}", hint)
    try:
        return load_reference(key, plugin.reference, expected)
    except ConfigError as error:
        hint = f"{error.hint} This is the plugin {plugin.name!r} of {plugin.origin}.".strip()
        raise ConfigError(error.key, error.expected, error.got, hint) from error


def load_reference(key: str, reference: str, expected: str) -> Any:
    """The object of `package.module:Name` or `path/to/file.py:Name`. Raises ConfigError in words."""
    where, _, attribute = reference.rpartition(":")
    if not (where and attribute):
        raise ConfigError(key, f"{expected} as {_FORMS}", reference)
    module = load_file(key, Path(where)) if where.endswith(".py") else _load_module(key, where, reference)
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        there = _defined(module)
        listed = f"there: {', '.join(there[:_LISTED]) or 'none'}"
        hint = _did_you_mean(attribute, there)
        raise ConfigError(key, f"{expected} that {where} defines ({listed})", attribute, hint) from None


def reference_of(named: type | FunctionType) -> str:
    """The name under which another interpreter finds this class or function.

    `package.module:Name` where the module belongs to a package or is installed; `ABSOLUTE/path/file.py:Name` for a
    script and a module beside it. Raises ConfigError for what no other interpreter can find: a local class or
    function, one of an interactive session or a notebook.
    """
    name, module = named.__qualname__, sys.modules.get(named.__module__)
    if "<" in name:
        raise ConfigError(named.__name__, "a class or function at the top of a module", name, "Write it to a file.")
    path = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    if module is None or (path is None and named.__module__ == "__main__") or not _is_there(path):
        raise ConfigError(
            named.__name__, "a class or function of a file", f"one of {named.__module__}",
            "The referee is a process of its own and imports it again: write it to a file.",
        )  # fmt: skip
    if named.__module__ == "__main__" and spec is not None:  # python -m package.module
        return f"{spec.name}:{name}"
    if path is None or (named.__module__ != "__main__" and _is_findable(named.__module__, Path(path))):
        return f"{named.__module__}:{name}"
    return f"{Path(path).resolve()}:{name}"


def absolute(name: str) -> str:
    """A reference to a file with its path made absolute; any other name as it is."""
    where, colon, attribute = name.rpartition(":")
    return f"{Path(where).resolve()}{colon}{attribute}" if where.endswith(".py") else name


def being_loaded() -> str:
    """The user's file or module that is being imported by us at this moment; empty when none is."""
    return _loading[-1] if _loading else ""


def load_file(key: str, path: Path) -> ModuleType:
    """A user's own file as a module; its folder is importable for its helpers. Loaded once in a process."""
    if not path.is_file():
        raise ConfigError(key, "a Python file", str(path), "There is no such file.")
    path = path.resolve()
    name = f"heuresis_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    for imported in list(sys.modules.values()):  # above all the running script: it must not run a second time
        if _file_of(imported) == str(path):
            return imported
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(key, "a Python file", str(path))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    _loading.append(str(path))
    try:
        spec.loader.exec_module(module)
    except (KeyboardInterrupt, StartedWhileLoaded):  # a person's, not the file's; told already
        del sys.modules[name]
        raise
    # The user's own file may raise anything, and call sys.exit; it is told in words and with its cause.
    except BaseException as error:
        del sys.modules[name]
        raise ConfigError(key, "a file that can be imported", str(path), cause_of(error)) from error
    finally:
        _loading.pop()
    return module


def _file_of(module: ModuleType) -> str:
    path = getattr(module, "__dict__", {}).get("__file__")
    return os.path.realpath(path) if isinstance(path, str) and module.__name__ == "__main__" else str(path)


def cause_of(error: BaseException) -> str:
    """Type, message and line of what somebody else's code raised, in one sentence."""
    if isinstance(error, ConfigError):  # already words for a person
        return _message(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}, line {error.lineno} of {error.filename}."
    words = " ".join(f"{type(error).__name__}: {_message(error)}".split()).rstrip(".: ")
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code.co_filename
        if code != __file__ and not code.startswith("<frozen") and "/importlib/" not in code:
            place = f", line {trace.tb_lineno} of {code}"
        trace = trace.tb_next
    return f"{words}{place}."


def _message(error: BaseException) -> str:
    try:
        return str(error)
    # Somebody else's `__str__` may raise anything; whoever reads the sentence sees the error's type and line.
    except BaseException:
        return ""


def _load_module(key: str, name: str, reference: str) -> ModuleType:
    main = sys.modules.get("__main__")
    if (
        main is not None and getattr(main.__spec__, "name", None) == name
    ):  # python -m NAME: it must not run a second time
        return main
    _see_current_folder()
    _loading.append(name)
    try:
        return importlib.import_module(name)
    except (KeyboardInterrupt, StartedWhileLoaded):  # a person's, not the module's; told already
        raise
    # The named module may raise anything, and call sys.exit; it is told in words and with its cause.
    except BaseException as error:
        raise ConfigError(key, "package.module:Name that can be imported", reference, cause_of(error)) from error
    finally:
        _loading.pop()


def _see_current_folder() -> None:
    """Last of all places: a `json.py` that lies here replaces nothing. (An installed script does not look here.)"""
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # it was removed; then there is nothing to see
        return
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)


def _unknown(key: str, name: str, known: list[str], expected: str) -> ConfigError:
    listed = f"{', '.join(known)}, " if known else ""
    hint = f"Say what of it: {name}:Name." if name.endswith(".py") else _did_you_mean(name, known)
    return ConfigError(key, f"{expected}: one of {listed}{_FORMS}", name, hint)


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]}?" if close else ""


def _defined(module: ModuleType) -> list[str]:
    """Public classes and functions that the module itself defines."""
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__
    )


def _is_there(path: str | None) -> bool:
    """Built-in modules have no file; a notebook's cell or a prompt has a name that is none."""
    return path is None or Path(path).is_file()


def _is_findable(module: str, path: Path) -> bool:
    """Whether an import of this name finds this very file, and not only from the folder of the running script."""
    root, dot, _ = module.partition(".")
    for finder in sys.meta_path:
        spec = finder.find_spec(root, None)
        if spec is None:
            continue
        if dot or spec.submodule_search_locations is not None:
            return any(path.is_relative_to(folder) for folder in spec.submodule_search_locations or ())
        return spec.origin == str(path) and str(path.parent) in _installed_folders()
    return False


def _installed_folders() -> set[str]:
    paths = sysconfig.get_paths()
    return {*site.getsitepackages(), site.getusersitepackages(), *(paths[name] for name in ("stdlib", "platlib"))}
