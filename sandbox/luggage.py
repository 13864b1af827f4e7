"""What the referee has handed into one jail and may be named later: arrays, functions, objects kept there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgpack import ExtType

from heuresis.sandbox import wire
from heuresis.sandbox.protocol import Ref, RemoteHandle, RngSeed, Tensor
from heuresis.sandbox.wire import CannotCross, Encoded, Encoder

_SERVED = 10
"""Times its wall limit that a program may keep callables of ours busy."""


class Luggage:
    """Encodes the referee's frames. Remembers by identity, so what was handed over is kept alive for the session."""

    def __init__(self, torch: bool = False, wall_seconds: float = math.inf) -> None:
        """`torch`: whether the jail has it, so that a `Tensor` can arrive. `wall_seconds`: the program's limit."""
        self._torch = torch
        self._encoder = Encoder(self._special, wire.FROM_REFEREE)
        self._handles: set[int] = set()
        self._last_handle = 0
        self._refs: dict[int, tuple[int, Any]] = {}
        self._fresh: list[int] = []
        self._callbacks: list[Callable[..., Any]] = []
        self._wall_seconds = wall_seconds
        self._served_seconds = 0.0
        self._numbers: dict[object, int] = {}

    def encode(self, frame: list[Any]) -> Encoded:
        """Raises `CannotCross` for a value of ours that may not travel."""
        if self._fresh:
            self._fresh.clear()
        try:
            return self._encoder.encode(frame)
        except CannotCross:
            for key in self._fresh:  # the jail never saw them
                del self._refs[key]
            raise

    def new_handle(self) -> int:
        self._last_handle += 1
        self._handles.add(self._last_handle)
        return self._last_handle

    def known(self, handle: RemoteHandle) -> int:
        if handle.number not in self._handles:
            raise CannotCross(f"handle {handle.number} is not of this session, or was freed")
        return handle.number

    def forget(self, numbers: Sequence[int]) -> None:
        self._handles.difference_update(numbers)

    def serve(self, callback: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What a callback of ours returns; the seconds it takes are counted. Raises what it raises."""
        started = time.monotonic()
        try:
            return callback(*args, **kwargs)
        finally:
            self._served_seconds += time.monotonic() - started

    @property
    def overserved(self) -> str:
        """Why the program may use our callables no more, whose time is no time of its own; empty while it may."""
        if self._served_seconds <= _SERVED * self._wall_seconds:
            return ""
        return f"kept what it was given busy for more than {_SERVED} times its wall limit"

    def callback(self, number: object) -> Callable[..., Any] | None:
        """The function of that number, None when the jail was never given one."""
        if type(number) is not int or not 0 <= number < len(self._callbacks):
            return None
        return self._callbacks[number]

    def _special(self, encoder: Encoder, value: Any) -> ExtType:
        if type(value) is RemoteHandle:
            return ExtType(wire.HANDLE, _bytes(self.known(value)))
        if type(value) is Ref:
            return self._ref(encoder, value)
        if type(value) is RngSeed:
            return ExtType(wire.RNG, _bytes(value.seed))
        if type(value) is Tensor:
            if not self._torch:
                raise CannotCross("a Tensor cannot cross: torch is not in the runtime")
            return ExtType(wire.TENSOR, encoder.nested([value.array]))
        if callable(value):
            return ExtType(wire.CALLBACK, _bytes(self._number_of(value)))
        raise CannotCross(f"a {type(value).__name__} cannot cross")

    def _ref(self, encoder: Encoder, ref: Ref) -> ExtType:
        key = id(ref.array)
        if key in self._refs:
            return ExtType(wire.REF, _bytes(self._refs[key][0]))
        number = len(self._refs)
        payload = encoder.nested([number, ref.array])
        self._refs[key] = number, ref.array
        self._fresh.append(key)
        return ExtType(wire.REF_NEW, payload)

    def _number_of(self, function: Callable[..., Any]) -> int:
        """Bound methods are made anew at each look: two of one object and function are one."""
        owner = getattr(function, "__self__", None)
        key = (id(owner), id(getattr(function, "__func__", function)))
        if key not in self._numbers:
            self._numbers[key] = len(self._callbacks)
            self._callbacks.append(function)
        return self._numbers[key]


def _bytes(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "little")
