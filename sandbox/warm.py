"""The warm parent: imports the runtime once, then forks one jailed child per request.

Exec'd as `python -s -P -S warm.py CONTROL` with an empty environment, never forked from the referee. CONTROL is the
number of an inherited socket or the path of one that listens. What it holds: its configuration, the runtime's modules,
and its control socket. Every control message is one JSON datagram.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # sys.path is ours to set before anything of heuresis is imported
    from heuresis.sandbox.walls import Walls

_MESSAGE_BYTES = 1 << 20
_JAILED = b"jailed"
"""What a child says when every wall is up, before any line of a candidate runs."""


def main() -> None:
    control = _open_control(sys.argv[1])
    config = json.loads(control.recv(_MESSAGE_BYTES))
    sys.path[:] = config["sys_path"]
    try:
        walls = _start(config, control)
    except (OSError, ImportError, RuntimeError, StopIteration) as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"[:1000]}).encode())
        return
    if walls is None:
        return
    socket.send_fds(control, [json.dumps({"ready": True}).encode()], [own := os.pidfd_open(os.getpid())])
    os.close(own)
    Forker(control, walls).loop()


def _open_control(word: str) -> socket.socket:
    if word.isdigit():
        return socket.socket(fileno=int(word))
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(word)
    return control


def _start(config: dict[str, Any], control: socket.socket) -> Walls | None:
    """The walls around the process that is to be the warm parent; None in the one that only watched, or came late."""
    owner = os.pidfd_open(config["owner"]) if config["watched"] else -1
    if owner >= 0 and (os.getppid() != config["owner"] or select.select([owner], [], [], 0)[0]):
        return None
    from heuresis.sandbox import linux, scratch, shim  # noqa: F401

    module, _, name = config["walls"].partition(":")
    walls: Walls = getattr(importlib.import_module(module), name)(config)
    walls.enter_worker()
    if owner >= 0 or walls.forks:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        pid = os.fork()
        if pid:
            _supervise(control, owner, pid)
            if owner >= 0 and select.select([owner], [], [], 0)[0] and config["scratch"]:
                scratch.remove_tree(config["scratch"])
            return None
        if owner >= 0:
            os.close(owner)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    walls.enter_root()
    _become_warm(config)
    walls.prepare()
    return walls


def _supervise(control: socket.socket, owner: int, pid: int) -> None:
    """Stay outside and end the world inside when the owner process ends, however it ends.

    An owner that cannot be seen from here (-1) is watched by a process outside, and by the end of its channel.
    """
    poller = select.poll()
    if owner >= 0:
        control.close()
        poller.register(owner, select.POLLIN)
    else:
        poller.register(control, 0)
    child = os.pidfd_open(pid)
    poller.register(child, select.POLLIN)
    poller.poll()
    signal.pidfd_send_signal(child, signal.SIGKILL)
    os.waitpid(pid, 0)
    _end_orphans()


def _end_orphans() -> None:
    """What outlived the warm parent is ours now, where no pid namespace ended it."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            orphans = [int(word) for word in file.read().split()]
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return


def _become_warm(config: dict[str, Any]) -> None:
    """Import the runtime inside the new root, as nobody; then freeze what was built."""
    from heuresis.sandbox import cuda

    sys.path[:] = config["jail_path"]
    for name in config["runtime"]:
        __import__(name)
    tasks = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    if tasks != 1:
        raise RuntimeError(f"the runtime started {tasks - 1} threads at import; a fork would inherit broken locks")
    opened = cuda.opened_nodes() if os.path.isdir("/proc/self/fd") else []
    if opened:
        raise RuntimeError(f"the runtime opened {opened[0]} at import; CUDA cannot be used in a fork after that")
    os.environ["PYTHONPATH"] = os.pathsep.join(config["python_path"])
    gc.collect()
    gc.freeze()


class Forker:
    """Forks on request and reaps. Remembers which children it has not reaped."""

    def __init__(self, control: socket.socket, walls: Walls) -> None:
        self._control = control
        self._walls = walls

    def loop(self) -> None:
        """Serve until the other side closes."""
        while True:
            data, fds, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 2)
            if not data:
                return
            message = json.loads(data)
            if "reap" in message:
                self._answer(_reap(message["reap"]))
            else:
                self._start(message, fds)

    def _answer(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        socket.send_fds(self._control, [json.dumps(message).encode()], list(fds))

    def _start(self, message: dict[str, Any], fds: list[int]) -> None:
        ready, told = os.pipe()
        pid = self._walls.fork()
        if pid == 0:
            self._child(message, fds, told)
        for fd in (*fds, told):
            os.close(fd)
        trouble = os.read(ready, 4096)
        os.close(ready)
        if trouble != _JAILED:
            os.waitpid(pid, 0)
            self._answer({"error": trouble.decode(errors="replace") or "the child died while it was jailed"})
            return
        own = os.pidfd_open(pid)
        self._answer({"pid": pid}, (own,))
        os.close(own)

    def _child(self, message: dict[str, Any], fds: list[int], told: int) -> None:
        """Never returns."""
        from heuresis.sandbox import jail, linux, shim

        try:
            os.setsid()
            told = _rearrange(fds, told)
            limits = jail.ChildLimits(**message["limits"])
            self._walls.enter_child(limits, message["folder"])
        except BaseException as error:  # the referee raises Unavailable with this text
            try:
                os.write(told, f"{type(error).__name__}: {error}".encode()[:4000])
            finally:
                os._exit(1)
        try:
            os.write(told, _JAILED)
            linux.close_from(_TOLD)
            shim.serve(_CHANNEL, message["folder"])
        except BaseException:  # printed for the candidate's feedback; the referee sees the exit
            traceback.print_exc()
            os._exit(1)
        os._exit(0)


_CHANNEL, _TOLD = 3, 4


def _rearrange(fds: list[int], told: int) -> int:
    """stdin from /dev/null, stdout and stderr to the pipe, then the channel and `told`; all else closed."""
    from heuresis.sandbox import linux

    channel, output = os.dup2(fds[0], 100), os.dup2(fds[1], 101)
    told = os.dup2(told, 102)
    null = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2), (channel, _CHANNEL), (told, _TOLD)):
        os.dup2(source, target)
    linux.close_from(_TOLD + 1)
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    return _TOLD


def _reap(pid: int) -> dict[str, Any]:
    """Wait for a child that was killed; its exit status and what it used."""
    _, status, usage = os.wait4(pid, 0)
    return {"status": status, "cpu_seconds": usage.ru_utime + usage.ru_stime, "memory_bytes": usage.ru_maxrss * 1024}


if __name__ == "__main__":
    main()
