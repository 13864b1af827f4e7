"""Attacks a jail before it is trusted: things that a candidate must not be able to do are really tried."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator

from heuresis.errors import Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.probe_attacks import TEXT
from heuresis.sandbox.protocol import Answer, Call, JailEnded, Worker

_FOLDERS = ("/usr", "/etc", "", "/dev", "/var/tmp", "/proc/sys/kernel")


def probe_jail(open_worker: Callable[[], Worker]) -> str:
    """Empty when every attack failed; else a sentence that says what is missing."""
    secret = secrets.token_hex(16)
    written = [f"{folder}/heuresis-probe-{secret[:8]}" for folder in _FOLDERS]
    with tempfile.TemporaryDirectory(prefix="heuresis-canary-") as folder, _listening(folder, secret) as (port, names):
        os.chmod(folder, 0o755)
        canary = f"{folder}/canary"
        with open(canary, "w", encoding="ascii") as file:
            file.write(secret)
        os.chmod(canary, 0o666)
        call = Call("attack", (os.getpid(), port, canary, secret, names, written))
        try:
            answer = _play(open_worker, call)
        except (Unavailable, JailEnded) as error:
            return str(error)
        finally:
            _remove(written)
        if answer.error is not None:
            return f"the probe failed: {answer.error}"
        worked = answer.value if isinstance(answer.value, list) else [f"answered {answer.value!r}"]
        with open(canary, encoding="utf-8") as again:
            if again.read() != secret or os.stat(canary).st_mode & 0o777 != 0o666:
                worked.append("changed a file of the host")
        return f"a probing program {', '.join(map(str, worked))}" if worked else ""


def _play(open_worker: Callable[[], Worker], call: Call) -> Answer:
    with open_worker() as worker, worker.start(Program.of(TEXT), ("attack",), Limits(), 0) as session:
        return session.call([call])[0]


@contextlib.contextmanager
def _listening(folder: str, secret: str) -> Iterator[tuple[int, list[str]]]:
    """Sockets of the host that a program must not reach: its loopback's port, a path, an abstract name."""
    names = [f"{folder}/socket", f"\0heuresis-probe-{secret}"]
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as by_path,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as by_name,
    ):
        by_path.bind(names[0])
        os.chmod(names[0], 0o666)
        by_name.bind(names[1])
        yield listener.getsockname()[1], names


def _remove(paths: list[str]) -> None:
    """What a program has written where it must not."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)
