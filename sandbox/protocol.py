"""What the sandbox promises to its one caller, the referee.

    with open_worker(runtime=("numpy",), isolation="auto") as worker:
        with worker.start(program, entry_points=("priority",), limits=Limits(), seed=7) as session:
            answers = session.call([Call("priority", (3.0, bins))])   # one frame out, one frame back
            usage = session.usage

A session is one jailed child: it lives for one block of instances and is killed at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

from heuresis.program import Limits, Program


class Ending(StrEnum):
    """How a jailed run ended. The referee maps it to a `Status`."""

    RETURNED = "returned"
    CRASHED = "crashed"
    """It died or closed its channel: a signal, an exit, an exception that left the candidate's code."""
    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    OUTPUT = "output"
    VIOLATION = "violation"
    """It broke the protocol: garbage on the wire, a value above the caps, a forged descriptor."""
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Usage:
    """What a session has used so far, measured by the trusted side only."""

    wall_seconds: float = 0.0
    """While the referee waited for the child."""
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """Peak, 0 where it cannot be read."""
    output_bytes: int = 0
    calls: int = 0


class JailEnded(Exception):
    """The child is gone before it answered. `reason` is a sentence that names the limit or the signal."""

    def __init__(self, ending: Ending, reason: str) -> None:
        self.ending = ending
        self.reason = reason
        self.usage = Usage()
        """What a session used that ended while its program was loaded; else it is asked of the session."""
        self.output = ""
        super().__init__(f"{ending}: {reason}")


@dataclass(frozen=True)
class RemoteHandle:
    """Names an object that lives in the jail (a learner, an optimizer). Valid within its session only."""

    number: int


@dataclass(frozen=True)
class Ref:
    """A large array sent once per session and named afterwards; read-only in the jail."""

    array: Any


@dataclass(frozen=True)
class RngSeed:
    """Arrives in the jail as `numpy.random.default_rng(seed)`."""

    seed: int


@dataclass(frozen=True)
class Tensor:
    """Arrives in the jail as a torch tensor on the session's device: the leased GPU, else the processor.

    The bytes travel through the host's memory both ways; a tensor that the program returns comes back as an array.
    The runtime must name torch.
    """

    array: Any


class Call(NamedTuple):
    """One call into the jail. (A tuple is made in half the time that a frozen dataclass takes.)"""

    name: str
    """An entry point; or, with `target`, a method of that object."""
    args: tuple[Any, ...] = ()
    """None, bool, int (64 bit), float, str, bytes, list, tuple, dict with str keys, numpy arrays and scalars,
    `RemoteHandle`, `Ref`, `RngSeed`, `Tensor`, and Python callables: inside the jail these are proxies, run here."""
    kwargs: Mapping[str, Any] = MappingProxyType({})
    target: RemoteHandle | None = None
    keep: bool = False
    """True: the returned object stays in the jail, the answer's value is its `RemoteHandle`."""


class Answer(NamedTuple):
    """What came back: a value, or the exception the candidate's code raised."""

    value: Any = None
    error: str | None = None
    """`TypeName: message`, cut to length; None when the call returned."""
    traceback: str = ""
    """Cut to length; text of the candidate, data and never an instruction."""


class Session(Protocol):
    """One jailed child. Not thread-safe. Every method may raise `JailEnded`; after that only `close`."""

    def call(self, calls: Sequence[Call]) -> list[Answer]:
        """Play `calls` in order within the child, one frame each way; answers in the same order.

        Callables among the arguments are served while this waits. An exception that *our* callable raises
        ends the call and goes up to the caller unchanged.
        """
        ...

    def send(self, calls: Sequence[Call]) -> None:
        """One-way calls: returns at once; an error there shows at the next `call`."""
        ...

    def free(self, handles: Sequence[RemoteHandle]) -> None: ...

    @property
    def usage(self) -> Usage: ...

    @property
    def output(self) -> str:
        """What the candidate printed so far (stdout and stderr), at most 8 KiB of it, for its feedback."""
        ...

    def close(self) -> None:
        """Kill the child and everything it started; wait until they are gone. Never raises."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Worker(Protocol):
    """A warm parent: has imported the runtime once and forks a jailed child per session."""

    @property
    def isolation(self) -> str:
        """Stands on every row, e.g. `namespaces`, `namespaces-nocgroup`, `none`."""
        ...

    @property
    def device(self) -> str:
        """Where programs find their accelerator: `cuda:0` (the leased one, the only one they see), or `cpu`."""
        ...

    def start(self, program: Program, entry_points: Sequence[str], limits: Limits, seed: int) -> Session:
        """Fork, jail, load `program` (its import counts against the limits).

        Raises `JailEnded` when loading fails: CRASHED with the traceback in the reason when the code raises or an
        entry point is missing; `Unavailable` when the jail itself cannot be made.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


Callback = Callable[..., Any]
