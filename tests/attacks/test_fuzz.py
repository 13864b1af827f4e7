"""Whatever bytes and descriptors come from the jail: the referee neither crashes nor hangs, grows or accepts."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heuresis.evaluators.nouns import Result
from heuresis.evaluators.player import Player, ProgramFailed
from heuresis.evaluators.problem import Objective, Problem
from heuresis.sandbox import wire
from heuresis.sandbox.protocol import Answer, Call, JailEnded
from heuresis.sandbox.wire import Encoder
from tests.attacks.exam import Guess
from tests.attacks.fuzzing import Chunk, frame, hostile_session

SECONDS = 20.0
"""A session here has a wall limit of 0.3 s; far above it something hangs."""
PLAIN = (type(None), bool, int, float, str, bytes, list, tuple, dict, np.ndarray)


class Calling(Problem):
    """Hands a function in, so that callbacks may be forged."""

    entry_points = ("f(g: object) -> float",)
    seeds = {"zero": "def f(g): return 0.0\n"}
    objectives = (Objective("value", "min"),)

    def run(self, program, instance, exam):
        def twice(x: float) -> float:
            return 2 * x

        return Result({"value": float(program.f(twice))})


def asked(chunks: list[Chunk]) -> list[Answer] | None:
    """What `Session.call` makes of it: answers of plain values, or a `JailEnded`; never anything else."""
    begun = time.monotonic()
    with hostile_session(chunks) as session:
        answers, reason = None, "answered"
        try:
            answers = session.call([Call("f", (1.0,)), Call("f", (2.0,))])
        except JailEnded as ended:
            reason = ended.reason
        assert reason
        if answers is None:
            with pytest.raises(JailEnded):
                session.call([Call("f")])
    assert time.monotonic() - begun < SECONDS
    if answers is not None:
        assert len(answers) == 2
        assert all(type(answer.value) in PLAIN for answer in answers)
    return answers


def played(problem: Problem, chunks: list[Chunk]) -> list[Result] | None:
    """What a block makes of it: results, or a failure with words; never anything else."""
    begun = time.monotonic()
    with hostile_session(chunks) as session:
        results, reason = None, "played"
        try:
            results = Player(problem, session).play([1.0, -1.0], [None, None])  # type: ignore[list-item]
        except (JailEnded, ProgramFailed) as failure:
            reason = failure.reason
        assert reason
    assert time.monotonic() - begun < SECONDS
    return results


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    threads, fds, memory = threading.active_count(), len(os.listdir("/proc/self/fd")), resident_kilobytes()
    yield
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) <= fds
    assert resident_kilobytes() - memory < 300_000


def resident_kilobytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def body(value: Any) -> bytes:
    def no_special(encoder: Encoder, value: Any) -> msgpack.ExtType:
        raise TypeError

    return Encoder(no_special, wire.FROM_REFEREE).encode(value).body


VALID = (
    body([5, 1, [[0.0], [1.0]]]),
    body([5, 1, [["ValueError: no", "trace"], [(1, [2.0, "x"], {"a": None})]]]),
    body([5, 1, [[np.arange(5.0)], [np.zeros((2, 3), bool)]]]),
    body([4, 0, 0, [1.5], {}]),
    body([4, 0, 0, [], {"x": 2.0}]),
)

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=8)
    | st.text(max_size=4) | st.builds(msgpack.ExtType, st.integers(0, 20), st.binary(max_size=40))
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=12,
)
heads = st.sampled_from([4, 5, 0, 1, 2, 3, 6, 7, -1, True, 1.0, None, "5"])
numbers = st.sampled_from([0, 1, 2, -1, 2**63, True, None, 1.0])
frames_of_ours = st.builds(
    lambda head, request, rest: msgpack.packb([head, request, *rest]), heads, numbers, st.lists(values, max_size=4)
)
answers_of_ours = st.builds(
    lambda answers: msgpack.packb([5, 1, answers]), st.lists(st.lists(values, max_size=3), max_size=3) | values
)
asks_of_ours = st.builds(
    lambda request, number, args, kwargs: msgpack.packb([4, request, number, args, kwargs]),
    numbers, numbers, st.lists(values, max_size=3) | values, values,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid frame with bytes changed, cut out or doubled; its length may lie."""
    data = bytearray(frame(draw(st.sampled_from(VALID))))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        how = draw(st.integers(0, 3))
        if how == 0:
            data[place] = draw(st.integers(0, 255))
        elif how == 1 and len(data) > 5:
            del data[place : place + draw(st.integers(1, 4))]
        elif how == 2:
            data[place:place] = data[place : place + draw(st.integers(1, 9))]
        else:
            data[place] ^= 1 << draw(st.integers(0, 7))
        if not data:
            break
    return bytes(data)


structured = st.one_of(frames_of_ours, answers_of_ours, asks_of_ours).map(frame)
streams = st.lists(st.one_of(structured, damaged(), st.binary(max_size=40)), min_size=1, max_size=3)


def check_stream(parts: list[bytes]) -> None:
    chunks = [Chunk(part) for part in parts]
    asked(chunks)
    for result in played(Guess(), chunks) or ():
        assert np.isfinite(list(result.metrics.values())).all()
    played(Calling(), chunks)


