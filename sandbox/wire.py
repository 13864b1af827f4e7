"""Values as bytes: what may cross the wall of the jail, and nothing else.

msgpack with our own extension types. Large arrays of one frame travel together in one sealed memfd. The decoder is
fed by a hostile child: whatever the bytes, it returns plain values within `Caps` or raises `WireError`, nothing else.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack
import numpy as np
from msgpack import ExtType
from numpy.typing import NDArray

INLINE_BYTES = 64 << 10
"""Arrays above this go by memfd."""
_SMALL_BYTES = 16 << 10
"""A frame up to this size cannot hold enough items or containers to need counting."""
_ALIGN = 64
TUPLE, ARRAY, BIG_ARRAY, HANDLE, RNG, REF_NEW, REF, CALLBACK, TENSOR = range(1, 10)
_DTYPES = tuple(
    np.dtype(name)
    for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                 "float16", "float32", "float64", "complex64", "complex128")
)  # fmt: skip
_CODE_OF = {dtype: code for code, dtype in enumerate(_DTYPES)}
_CONTAINERS = frozenset({list, tuple, dict})
SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_FEW = 16
_OFFSET = struct.Struct("<Q")
_MAX_DIMENSIONS = 32
_COPIES = 8
"""Of a largest frame: each tuple is copied out of the one around it, and all of them are held at a time."""


class WireError(Exception):
    """The bytes from the other side are not a frame of ours. The session they came from is over."""


class CannotCross(TypeError):
    """A value on this side that may not travel; the text says which and why."""


@dataclass(frozen=True)
class Caps:
    """Bounds on one frame."""

    frame_bytes: int = 8 << 20
    """Without what travels by memfd."""
    shared_bytes: int = 1 << 30
    """What travels by memfd."""
    depth: int = 64
    containers: int = 200_000
    """Lists, tuples and dicts: an empty one costs 1 byte on the wire and 60 in memory."""
    items: int = 1_000_000
    """In one list, tuple or dict."""


FROM_JAIL = Caps()
FROM_REFEREE = Caps(frame_bytes=256 << 20, shared_bytes=16 << 30, containers=50_000_000, items=50_000_000)


class Encoded(NamedTuple):
    """A frame body, and the buffers of its memfd in order (each starts at a multiple of 64 bytes)."""

    body: bytes
    shared: tuple[memoryview, ...] = ()
    shared_bytes: int = 0


class Encoder:
    """Turns values into frames. `special` turns a value of one side's own types into an extension, or raises."""

    def __init__(self, special: Callable[[Encoder, Any], ExtType], caps: Caps) -> None:
        self._special = special
        self._caps = caps
        self._packer = msgpack.Packer(default=self._default, strict_types=True, use_bin_type=True)
        self._shared: list[memoryview] = []
        self._offset = 0
        self._depth = 0
        self._inner = 0
        self.inline_bytes = INLINE_BYTES

    def encode(self, value: Any) -> Encoded:
        """Raises `CannotCross`."""
        self._shared, self._offset, self._depth, self._inner = [], 0, 0, 0
        try:
            body = self._packer.pack(value)
        except CannotCross:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError, UnicodeError) as error:
            raise CannotCross(f"{type(error).__name__}: {error}") from error
        if len(body) > self._caps.frame_bytes:
            raise CannotCross(f"a message of {len(body)} bytes is above the cap of {self._caps.frame_bytes}")
        if not self._shared:
            return Encoded(body)
        if self._offset > self._caps.shared_bytes:
            raise CannotCross(f"arrays of {self._offset} bytes are above the cap of {self._caps.shared_bytes}")
        return Encoded(body, tuple(self._shared), self._offset)

    def array(self, array: NDArray[Any]) -> ExtType:
        """An array of an allowed dtype, as an extension."""
        plain = np.ascontiguousarray(array).reshape(array.shape)  # ascontiguousarray makes 0-d arrays 1-d
        plain = plain.astype(plain.dtype.newbyteorder("="), copy=False)
        code = _CODE_OF.get(plain.dtype)
        if code is None:
            raise CannotCross(f"an array of dtype {array.dtype} cannot cross")
        header = struct.pack(f"<BB{plain.ndim}Q", code, plain.ndim, *plain.shape)
        if plain.nbytes <= self.inline_bytes:
            return ExtType(ARRAY, header + plain.tobytes())
        return ExtType(BIG_ARRAY, header + _OFFSET.pack(self._share(plain.reshape(-1).view(np.uint8).data)))

    def _share(self, buffer: memoryview) -> int:
        offset = self._offset
        self._shared.append(buffer)
        self._offset = -(-(offset + len(buffer)) // _ALIGN) * _ALIGN
        return offset

    def nested(self, value: list[Any]) -> bytes:
        """A list as the payload of an extension."""
        self._depth += 1
        if self._depth > self._caps.depth:
            raise CannotCross("nested too deeply")
        body: bytes = msgpack.packb(value, default=self._default, strict_types=True, use_bin_type=True)
        self._depth -= 1
        self._inner += len(body)
        if self._inner > _COPIES * self._caps.frame_bytes:
            raise CannotCross("too much within tuples: use lists")
        return body

    def _default(self, value: Any) -> Any:
        if type(value) is tuple:
            return ExtType(TUPLE, self.nested(list(value)))
        if isinstance(value, np.ndarray):
            return self.array(np.asarray(value))
        if isinstance(value, np.generic):
            return _python_scalar(value)
        return self._special(self, value)


def _python_scalar(value: np.generic) -> Any:
    plain = value.item()
    if type(plain) not in SCALARS:
        raise CannotCross(f"a {type(value).__name__} cannot cross")
    return plain


class Decoder:
    """Turns frames into values. `special` turns an extension of the other side's own kinds into a value, or raises."""

    def __init__(self, special: Callable[[Decoder, int, bytes], Any], caps: Caps) -> None:
        self._special = special
        self._caps = caps
        self._options = {
            "object_pairs_hook": self._dict, "list_hook": self._list, "ext_hook": self._extension,
            "strict_map_key": False, "raw": False, "timestamp": 1,
            "max_str_len": caps.frame_bytes, "max_bin_len": caps.frame_bytes,
            "max_map_len": caps.items, "max_ext_len": caps.frame_bytes,
        }  # fmt: skip
        self._small_bytes = min(_SMALL_BYTES, caps.frame_bytes, caps.containers, caps.items)
        self._shared: NDArray[np.uint8] | None = None
        self._containers = 0
        self._depth = 0
        self._sliced = 0
        """Bytes of `shared` that arrays of this frame have taken."""
        self._inner = 0
        """Bytes of this frame that were copied for what lies in other values."""

    def decode(self, body: memoryview | bytes, shared: NDArray[np.uint8] | None = None) -> Any:
        """The value in `body`; `shared` holds the bytes of the frame's memfd. Raises `WireError`."""
        self._shared, self._containers, self._depth, self._sliced, self._inner = shared, 0, 0, 0, 0
        try:
            size = len(body)
            value = self._unpack_small(body) if size <= self._small_bytes else self._unpack(body, self._options)
            if size > self._caps.depth:  # a level costs a byte at least, and `_dict` has looked at the keys
                check_shape(value, self._caps.depth)
        except WireError:
            raise
        except Exception as error:  # hostile bytes: the owner of the session looks at a WireError
            raise WireError(f"not a frame: {type(error).__name__}") from error
        finally:
            self._shared = None
        return value

    def _unpack_small(self, body: memoryview | bytes) -> Any:
        """Without a cap given, msgpack takes the size of the body for every cap."""
        return msgpack.unpackb(
            body, object_pairs_hook=self._dict, ext_hook=self._extension, strict_map_key=False, timestamp=1
        )

    def _unpack(self, body: memoryview | bytes, options: dict[str, Any]) -> Any:
        """An item costs a byte at least: a list that claims more is refused before it is given room."""
        return msgpack.unpackb(body, max_array_len=min(len(body), self._caps.items), **options)

    def nested(self, body: bytes) -> Any:
        """The value in the payload of an extension."""
        self._depth += 1
        if self._depth > self._caps.depth:
            raise WireError("nested too deeply")
        self._inner += len(body)
        if self._inner > _COPIES * self._caps.frame_bytes:
            raise WireError("too much within tuples")
        value = self._unpack(body, self._options)
        self._depth -= 1
        return value

    def _count(self) -> None:
        self._containers += 1
        if self._containers > self._caps.containers:
            raise WireError(f"more than {self._caps.containers} containers")

    def _list(self, value: list[Any]) -> list[Any]:
        self._count()
        return value

    def _dict(self, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        self._count()
        if not pairs:  # as the keyword arguments of nearly every call
            return {}
        if any(type(key) is not str for key, _ in pairs):
            raise WireError("a key that is not a str")
        value = dict(pairs)
        if len(value) != len(pairs):
            raise WireError("a key twice")
        return value

    def _extension(self, code: int, payload: bytes) -> Any:
        self._count()
        if code == TUPLE:
            items = self.nested(payload)
            if type(items) is not list:
                raise WireError("a tuple that is not a list of items")
            return tuple(items)
        if code in (ARRAY, BIG_ARRAY):
            return self.array(code, payload)
        return self._special(self, code, payload)

    def array(self, code: int, payload: bytes) -> NDArray[Any]:
        """The array in an extension; private and writable."""
        kind, dimensions = payload[0], payload[1]
        if kind >= len(_DTYPES) or dimensions > _MAX_DIMENSIONS:
            raise WireError("an array of unknown kind")
        shape = struct.unpack_from(f"<{dimensions}Q", payload, 2)
        dtype, start = _DTYPES[kind], 2 + 8 * dimensions
        size = dtype.itemsize
        for length in shape:
            size *= length
        if code == BIG_ARRAY:
            (offset,) = _OFFSET.unpack(payload[start:])
            raw = self._slice(offset, size)
        else:
            raw = np.frombuffer(bytearray(payload[start:]), np.uint8)
        if len(raw) != size:
            raise WireError("an array whose bytes do not fit its shape")
        if kind == 0 and size and int(raw.max()) > 1:
            raise WireError("a bool array with other values than 0 and 1")
        return raw.view(dtype).reshape(shape)

    def _slice(self, offset: int, size: int) -> NDArray[np.uint8]:
        self._sliced += size
        if self._shared is None or offset % _ALIGN or offset + size > len(self._shared):
            raise WireError("an array outside its memory")
        if self._sliced > len(self._shared):
            raise WireError("arrays that share memory")
        return self._shared[offset : offset + size]


def check_shape(value: Any, depth: int) -> None:
    """Raise `WireError` when `value` is nested deeper than `depth` or holds a dict with other keys than str.

    Lists of scalars are looked through at C speed.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return
    if depth == 0:
        raise WireError("nested too deeply")
    if kind is dict:
        if any(type(key) is not str for key in value):
            raise WireError("a dict with keys that are not str")
        value = list(value.values())
    if len(value) > _FEW and _CONTAINERS.isdisjoint(set(map(type, value))):
        return
    for item in value:
        if type(item) in _CONTAINERS:
            check_shape(item, depth - 1)


def map_private(fd: int, size: int) -> NDArray[np.uint8]:
    """The bytes behind `fd`, copied page by page on the first write."""
    return np.frombuffer(mmap.mmap(fd, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE), np.uint8)
