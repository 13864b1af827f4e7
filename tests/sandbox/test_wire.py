"""What may cross the wall, and what hostile bytes do to the decoder: nothing."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import socket
import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heuresis.sandbox import frames, wire
from heuresis.sandbox.wire import CannotCross, Caps, Decoder, Encoder, WireError


def refuse(_: Any, *__: Any) -> Any:
    raise CannotCross("special")


def refuse_extension(_: Decoder, code: int, payload: bytes) -> Any:
    raise WireError("special")


def encoder() -> Encoder:
    return Encoder(refuse, wire.FROM_JAIL)


def decoder(caps: Caps = wire.FROM_JAIL) -> Decoder:
    return Decoder(refuse_extension, caps)


def there_and_back(value: Any) -> Any:
    encoded = encoder().encode(value)
    if not encoded.shared:
        return decoder().decode(encoded.body)
    fd = frames.sealed_memfd(encoded)
    try:
        return decoder().decode(encoded.body, frames.read_copy(fd, frames.checked_size(fd, 1 << 30)))
    finally:
        os.close(fd)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_plain_values_come_back_equal_and_of_the_same_type(value: Any) -> None:
    back = there_and_back(value)
    assert repr(back) == repr(value)


def test_nan_and_infinity_cross_as_they_are() -> None:
    back = there_and_back([math.nan, math.inf, -math.inf, -0.0])
    assert math.isnan(back[0])
    assert back[1:] == [math.inf, -math.inf, 0.0]
    assert math.copysign(1, back[3]) == -1


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint16", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (4, 5), (300, 400)])
def test_arrays_come_back_with_dtype_shape_and_bytes(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.random.default_rng(0).random(shape) * 2).astype(dtype)
    back = there_and_back([array])[0]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)
    assert back.flags.writeable


def test_several_large_arrays_share_one_descriptor() -> None:
    arrays = [np.arange(20_000.0), np.arange(70_001, dtype=np.uint8), np.asfortranarray(np.ones((200, 300)))]
    assert all(np.array_equal(a, b) for a, b in zip(arrays, there_and_back(arrays), strict=True))


def test_big_endian_and_strided_arrays_arrive_native_and_contiguous() -> None:
    back = there_and_back(np.arange(10, dtype=">i4")[::2])
    assert back.dtype == np.dtype("int32")
    assert back.tolist() == [0, 2, 4, 6, 8]


def test_numpy_scalars_become_python_scalars() -> None:
    back = there_and_back([np.float64(1.5), np.int8(3), np.bool_(True), np.float32(0.5), np.str_("a")])
    assert [type(item) for item in back] == [float, int, bool, float, str]


def checked(value: Any) -> None:
    wire.check_shape(value, 64)
    encoder().encode([value])


class IntLike(int):
    pass


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, {1, 2}, 2**70, 1j, IntLike(3), np.array([object()]), np.datetime64("2020-01-01"), "\ud800",
     np.zeros(3, "M8[s]"), np.zeros(2, [("a", "i4")]), range(3), np.longdouble(1)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_other_values_are_refused_by_the_sender(value: Any) -> None:
    with pytest.raises((CannotCross, WireError)):
        checked(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((CannotCross, WireError)):
        encoder().encode(loop)
    turns: list[Any] = []
    turns.append((turns,))
    with pytest.raises((CannotCross, WireError)):
        encoder().encode(turns)


@given(st.binary(max_size=200))
@settings(max_examples=2000)
def test_random_bytes_decode_or_raise_one_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decoder().decode(data)


extensions = st.builds(msgpack.ExtType, st.integers(0, 20), st.binary(max_size=60))
trees = st.recursive(
    extensions | st.integers(-(2**63), 2**64 - 1) | st.none() | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 3) | st.text(max_size=2), inner, max_size=3)
    ),
)


@given(trees, st.booleans())
@settings(max_examples=1000)
def test_wellformed_frames_with_hostile_extensions_decode_or_raise_one_error(tree: Any, with_memory: bool) -> None:
    body = msgpack.packb(tree)
    with contextlib.suppress(WireError):
        decoder().decode(body, np.zeros(128, np.uint8) if with_memory else None)


@given(plain, st.data())
@settings(max_examples=500)
def test_damaged_frames_decode_or_raise_one_error(value: Any, data: st.DataObject) -> None:
    body = bytearray(encoder().encode([value, np.arange(3), (1, 2)]).body)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        decoder().decode(bytes(body))


def deep(levels: int) -> bytes:
    return b"\x91" * levels + b"\xc0"


def deep_tuple(levels: int) -> bytes:
    body = b"\x90"
    for _ in range(levels):
        body = b"\x91" + msgpack.packb(msgpack.ExtType(wire.TUPLE, body))
    return body


@pytest.mark.parametrize(
    "body",
    [
        deep(65), deep(100_000), deep_tuple(100), deep_tuple(2000),
        b"\xdd\xff\xff\xff\xff", (b"\xdd" + struct.pack(">I", 999_999)) * 1000,
        b"\x91" * 60 + b"\xdd\x00\x03\x0d\x41" + b"\x90" * 200_001,
        b"\xdb\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\x01", b"\xa2\xc3\x28", b"\x82\xa1a\x01\xa1a\x02",
        b"\x81\x01\x02", b"", b"\xc1", b"\xc0\xc0",
        msgpack.packb(msgpack.ExtType(wire.ARRAY, b"\x00\x01" + struct.pack("<Q", 1) + b"\x02")),
        msgpack.packb(msgpack.ExtType(wire.ARRAY, b"\x04\x02" + struct.pack("<QQ", 0, 2**63))),
        msgpack.packb(msgpack.ExtType(wire.ARRAY, b"\x63\x00")), msgpack.packb(msgpack.ExtType(wire.ARRAY, b"")),
        msgpack.packb(msgpack.ExtType(wire.BIG_ARRAY, b"\x04\x01" + struct.pack("<QQ", 8, 0))),
        msgpack.packb(msgpack.ExtType(wire.HANDLE, b"\x01")), msgpack.packb(msgpack.ExtType(wire.CALLBACK, b"\x01")),
    ],
    ids=range(22),
)  # fmt: skip
def test_hostile_frames_raise_one_error(body: bytes) -> None:
    with pytest.raises(WireError):
        decoder().decode(body)


def test_a_timestamp_is_only_a_number() -> None:
    assert type(decoder().decode(msgpack.packb(msgpack.Timestamp(5, 0)))) is float


def test_only_sealed_memory_is_accepted() -> None:
    fd = os.memfd_create("open", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 100)
    read_end, write_end = os.pipe()
    try:
        for bad in (fd, read_end, write_end):
            with pytest.raises(WireError):
                frames.checked_size(bad, 1 << 20)
        encoded = encoder().encode(np.zeros(100_000))
        sealed = frames.sealed_memfd(encoded)
        with pytest.raises(WireError):
            frames.checked_size(sealed, 1000)
        assert frames.checked_size(sealed, 1 << 20) == encoded.shared_bytes == 800_000
        os.close(sealed)
    finally:
        for number in (fd, read_end, write_end):
            os.close(number)


def test_a_receiver_refuses_long_frames_and_bunches_of_descriptors() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        receiver = frames.Receiver(ours, 1000)
        theirs.send(struct.pack("<I", 1001))
        receiver.read()
        with pytest.raises(WireError):
            receiver.take()
        many = frames.Receiver(ours, 1000)
        socket.send_fds(theirs, [b"x"], [0, 0, 0, 0, 0])
        with pytest.raises(WireError):
            many.read()
        many.close()


def test_frames_arrive_whole_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        receiver = frames.Receiver(ours, 1 << 20)
        bodies = [b"a", b"", os.urandom(100_000), b"b" * 65_536, b"c"]
        stream = b"".join(struct.pack("<I", len(body)) + body for body in bodies)
        got: list[bytes] = []
        taken = 0
        for start in range(0, len(stream), 7001):
            theirs.sendall(stream[start : start + 7001])
            sent = min(start + 7001, len(stream))
            while taken + receiver._have < sent:
                receiver.read()
                while (frame := receiver.take()) is not None:
                    got.append(frame[0])
                    taken += 4 + len(frame[0])
        assert got == bodies
        assert not receiver.leftover


def test_a_memory_file_with_holes_is_refused() -> None:
    fd = os.memfd_create("holes", os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, 1 << 30)
        fcntl.fcntl(fd, 1033, 2 | 4 | 8)
        with pytest.raises(WireError, match="holes"):
            frames.checked_size(fd, 1 << 30)
    finally:
        os.close(fd)


def test_tuples_in_tuples_are_not_copied_without_end() -> None:
    payload = msgpack.packb([b"a" * (1 << 20)])
    for _ in range(40):
        payload = msgpack.packb([msgpack.ExtType(wire.TUPLE, payload)])
    caps = Caps(frame_bytes=2 << 20)
    with pytest.raises(WireError, match="within tuples"):
        decoder(caps).decode(payload)
    value: Any = b"a" * (1 << 20)
    for _ in range(40):
        value = (value,)
    with pytest.raises(CannotCross, match="within tuples"):
        Encoder(refuse, caps).encode(value)
