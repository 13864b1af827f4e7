"""Writes down what crosses the wall of the jail, so that it can be replayed without a referee (docs/exporting.md).

    tape = Tape(budget_bytes=2 << 20)
    session = tape.listen(worker.start(...), Place(tier, indices), seed)    # used like any session
    tape.transcript()                                                        # gzip of JSON lines

Every call is kept with its arguments and its answer, every use of a callable of ours with what it was asked and what
it answered. A tape that is full keeps what it has, a whole number of frames, and goes on counting.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from heuresis.evaluators.nouns import Tier
from heuresis.sandbox.protocol import Answer, Call, Ref, RemoteHandle, RngSeed, Session, Usage

_PIECE_CHARACTERS = 128 << 10
"""So many are compressed at a time, as one gzip member: the budget is checked exactly, at little loss."""
_PLAIN_BYTES = 128 << 20
"""Written down before compression; a program that makes more of it does so to fill memory that is not its own."""
_CUT = gzip.compress(b'{"cut":true}\n', mtime=0)
"""Stands at the end of what is not whole."""
_PLAIN = frozenset({type(None), bool, int, float, str})


@dataclass(frozen=True)
class Transcript:
    """What a tape holds at the end."""

    data: bytes = b""
    """JSON lines, compressed: gzip members one after the other, which together are a gzip file."""
    kept: int = 0
    """Calls in it."""
    calls: int = 0
    """Calls that were made."""

    def __add__(self, other: Transcript) -> Transcript:
        return Transcript(self.data + other.data, self.kept + other.kept, self.calls + other.calls)


@dataclass(frozen=True)
class Place:
    """Which instances a session plays."""

    tier: Tier
    indices: Sequence[int]


class Tape:
    """Lines up to a number of compressed bytes. The first piece that does not fit is the last that is looked at."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._members: list[bytes] = []
        self._size = 0
        self._lines: list[str] = []
        self._length = 0
        self._waiting = 0
        self._kept = 0
        self._calls = 0
        self._spent = 0
        self.full = False

    def listen(self, session: Session, place: Place, seed: int) -> Recorder:
        """The session, with everything that passes through it written down."""
        self.write({"block": {"tier": place.tier.value, "indices": list(place.indices), "seed": seed % 2**64}})
        return Recorder(session, self)

    def write(self, line: Mapping[str, object], calls: int = 0) -> None:
        self._calls += calls
        if self.full:
            return
        text = json.dumps(line, separators=(",", ":")) + "\n"
        self._lines.append(text)
        self._length += len(text)
        self._waiting += calls
        if self._length >= _PIECE_CHARACTERS:
            self._compress()

    def spend(self, size: int) -> bool:
        """Whether so many more bytes may be held; when not, the tape is full."""
        self._spent += size
        self.full = self.full or self._spent > _PLAIN_BYTES
        return not self.full

    def count(self, calls: int) -> None:
        """Calls that are not kept."""
        self._calls += calls

    def transcript(self) -> Transcript:
        self._compress()
        if self.full:
            self._members.append(_CUT)
        return Transcript(b"".join(self._members), self._kept, self._calls)

    def _compress(self) -> None:
        member = gzip.compress("".join(self._lines).encode("ascii"), mtime=0) if self._lines else b""
        if self._size + len(member) + len(_CUT) > self._budget:
            self.full = True
        else:
            self._members.append(member)
            self._size += len(member)
            self._kept += self._waiting
        self._lines, self._length, self._waiting = [], 0, 0


