"""Attacks a jail before it is trusted: a few things a candidate must not be able to do are really tried."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Callable

from heuresis.errors import Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call, JailEnded, Worker

_ATTACKS = """
import os, socket

def attack(host_pid, port, canary_path, canary):
    done = []
    try:
        if open(canary_path).read() == canary:
            done.append("read a file of the host")
    except OSError:
        pass
    try:
        open(canary_path, "w").write("changed")  # its own /tmp may hold a file of this name: the host looks
    except OSError:
        pass
    for path in ("/usr/heuresis-probe", "/etc/heuresis-probe", "/heuresis-probe", "/dev/heuresis-probe"):
        try:
            open(path, "a").close()
            done.append("wrote to " + path)
        except OSError:
            pass
    try:
        os.kill(host_pid, 0)
        done.append("saw a process of the host")
    except OSError:
        pass
    if os.getpid() != 1 or [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]:
        done.append("is not alone in its process namespace")
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        done.append("connected to the host's loopback")
    except OSError:
        pass
    return done
"""


def probe_jail(open_worker: Callable[[], Worker]) -> str:
    """Empty when every attack failed; else a sentence that says what is missing."""
    canary = secrets.token_hex(16)
    with (
        tempfile.NamedTemporaryFile("w", prefix="heuresis-canary-") as file,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        file.write(canary)
        file.flush()
        call = Call("attack", (os.getpid(), listener.getsockname()[1], file.name, canary))
        try:
            with open_worker() as worker, worker.start(Program.of(_ATTACKS), ("attack",), Limits(), 0) as session:
                answer = session.call([call])[0]
        except (Unavailable, JailEnded) as error:
            return str(error)
        if answer.error is not None:
            return f"the probe failed: {answer.error}"
        with open(file.name, encoding="utf-8") as again:
            if again.read() != canary:
                return "a probing program wrote to a file of the host"
        return "" if answer.value == [] else f"a probing program {', '.join(map(str, answer.value))}"
