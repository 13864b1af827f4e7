"""Frames over a stream socket: 4 bytes of length, the body, and at most one descriptor.

The highest bit of the length says that a sealed memfd comes with the frame.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import stat
import struct
from collections import deque
from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from heuresis.sandbox.wire import Encoded, WireError

HAS_FD = 1 << 31
_LENGTH = struct.Struct("<I")
_BUFFER_BYTES, _KEPT_BYTES = 1 << 16, 1 << 20
"""Size of the receive buffer at first, and the largest that is kept from frame to frame."""
_ONE_FD = socket.CMSG_SPACE(4)
_MOST_FDS = 16
"""Held at a time: a frame has one, and they count against what the process of the referee may open."""
_FLAGS, _TRUNCATED = int(socket.MSG_CMSG_CLOEXEC), int(socket.MSG_CTRUNC)
F_GET_SEALS = 1034
_SEALS = 0x2 | 0x4 | 0x8
"""Shrink, grow, write."""
_F_ADD_SEALS, _F_SEAL_SEAL = 1033, 0x1
_ALIGN = 64
_PIECE = 2 << 20
"""Copied at a time to and from a memfd: a huge page, which is still in the processor's cache from being cleared."""
_NOW = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_AWAKE_SECONDS = 50e-6
"""About what it costs to put a core to sleep and to wake it up again, in time and in processor time: looking for so
long takes a program no more of its limited processor time than sleeping would."""
_MOST_SKIPPED = 1 << 10


class ChannelClosed(Exception):
    """The other side is gone."""


def header(encoded: Encoded) -> bytes:
    return _LENGTH.pack(len(encoded.body) | (HAS_FD if encoded.shared else 0))


