"""A hostile other end of a session's channel, without a jail."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heuresis.program import Limits
from heuresis.sandbox.session import Child, JailSession, Reaped


@dataclass(frozen=True)
class Chunk:
    """What the hostile end writes in one piece, with descriptors."""

    data: bytes
    fds: tuple[int, ...] = ()


class NoUse:
    """A meter of a child that uses nothing."""

    def cpu_seconds(self) -> float:
        return 0.0

    def memory_bytes(self) -> int:
        return 0

    def out_of_memory(self) -> bool:
        return False

    def memory_of_others(self) -> bool:
        return False


def frame(body: bytes, with_fd: bool = False) -> bytes:
    return struct.pack("<I", len(body) | (1 << 31 if with_fd else 0)) + body


@contextlib.contextmanager
def hostile_session(chunks: Sequence[Chunk], wall_seconds: float = 0.3) -> Iterator[JailSession]:
    """A session whose child (a process that only waits) seems to write `chunks` and then closes its end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 20_000))
    output, output_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    waiting = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    pidfd = os.pidfd_open(waiting.pid)
    child = Child(ours, output, pidfd, NoUse(), lambda: Reaped(max(0, -waiting.wait()), 0.0, 0), 1.0)
    writer = threading.Thread(target=_write, args=(theirs, chunks, waiting))
    writer.start()
    try:
        with JailSession(child, Limits(wall_seconds=wall_seconds)) as session:
            yield session
    finally:
        os.close(output_end)
        writer.join()
        waiting.kill()
        waiting.wait()


def _write(channel: socket.socket, chunks: Sequence[Chunk], waiting: subprocess.Popen[bytes]) -> None:
    """Ends the waiting process when all is written, as a child that exits."""
    assert waiting.stdin is not None
    with channel, contextlib.suppress(OSError), waiting.stdin:  # the referee may have closed its end
        channel.settimeout(2)
        for chunk in chunks:
            if chunk.fds and chunk.data:
                socket.send_fds(channel, [chunk.data], chunk.fds)
            else:
                channel.sendall(chunk.data)
        channel.shutdown(socket.SHUT_WR)
        waiting.stdin.close()
        while channel.recv(1 << 16):
            pass
