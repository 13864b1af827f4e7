"""`Loaded`: a found program as something to call; jailed, or (trusted) imported into this process."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

from heuresis.errors import ConfigError
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.signature import EntryPoint
from heuresis.library.jail import Jail, Told, stays
from heuresis.library.mistakes import in_python
from heuresis.library.trusted import Module
from heuresis.program import Program

_JAILED = "Runs in a jail: arguments are copied, and what the program does wrong raises heuresis.ProgramFailed."
_TRUSTED = "Runs in this process, and may do whatever you may do: its code was imported because you trust it."


class _Home(Protocol):
    """Where the code runs."""

    def call(self, told: Told) -> list[Any]:
        """One value per tuple of arguments, in order."""
        ...

    def close(self) -> None: ...


class Function:
    """An entry point. `inspect.signature` and `help` tell what the problem says of it."""

    def __init__(self, entry: EntryPoint, call: Callable[[Told], list[Any]], note: str) -> None:
        self._entry = entry
        self._call = call
        self.__name__ = self.__qualname__ = entry.name
        self.__doc__ = f"{entry.signature}\n\n{note}"
        self.__signature__ = signature_of(entry)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(Told(self._entry.name, [args], kwargs, keep=is_class(self._entry)))[0]

    def many(self, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """One call per tuple, sent together; the values in the same order. Much faster than one call after another."""
        for one in arguments:
            if not isinstance(one, tuple):
                raise ConfigError("arguments", "a sequence of tuples, one per call", one)
        return self._call(Told(self._entry.name, list(arguments), {}, keep=is_class(self._entry))) if arguments else []

    def __repr__(self) -> str:
        return f"<{self._entry.signature}>"

    def __reduce__(self) -> NoReturn:
        stays()


class Loaded:
    """A program's entry points as attributes; with exactly one, callable itself.

    Its code runs in a jailed process of its own, begun at the first call and ended by `close()`, the end of a `with`
    block, or this object's end. Every such process has the problem's limits. Since the functions of a program may
    remember nothing between blocks of instances, a process that has used half of its seconds is replaced between two
    calls; objects that live in it (entry points that are classes) prevent that, and end with the limits. Calls from
    several threads take turns. After a fork, load it again.
    """

    def __init__(self, name: str, entries: Sequence[EntryPoint], home: _Home, note: str) -> None:
        self._name = name
        self._home = home
        self._functions = {entry.name: Function(entry, home.call, note) for entry in entries}
        self.__doc__ = "\n\n".join(str(one.__doc__) for one in self._functions.values())
        if len(self._functions) == 1:
            self.__name__ = self._only.__name__
            self.__signature__ = self._only.__signature__

    @property
    def _only(self) -> Function:
        if len(self._functions) != 1:
            names = ", ".join(self._functions) or "none"
            raise ConfigError("program", "the name of an entry point", "a call of the program", f"It has {names}.")
        return next(iter(self._functions.values()))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._only(*args, **kwargs)

    def many(self, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Of the only entry point: one call per tuple, sent together; the values in the same order."""
        return self._only.many(arguments)

    def __getattr__(self, name: str) -> Function:
        functions = self.__dict__.get("_functions", {})
        if name in functions:
            found: Function = functions[name]
            return found
        raise AttributeError(f"the program has no entry point {name!r}; it has {', '.join(functions) or 'none'}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._functions]

    def close(self) -> None:
        """End its process. Nothing happens the second time."""
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        stays()

    def __repr__(self) -> str:
        return f"<Loaded {self._name}: {'; '.join(one._entry.signature for one in self._functions.values())}>"


@in_python()
def load(
    problem: str, settings: Mapping[str, str], program: Program, *, trusted: bool, isolation: str, allow_none: bool
) -> Loaded:
    """The program with the entry points of the problem. Raises ConfigError when the problem is gone."""
    known = load_problem(problem, settings)
    if trusted:
        module = Module(program, [entry.name for entry in known.required])
        return Loaded(program.id[:12], known.required, module, _TRUSTED)
    jail = Jail(program, known.required, tuple(known.runtime), known.limits, isolation, allow_none)
    return Loaded(program.id[:12], known.required, jail, _JAILED)


def is_class(entry: EntryPoint) -> bool:
    """Whether a call makes an object that stays where the program is."""
    return entry.returns == entry.name


def signature_of(entry: EntryPoint) -> inspect.Signature:
    """The problem's own words as annotations."""
    empty, kind = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
    rows = [inspect.Parameter(one.name, kind, annotation=one.type or empty) for one in entry.parameters]
    return inspect.Signature(rows, return_annotation=entry.returns)
