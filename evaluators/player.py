"""Plays a block of instances in lock-step against one jailed session.

Each `Problem.run` is ordinary scalar code in a greenlet of its own. Whenever it calls the program, it is parked;
when every run of the block is parked (or done), all pending calls leave as one frame, over which the jail's shim
loops. So twenty instances cost twenty times fewer round trips, and nobody writes batched code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from heuresis.errors import HeuresisError
from heuresis.evaluators.nouns import Result, Status
from heuresis.evaluators.problem import Exam, Invalid, Problem
from heuresis.evaluators.signature import EntryPoint
from heuresis.sandbox.protocol import Answer, Call, JailEnded, RemoteHandle, Session

T = TypeVar("T")


class ProgramFailed(HeuresisError):
    """The program failed: a status with a reason in words.

    For a referee it becomes an `Evaluation` and never ends a campaign. Whoever calls a loaded program gets it as it is.
    """

    def __init__(self, status: Status, reason: str, feedback: str = "") -> None:
        self.status = status
        self.reason = reason
        self.feedback = feedback
        super().__init__(f"{status}: {reason}")


class RemoteFunction:
    """An entry point or a method, callable as if it were local."""

    def __init__(
        self,
        ask: Callable[[list[Call]], list[Any]],
        post: Callable[[Call], None],
        name: str,
        keep: bool,
        target: RemoteHandle | None = None,
    ) -> None:
        self._ask = ask
        self._post = post
        self._name = name
        self._keep = keep
        self._target = target

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask([Call(self._name, args, kwargs, self._target, self._keep)])[0]

    def many(self, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """One call per tuple, in one frame; the values in the same order."""
        return self._ask([Call(self._name, args, {}, self._target, self._keep) for args in arguments])

    def keep(self, *args: Any, **kwargs: Any) -> RemoteObject:
        """The returned object stays in the jail and is used from here: a predictor, an optimizer state."""
        kept: RemoteObject = self._ask([Call(self._name, args, kwargs, self._target, True)])[0]
        return kept

    def send(self, *args: Any, **kwargs: Any) -> None:
        """One-way: returns at once, the value is dropped, an error shows at the next call."""
        self._post(Call(self._name, args, kwargs, self._target))


class RemoteObject:
    """An object that lives in the jail; its public methods are remote calls."""

    def __init__(self, player: Player, handle: RemoteHandle) -> None:
        self._player = player
        self._handle = handle

    def __getattr__(self, name: str) -> RemoteFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._player.function(name, self._handle)

    def free(self) -> None:
        """Let the jail forget it; otherwise it lives until the block ends."""
        self._player.session.free([self._handle])


class RemoteProgram:
    """What `Problem.run` receives: the program's entry points as attributes."""

    def __init__(self, player: Player, entries: Sequence[EntryPoint]) -> None:
        self._functions: Mapping[str, RemoteFunction] = {
            entry.name: player.function(entry.name, keep=entry.returns == entry.name) for entry in entries
        }

    def __getattr__(self, name: str) -> RemoteFunction:
        try:
            return self._functions[name]
        except KeyError:
            raise AttributeError(f"the problem declares no entry point {name!r}") from None


class Player:
    """Holds the session of one block. `play` is the only verb."""

    def __init__(self, problem: Problem, session: Session) -> None:
        self.problem = problem
        self.session = session
        self._hub: greenlet | None = None
        self._program = RemoteProgram(self, problem.entries)

    def function(self, name: str, target: RemoteHandle | None = None, keep: bool = False) -> RemoteFunction:
        return RemoteFunction(self._ask, lambda call: self.session.send([call]), name, keep, target)

    def prepare(self, instances: Sequence[Any], exam: Exam) -> Any:
        """`Problem.prepare`, its calls served one frame at a time."""
        return self._guarded(lambda: self.problem.prepare(self._program, instances, exam))

    def play(self, instances: Sequence[Any], exams: Sequence[Exam]) -> list[Result]:
        """One result per instance. Raises ProgramFailed or JailEnded: the whole block fails with its first failure."""
        self._hub = getcurrent()
        runs = [greenlet(self._run) for _ in instances]
        results: list[Result | None] = [None] * len(runs)
        waiting: list[tuple[int, list[Call]]] = []
        for position, (run, instance, exam) in enumerate(zip(runs, instances, exams, strict=True)):
            self._advance(run, position, (instance, exam), results, waiting)
        while waiting:
            calls = [call for _, wanted in waiting for call in wanted]
            values = self._values(calls, self._call(calls))
            still: list[tuple[int, list[Call]]] = []
            start = 0
            for position, wanted in waiting:
                stop = start + len(wanted)
                self._advance(runs[position], position, (values[start:stop],), results, still)
                start = stop
            waiting = still
        self._hub = None
        return [result for result in results if result is not None]

    def _advance(
        self,
        run: greenlet,
        position: int,
        sent: tuple[Any, ...],
        results: list[Result | None],
        waiting: list[tuple[int, list[Call]]],
    ) -> None:
        came = run.switch(*sent)
        if run.dead:
            results[position] = came
        else:
            waiting.append((position, came))

    def _run(self, instance: Any, exam: Exam) -> Result:
        return self._guarded(lambda: self._checked(self.problem.run(self._program, instance, exam)))

    def _checked(self, result: object) -> Result:
        if not isinstance(result, Result):
            raise TypeError(f"{type(self.problem).__name__}.run returned {type(result).__name__}, not Result")
        return result

    def _guarded(self, action: Callable[[], T]) -> T:
        """Runs a problem's own code; whatever trips there is the program's failure, told in words."""
        try:
            return action()
        except Invalid as error:
            raise ProgramFailed(Status.INVALID, str(error)) from error
        except (ProgramFailed, JailEnded, HeuresisError):
            raise
        # A hostile answer may trip a problem's own code anywhere, and must not end the campaign; a real bug in the
        # problem shows on its seed programs, which the campaign refuses to start without.
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise ProgramFailed(
                Status.INVALID, f"{type(self.problem).__name__} could not use what the program returned ({what})"
            ) from error

    def _ask(self, calls: list[Call]) -> list[Any]:
        if self._hub is None or getcurrent() is self._hub:
            return self._values(calls, self._call(calls))
        values: list[Any] = self._hub.switch(calls)
        return values

    def _call(self, calls: Sequence[Call]) -> list[Answer]:
        """Callables of the problem run in here, with whatever arguments the program gives them."""
        return self._guarded(lambda: self.session.call(calls))

    def _values(self, calls: Sequence[Call], answers: Sequence[Answer]) -> list[Any]:
        values = []
        for call, answer in zip(calls, answers, strict=True):
            if answer.error is not None:
                raise failure_of(call.name, answer)
            value = answer.value
            values.append(RemoteObject(self, value) if isinstance(value, RemoteHandle) else value)
        return values


def failure_of(name: str, answer: Answer) -> ProgramFailed:
    """Why a call gave no value. Where rlimits cap memory, the limit shows as a MemoryError."""
    error = answer.error or ""
    if error.startswith("returned a "):
        return ProgramFailed(Status.INVALID, f"{name} {error}")
    full = error.startswith(("MemoryError", "OutOfMemoryError"))  # the second is torch's, of a GPU
    status = Status.OUT_OF_MEMORY if full else Status.CRASHED
    return ProgramFailed(status, f"{name} raised {error}", answer.traceback)
