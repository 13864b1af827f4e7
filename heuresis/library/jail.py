"""The jailed process behind a loaded program: begun late, replaced before its limits, never left behind."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators.nouns import Status
from heuresis.evaluators.player import ProgramFailed, failure_of
from heuresis.evaluators.referee import STATUS_OF
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Limits, Program
from heuresis.sandbox.luggage import Luggage
from heuresis.sandbox.protocol import Call, Ending, JailEnded, RemoteHandle
from heuresis.sandbox.session import JailSession
from heuresis.sandbox.wire import CannotCross
from heuresis.sandbox.worker import JailWorker, open_worker

_SEED = 0
"""Of Python's and numpy's global random numbers in the jail: each process begins with the same."""
_SHARE = 0.5
"""Of its seconds, after which a process is replaced."""


@dataclass(frozen=True)
class Told:
    """Calls of one name."""

    name: str
    arguments: Sequence[tuple[Any, ...]]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    keep: bool = False
    """The values stay in the jail as objects."""
    target: JailObject | None = None


class JailObject:
    """An object that lives in the jail; its public methods are calls. It ends with its process."""

    def __init__(self, jail: Jail, handle: RemoteHandle, life: int) -> None:
        self._jail = jail
        self._handle = handle
        self._life = life
        weakref.finalize(self, jail.forget, handle, life).atexit = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self._jail.call(Told(name, [args], kwargs, target=self))[0]

    def __reduce__(self) -> NoReturn:
        stays()


@dataclass
class _Process:
    """The worker and the session in it; shared with the finalizer, which must not know the jail."""

    owner: int = field(default_factory=os.getpid)
    worker: JailWorker | None = None
    session: JailSession | None = None

    def close(self) -> None:
        """After a fork the process belongs to the parent, and nothing is done."""
        if self.owner == os.getpid() and self.worker is not None:
            self.worker.close()
            self.worker = self.session = None


class Jail:
    """Calls a program in a jail. Raises ProgramFailed for what the program does, Unavailable without a jail."""

    def __init__(
        self,
        program: Program,
        entries: Sequence[EntryPoint],
        runtime: tuple[str, ...],
        limits: Limits,
        isolation: str,
        allow_none: bool,
    ) -> None:
        self._program = program
        self._parameters = {entry.name: [one.name for one in entry.parameters] for entry in entries}
        self._runtime = runtime
        self._limits = limits
        self._isolation = isolation
        self._allow_none = allow_none
        self._lock = threading.RLock()
        self._process = _Process()
        self._life = 0
        self._kept: set[int] = set()
        self._dropped: list[RemoteHandle] = []
        self._closed = False
        weakref.finalize(self, self._process.close)

    def call(self, told: Told) -> list[Any]:
        """One value per tuple of arguments, in order."""
        if self._process.owner != os.getpid():
            raise ConfigError(
                "load", "a call in the process that loaded the program", "one after a fork", "Load it again here."
            )
        with self._lock:
            session = self._ready(told)
            target = None if told.target is None else told.target._handle
            calls = [Call(told.name, args, told.kwargs, target, told.keep) for args in told.arguments]
            try:
                answers = session.call(calls)
            except JailEnded as ended:
                self._end()
                raise _failure(ended) from ended
            except CannotCross as error:
                self._end()
                raise _mistake(told, self._parameters, error) from error
            except BaseException:  # Ctrl-C, a callable of the caller's: it may have left half a message behind
                self._end()
                raise
            return [self._value(told.name, answer) for answer in answers]

    def forget(self, handle: RemoteHandle, life: int) -> None:
        """Somebody holds the object no longer. Comes from the garbage collector, at any moment: it only takes note."""
        if life == self._life:
            self._dropped.append(handle)

    def close(self) -> None:
        """End the process. Nothing happens the second time, and after a fork: the process is the parent's."""
        if self._process.owner != os.getpid():
            return
        with self._lock:
            self._closed = True
            self._end()
            self._process.close()

    def _value(self, name: str, answer: Any) -> Any:
        if answer.error is not None:
            raise failure_of(name, answer)
        if not isinstance(answer.value, RemoteHandle):
            return answer.value
        self._kept.add(answer.value.number)
        return JailObject(self, answer.value, self._life)

    def _ready(self, told: Told) -> JailSession:
        """A process with seconds left."""
        if self._closed:
            raise ConfigError("load", "a program that is open", "one that was closed", "Load it again.")
        self._free_dropped()
        if told.target is not None and told.target._life != self._life:
            raise ProgramFailed(Status.CRASHED, "the object is gone: the process that it lived in has ended")
        session = self._process.session
        if session is not None and not self._kept and self._is_old(session):
            self._end()
            session = None
        return session or self._begin()

    def _is_old(self, session: JailSession) -> bool:
        used = session.usage
        wall, cpu = used.wall_seconds / self._limits.wall_seconds, used.cpu_seconds / self._limits.cpu_seconds
        return max(wall, cpu) > _SHARE

    def _free_dropped(self) -> None:
        dropped, self._dropped = self._dropped, []
        dropped = [one for one in dropped if one.number in self._kept]
        if not dropped or self._process.session is None:
            return
        try:
            self._process.session.free(dropped)
            self._kept -= {one.number for one in dropped}
        except JailEnded:  # it died between two calls: the next one gets a fresh process
            self._end()

    def _begin(self) -> JailSession:
        process = self._process
        if process.worker is None:
            process.worker = open_worker(self._runtime, self._isolation, allow_none=self._allow_none)
        try:
            process.session = process.worker.start(self._program, list(self._parameters), self._limits, _SEED)
        except JailEnded as ended:
            raise _failure(ended) from ended
        return process.session

    def _end(self) -> None:
        self._life += 1
        self._kept.clear()
        self._dropped.clear()
        if self._process.session is not None:
            self._process.session.close()
            self._process.session = None


def _failure(ended: JailEnded) -> Exception:
    if ended.ending is Ending.UNAVAILABLE:
        return Unavailable(ended.reason)
    return ProgramFailed(STATUS_OF[ended.ending], ended.reason, ended.output)


def stays() -> NoReturn:
    """Raises ConfigError: what was loaded belongs to its process and is not pickled or copied."""
    hint = "Hand over its code (found.code) or its id, and load it there."
    raise ConfigError("load", "a program that stays in the process that loaded it", "one to be pickled or copied", hint)


def _mistake(told: Told, parameters: Mapping[str, Sequence[str]], error: CannotCross) -> ConfigError:
    """Names the argument that cannot be copied into the jail."""
    names = parameters.get(told.name, ()) if told.target is None else ()
    for args in told.arguments:
        places = [*names[: len(args)], *(f"argument {n + 1}" for n in range(len(names), len(args)))]
        for name, value in (*zip(places, args, strict=True), *told.kwargs.items()):
            try:
                Luggage().encode([value])
            except CannotCross as why:
                return _cannot(name, why)
    return _cannot("arguments", error)


def _cannot(name: str, why: CannotCross) -> ConfigError:
    return ConfigError(name, "what can be copied: numbers, text, lists, dicts with text as keys, arrays", str(why))
