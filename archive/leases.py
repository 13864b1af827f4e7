"""Who drives a campaign. An owner is a string that names a process, so that others can see whether it still lives."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

_SEPARATOR = "|"


@dataclass(frozen=True)
class Owner:
    """One driver: a process on a machine, and a token because one process may drive twice."""

    host: str
    boot: str
    """Boot id and process-id namespace: process ids mean the same only where both are equal."""
    pid: int
    started: str
    """Start time of the process in kernel ticks: a process id that was given out again is another process."""
    token: str

    def __str__(self) -> str:
        return _SEPARATOR.join((self.host, self.boot, str(self.pid), self.started, self.token))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read what `str` wrote. Raises ValueError for anything else."""
        host, boot, pid, started, token = text.split(_SEPARATOR)
        return cls(host, boot, int(pid), started, token)

    @property
    def words(self) -> str:
        return f"process {self.pid} on {self.host}"


def owner() -> str:
    """A new owner string for this process. Two calls give two owners."""
    host = socket.gethostname().replace(_SEPARATOR, "-")
    return str(Owner(host, _boot(), os.getpid(), _started(os.getpid()), uuid.uuid4().hex[:8]))


def local(text: str) -> bool:
    """Whether the owner's process id can be looked up here."""
    them = Owner.parse(text)
    return them.boot == _boot() and (bool(them.boot) or them.host == socket.gethostname())


def alive(text: str) -> bool:
    """Whether a local owner's process still runs. A zombie does not run."""
    them = Owner.parse(text)
    if not them.boot:
        return _exists(them.pid)
    return bool(them.started) and _started(them.pid) == them.started


def holds(text: str, expires: float, now: float) -> bool:
    """Whether this owner still holds its lease: a local one while it lives, a foreign one until it expires.

    A local driver that is merely stopped (Ctrl-Z, a sleeping laptop) keeps its lease; who wants it ends the process.
    """
    return alive(text) if local(text) else now < expires


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # not Linux: fall back to the host name and the process id
        return ""


def _started(pid: int) -> str:
    """Start ticks of a running process; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
