"""A21, A22: sockets out, and channels between one candidate and the next. Only this machine's loopback is aimed at."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from heuresis.program import Limits, Program
from tests.attacks.arena import Arena, descendants


def test_a21_a_stand_in_for_a_daemons_socket_hears_nothing(arena: Arena, tmp_path: Path) -> None:
    text = """
import os, socket
def f(paths):
    reached = []
    for path in paths:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            try:
                with socket.socket(socket.AF_UNIX, kind) as channel: channel.connect(path); reached.append(path)
            except OSError: pass
    return reached
"""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()
        listener.setblocking(False)
        assert arena.value(text, [path, "/var/run/docker.sock", "/run/docker.sock"]) == []
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a21_no_datagram_arrives_however_it_is_sent(arena: Arena) -> None:
    text = """
import ctypes, socket, subprocess, sys
def f(port):
    sent = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try: socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", (host, port)); sent.append(host)
        except OSError: pass
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    code = f"import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {port}))"
    if subprocess.run([sys.executable, "-S", "-c", code], stderr=subprocess.DEVNULL).returncode == 0:
        sent.append("from a new program")
    return sent
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        assert arena.value(text, listener.getsockname()[1]) == []
        with pytest.raises(BlockingIOError):
            listener.recv(1)


SPACES = ("pid", "mnt", "net", "ipc", "uts", "user")


def test_a22_every_namespace_is_another_than_the_hosts_and_the_childs_own_are_not_the_workers(arena: Arena) -> None:
    if arena.tier == "landlock":
        pytest.skip("not promised by landlock: it has no namespaces")
    text = "import os\ndef f(names): return [os.readlink('/proc/self/ns/' + name) for name in names]"
    before = descendants(os.getpid())
    with arena.worker.start(Program.of(text), ("f",), Limits(), 0):
        warm, child = arena.worker.pids  # the daemon's descendants, not ours, where a container holds them
        spaces = {name: _space(child, name) for name in SPACES}
        for name, space in spaces.items():
            assert space != _space(os.getpid(), name) or not space, name
        for name in ("pid", "mnt", "uts"):
            assert not spaces[name] or spaces[name] not in {_space(pid, name) for pid in before | {warm}}, name
    seen = dict(zip(SPACES, arena.value(text, SPACES), strict=True))
    assert [name for name in SPACES if seen[name] == _space(os.getpid(), name)] == []


def _space(pid: int, name: str) -> str:
    """Empty where it may not be read (another user's process)."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{name}")
    except OSError:
        return ""


def test_a22_no_shared_memory_queue_or_key_outlives_its_program(arena: Arena) -> None:
    text = """
import ctypes, multiprocessing.shared_memory as shared
def f():
    libc, made = ctypes.CDLL(None, use_errno=True), []
    try: shared.SharedMemory("bomb"); found = True
    except FileNotFoundError: found = False
    shared.SharedMemory("bomb", create=True, size=4096)
    if libc.shmget(77, 4096, 0o1666) >= 0: made.append("shm")
    if libc.semget(77, 1, 0o1666) >= 0: made.append("sem")
    if libc.msgget(77, 0o1666) >= 0: made.append("msg")
    if libc.syscall(240, b"bomb", 0o102, 0o600, None) >= 0: made.append("mq")
    return found, made
"""
    assert arena.value(text) == (False, [])
    assert arena.value(text) == (False, [])