@given(streams)
@settings(max_examples=300, derandomize=True)
def test_a28_no_stream_of_frames_does_more_than_end_a_session(parts: list[bytes]) -> None:
    check_stream(parts)


@pytest.mark.slow
@given(streams)
@settings(max_examples=4_000)
def test_a28_many_streams_of_frames_do_no_more_than_end_a_session(parts: list[bytes]) -> None:
    check_stream(parts)


def test_a28_every_cut_of_a_valid_frame_ends_the_session() -> None:
    whole = frame(VALID[0])
    for length in range(len(whole)):
        assert asked([Chunk(whole[:length])]) is None
    assert asked([Chunk(whole)]) is not None
    assert asked([Chunk(whole[:3]), Chunk(whole[3:])]) is not None


@pytest.mark.parametrize("length", [1 << 23, (1 << 23) + 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0x80000001])
def test_a28_a_huge_length_takes_no_memory_before_its_bytes_come(length: int) -> None:
    before = resident_kilobytes()
    assert asked([Chunk(struct.pack("<I", length) + b"x" * 100)]) is None
    assert resident_kilobytes() - before < 20_000


def memory_file(size: int, seals: int) -> int:
    fd = os.memfd_create("a", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    if size <= 1 << 20:
        os.pwrite(fd, bytes(size), 0)  # without holes
    fcntl.fcntl(fd, 1033, seals)
    return fd


ALL = 2 | 4 | 8
BIG = wire.ARRAY + 1


def big_array(dtype: int, shape: tuple[int, ...], offset: int) -> msgpack.ExtType:
    return msgpack.ExtType(BIG, struct.pack(f"<BB{len(shape)}QQ", dtype, len(shape), *shape, offset))


@pytest.mark.parametrize("size", [0, 64, 1 << 20, 1 << 42])
@pytest.mark.parametrize("seals", [0, 2, 2 | 4, ALL], ids=["open", "shrink", "shrink and grow", "sealed"])
def test_a30_memory_is_taken_only_sealed_and_of_a_size_within_the_cap(size: int, seals: int) -> None:
    array = big_array(11, (min(size, 64) // 8,), 0)
    answer = msgpack.packb([5, 1, [[array], [1.0]]])
    fd = memory_file(size, seals)
    try:
        answers = asked([Chunk(frame(answer, with_fd=True), (fd,))])
    finally:
        os.close(fd)
    assert (answers is not None) == (seals == ALL and 0 < size <= wire.FROM_JAIL.shared_bytes)


@pytest.mark.parametrize(
    ("shape", "offset"),
    [((9,), 0), ((1,), 64), ((1,), 1), ((2**63,), 0), ((2**32, 2**32), 0), ((2**64 - 1,), 64), ((8,), 2**64 - 64),
     ((0, 2**63), 0), ((1,) * 33, 0), ((1,) * 255, 0)],
)  # fmt: skip
def test_a30_an_array_lies_within_its_memory_or_ends_the_session(shape: tuple[int, ...], offset: int) -> None:
    fd = memory_file(64, ALL)
    answer = msgpack.packb([5, 1, [[big_array(11, shape, offset)], [1.0]]])
    try:
        assert asked([Chunk(frame(answer, with_fd=True), (fd,))]) is None
    finally:
        os.close(fd)


def test_a30_arrays_do_not_share_memory() -> None:
    fd = memory_file(1 << 20, ALL)
    arrays = [big_array(5, (1 << 20,), 0)] * 500
    try:
        assert asked([Chunk(frame(msgpack.packb([5, 1, [[arrays], [1.0]]]), with_fd=True), (fd,))]) is None
    finally:
        os.close(fd)


@pytest.mark.parametrize("count", [1, 2, 3, 250])
def test_a06_descriptors_that_nobody_asked_for_are_closed(count: int) -> None:
    fds = tuple(os.open("/dev/null", os.O_RDONLY) for _ in range(count))
    try:
        assert asked([Chunk(frame(VALID[0]), fds)]) is None
        assert asked([Chunk(b"\x01", fds[:1])] * 50) is None
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("order", [(1,), (-1,), (0, 0), (0, 1), (2**63,)], ids=str)
def test_a06_uses_of_our_function_come_one_at_a_time_and_in_order(order: tuple[int, ...]) -> None:
    used: list[float] = []
    burst = b"".join(frame(msgpack.packb([4, number, 0, [1.5], {}])) for number in order)
    with hostile_session([Chunk(burst)]) as session, pytest.raises(JailEnded, match="out of order"):
        session.call([Call("f", (used.append,))])
    assert used == []


def test_a28_a_session_that_has_ended_holds_no_memory() -> None:
    """Nothing of it waits for the collector of cycles, which may come late."""
    stream = [Chunk(struct.pack("<I", 4 << 20) + bytes(3 << 20))]
    asked(stream)
    gc.disable()
    try:
        before = resident_kilobytes()
        for _ in range(60):
            with hostile_session(stream) as session, contextlib.suppress(JailEnded):
                session.call([Call("f")])
        assert resident_kilobytes() - before < 60_000
    finally:
        gc.enable()