def sealed_memfd(encoded: Encoded) -> int:
    """A descriptor that holds the shared buffers and can never change again. The caller closes it."""
    fd = os.memfd_create("array", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, encoded.shared_bytes)
        offset = 0
        for buffer in encoded.shared:
            _write_all(fd, buffer, offset)
            offset = -(-(offset + len(buffer)) // _ALIGN) * _ALIGN
        fcntl.fcntl(fd, _F_ADD_SEALS, _SEALS | _F_SEAL_SEAL)
    except BaseException:
        os.close(fd)
        raise
    return fd


def transmit(channel: socket.socket, encoded: Encoded, wait: Callable[[], None]) -> None:
    """Send a frame, never blocking: `wait` is called while there is no room, and returns when to try again."""
    body = encoded.body
    if encoded.shared:
        _transmit_shared(channel, encoded, wait)
    else:
        body = _LENGTH.pack(len(body)) + body
    sent = 0
    while sent < len(body):
        try:
            sent += channel.send(memoryview(body)[sent:] if sent else body, _NOW)
        except BlockingIOError:
            wait()


def _transmit_shared(channel: socket.socket, encoded: Encoded, wait: Callable[[], None]) -> None:
    """The length with its descriptor: four bytes go whole or not at all."""
    fd = sealed_memfd(encoded)
    try:
        while True:
            try:
                socket.send_fds(channel, [header(encoded)], [fd], _NOW)
            except BlockingIOError:
                wait()
            else:
                return
    finally:
        os.close(fd)


def _write_all(fd: int, buffer: memoryview, offset: int) -> None:
    while buffer:
        written = os.pwrite(fd, buffer[:_PIECE], offset)
        buffer, offset = buffer[written:], offset + written


def checked_size(fd: int, cap: int) -> int:
    """Bytes behind a descriptor from the jail, when it is a sealed regular memfd. Raises `WireError`."""
    try:
        seals = fcntl.fcntl(fd, F_GET_SEALS)
    except OSError as error:
        raise WireError("a descriptor that is no memfd") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or seals & _SEALS != _SEALS:
        raise WireError("a memfd that is not sealed")
    if status.st_blocks * 512 < status.st_size:  # costs its maker nothing, and us all of its size
        raise WireError("a memfd with holes")
    if not 0 < status.st_size <= cap:
        raise WireError(f"a memfd of {status.st_size} bytes, above the cap of {cap}")
    return status.st_size


def read_copy(fd: int, size: int) -> NDArray[np.uint8]:
    """A private copy of the bytes behind `fd`: reading, unlike mapping, cannot raise SIGBUS here."""
    copy = np.empty(size, np.uint8)
    view, offset = copy.data, 0
    while offset < size:
        count = os.preadv(fd, [view[offset : offset + _PIECE]], offset)
        if count == 0:
            raise WireError("a memfd shorter than it said")
        offset += count
    return copy


class Receiver:
    """Cuts a stream into frames. Holds at most one frame's bytes above what the socket holds."""

    def __init__(self, channel: socket.socket, frame_bytes: int) -> None:
        self._channel = channel
        self._frame_bytes = frame_bytes
        self._small_bytes = min(frame_bytes, _BUFFER_BYTES)
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._whole = [self._view]
        self._have = 0
        self._fds: deque[int] = deque()
        self._skip, self._skip_next = 0, 1

    @property
    def leftover(self) -> bool:
        """True when bytes or descriptors beyond the last frame have come."""
        return self._have > 0 or bool(self._fds)

    def read_soon(self) -> None:
        """As `read`, but looks for a moment before it sleeps, while that pays.

        After a look in vain the next waits go without one, twice as many each time, up to `_MOST_SKIPPED`. So a slow
        program costs next to nothing more, and neither does a core that the sender needs to get anywhere.
        """
        if self._skip:
            self._skip -= 1
            self.read()
            return
        until = perf_counter() + _AWAKE_SECONDS
        while perf_counter() < until:
            try:
                self.read(_FLAGS | _NOW)
            except BlockingIOError:
                continue
            self._skip_next = max(1, self._skip_next // 2)
            return
        self._skip, self._skip_next = self._skip_next, min(2 * self._skip_next, _MOST_SKIPPED)
        self.read()

    def read(self, how: int = _FLAGS) -> None:
        """Take what the socket has (once). Raises `ChannelClosed`, `WireError`, BlockingIOError."""
        if self._have == len(self._buffer):
            self._grow(self._needed() or 2 * self._have)
        target = [self._view[self._have :]] if self._have else self._whole
        try:
            count, ancillary, flags, _ = self._channel.recvmsg_into(target, _ONE_FD, how)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise ChannelClosed from error
        if ancillary:
            self._keep_fds(ancillary)
        if flags & _TRUNCATED:
            raise WireError("more than one descriptor with a frame")
        if count == 0:
            raise ChannelClosed
        self._have += count

    def _keep_fds(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds.extend(array.array("i", data[: len(data) - len(data) % 4]))
        if len(self._fds) > _MOST_FDS:
            raise WireError("too many descriptors")

    def _needed(self) -> int:
        """Size of the frame at the front with its length, 0 when its length has not come."""
        if self._have < 4:
            return 0
        length: int = _LENGTH.unpack_from(self._buffer)[0] & ~HAS_FD
        if length > self._frame_bytes:
            raise WireError(f"a frame of {length} bytes, above the cap of {self._frame_bytes}")
        return length + 4

    def _grow(self, size: int) -> None:
        grown = bytearray(max(size, _BUFFER_BYTES))
        grown[: self._have] = self._view[: self._have]
        self._buffer, self._view = grown, memoryview(grown)
        self._whole = [self._view]

    def take(self) -> tuple[bytes, int | None] | None:
        """The next whole frame with its descriptor (the caller closes it), or None."""
        have = self._have
        if have < 4:
            return None
        word: int = _LENGTH.unpack_from(self._buffer)[0]
        if word == have - 4 <= self._small_bytes:  # one frame without a descriptor, as nearly always
            self._have = 0
            return bytes(self._view[4:have]), None
        needed = self._needed()
        if have < needed:
            if needed > len(self._buffer):
                self._grow(needed)
            return None
        body = bytes(self._view[4:needed])
        rest = have - needed
        if rest:
            self._buffer[:rest] = self._buffer[needed:have]
        self._have = rest
        if rest == 0 and len(self._buffer) > _KEPT_BYTES:
            self._grow(_BUFFER_BYTES)
        if not word & HAS_FD:
            return body, None
        if not self._fds:
            raise WireError("a frame without the descriptor it names")
        return body, self._fds.popleft()

    def close(self) -> None:
        """Close what came and was not used."""
        while self._fds:
            os.close(self._fds.popleft())