class Recorder:
    """A session that writes down what passes through it. Implements `heuresis.sandbox.protocol.Session`."""

    def __init__(self, session: Session, tape: Tape) -> None:
        self._session = session
        self._tape = tape
        self._encoder = _Encoder(tape)
        self._uses: list[list[object]] = []
        self._heard: dict[tuple[int, int], tuple[int, Callable[..., Any], Callable[..., Any]]] = {}

    def call(self, calls: Sequence[Call]) -> list[Answer]:
        if self._tape.full:
            self._tape.count(len(calls))
            return self._session.call(calls)
        calls = [self._listening(call) for call in calls]
        asked = [self._call(call) for call in calls]  # now: the other side gets them as they are now
        try:
            answers = self._session.call(calls)
        except BaseException:
            self._write("call", asked, None)
            raise
        self._write("call", asked, [self._answer(answer) for answer in answers])
        return answers

    def send(self, calls: Sequence[Call]) -> None:
        calls = [self._listening(call) for call in calls]
        self._write("send", [self._call(call) for call in calls], None)
        self._session.send(calls)

    def free(self, handles: Sequence[RemoteHandle]) -> None:
        self._tape.write({"free": [handle.number for handle in handles]})
        self._session.free(handles)

    @property
    def usage(self) -> Usage:
        return self._session.usage

    @property
    def output(self) -> str:
        return self._session.output

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def _write(self, kind: str, asked: list[object], answers: list[object] | None) -> None:
        """`answers` None: of one-way calls, or of calls that were given up because a callable of ours raised."""
        line: dict[str, object] = {kind: asked}
        if kind == "call":
            line["answers"] = answers
        if self._uses:
            line["uses"], self._uses = self._uses, []
        self._tape.write(line, len(asked))

    def _call(self, call: Call) -> object:
        kept: dict[str, object] = {"name": call.name, "args": [self._encoder.encode(value) for value in call.args]}
        if call.kwargs:
            kept["kwargs"] = {name: self._encoder.encode(value) for name, value in call.kwargs.items()}
        if call.target is not None:
            kept["target"] = call.target.number
        if call.keep:
            kept["keep"] = True
        return kept

    def _answer(self, answer: Answer) -> object:
        if answer.error is not None:
            return {"error": answer.error.partition(":")[0]}
        return {"value": self._encoder.encode(answer.value)}

    def _listening(self, call: Call) -> Call:
        """The call with our callables replaced by ones that write down each use."""
        args = tuple(self._hear(value) for value in call.args)
        kwargs = {name: self._hear(value) for name, value in call.kwargs.items()}
        return Call(call.name, args, kwargs, call.target, call.keep)

    def _hear(self, value: Any) -> Any:
        kind = type(value)
        if kind is list or kind is tuple:
            return kind(self._hear(item) for item in value)
        if kind is dict:
            return {key: self._hear(item) for key, item in value.items()}
        return self._heard_one(value) if _is_function(value) else value

    def _heard_one(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """One listener per function; bound methods are made anew at each look (as `Luggage` knows)."""
        key = (id(getattr(function, "__self__", None)), id(getattr(function, "__func__", function)))
        if key not in self._heard:
            number = len(self._heard)
            listener = self._listener(number, function)
            self._heard[key] = number, function, listener
            self._encoder.functions[id(listener)] = number
        return self._heard[key][2]

    def _listener(self, number: int, function: Callable[..., Any]) -> Callable[..., Any]:
        def listener(*args: Any, **kwargs: Any) -> Any:
            if self._tape.full:
                return function(*args, **kwargs)
            use: list[object] = [number, self._encoder.encode(list(args)), self._encoder.encode(kwargs)]
            self._uses.append(use)
            try:
                value = self._hear(function(*args, **kwargs))
            except BaseException:
                use.append({"raised": True})
                raise
            use.append({"value": self._encoder.encode(value)})
            if not self._tape.spend(len(json.dumps(use))):
                self._uses.clear()  # a call may use it without end
            return value

        return listener


class _Encoder:
    """Values as JSON. What JSON has is itself; all else is an object with one key that names its kind."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.functions: dict[int, int] = {}
        """id of a listener -> number of its function."""
        self._refs: dict[int, tuple[int, Any]] = {}

    def encode(self, value: Any) -> object:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is list:
            return [self.encode(item) for item in value]
        if kind is tuple:
            return {"tuple": [self.encode(item) for item in value]}
        if kind is dict:
            return {"dict": {key: self.encode(item) for key, item in value.items()}}
        return self._special(value)

    def _special(self, value: Any) -> object:
        if isinstance(value, np.ndarray):
            return {"array": _array(value)} if self._tape.spend(value.nbytes) else {"unknown": "flood"}
        if isinstance(value, np.generic):
            return self.encode(value.item())
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, RemoteHandle):
            return {"handle": value.number}
        if isinstance(value, RngSeed):
            return {"rng": value.seed}
        if isinstance(value, Ref):
            return self._ref(value)
        if id(value) in self.functions:
            return {"function": self.functions[id(value)]}
        return {"unknown": type(value).__name__}  # it cannot cross: the session says so next

    def _ref(self, ref: Ref) -> object:
        key = id(ref.array)
        if key in self._refs:
            return {"ref": self._refs[key][0]}
        self._refs[key] = len(self._refs), ref.array
        return {"new_ref": self._refs[key][0], "array": _array(ref.array)}


def _array(array: NDArray[Any]) -> list[object]:
    """[dtype, shape, base64 of the little-endian bytes in C order]."""
    dtype = array.dtype.newbyteorder("<")
    data = np.ascontiguousarray(array).astype(dtype, copy=False).tobytes()
    return [dtype.str, list(array.shape), base64.b64encode(data).decode()]


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, (np.ndarray, np.generic, RemoteHandle, RngSeed, Ref))
