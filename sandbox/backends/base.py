"""What a kind of jail is, and how a warm parent is started as a process of this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from heuresis.errors import Unavailable
from heuresis.sandbox.cgroups import Cgroup, open_cgroup

WARM = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "warm.py")
FLAGS = ("-s", "-P", "-S")
"""Of the interpreter: nothing of the user's, no site-packages. (-I would ignore PYTHONHASHSEED.)"""
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp", "TMPDIR": "/tmp",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}  # fmt: skip
"""All that a warm parent and its children have in their environment."""
_GONE_SECONDS = 30.0


class Launched(Protocol):
    """A warm parent that was started and waits for its configuration."""

    @property
    def control(self) -> socket.socket:
        """A connected socket (AF_UNIX, SOCK_SEQPACKET) to `warm.py`; descriptors travel over it."""
        ...

    def open_cgroup(self, pid: int) -> Cgroup | None:
        """The control group that caps and counts the warm parent (`pid`, as the host numbers it) and its children.

        None where there is none: limits are then sampled and set by setrlimit. Called once, before any child.
        """
        ...

    def close(self) -> None:
        """End what was started and wait until it is gone. The warm parent may be dead already. Called once."""
        ...


class Backend(Protocol):
    """A kind of jail. Building one does no work; every method may be called from any thread."""

    name: str
    """Stands on every row, with `-nocgroup` behind it where no control group caps the programs."""
    jailed: bool
    """False: programs run as we do, and see what we see."""
    private_tmp: bool
    """True: the jail shows each program a /tmp of its own. False: it gets a folder of the host, removed after it."""
    covers: str
    """What a program cannot do; a few words for `heuresis sandbox check`."""
    misses: str
    """What this jail does not stop."""

    def missing(self) -> str:
        """Empty, or why it cannot even be tried here and what to do. Quick; what passes is then probed."""
        ...

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        """The warm parent's configuration, as JSON values. Raises `ConfigError` for a package that is not installed.

        `walls` names the class (`package.module:Name`, see `heuresis.sandbox.walls.Walls`) that the warm parent
        raises, `sys_path` where the warm parent finds it, `jail_path` its path afterwards, `python_path` PYTHONPATH
        of the programs' own children, `runtime` what is imported. `watched` is true where the warm parent sees the
        processes of the host and ends with its owner by itself. `single_use`, where it is given and true, asks for a
        fresh warm parent for every program. Other keys are for the walls.
        """
        ...

    def launch(self, config: dict[str, Any]) -> Launched:
        """Start `warm.py` with an empty environment. Raises `Unavailable`."""
        ...


@runtime_checkable
class Noted(Protocol):
    """A backend that keeps programs apart in one of several ways, by what the machine allows."""

    def note(self) -> str:
        """In words, the way that is used here. Raises `Unavailable`."""
        ...


class LocalProcess:
    """Implements `Launched`: a process that we started, with one end of a socket pair as its only inheritance."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self.control = control

    def open_cgroup(self, pid: int) -> Cgroup | None:
        cgroup = open_cgroup()
        if cgroup is not None:
            cgroup.add(pid)
        return cgroup

    def close(self) -> None:
        self.control.close()
        try:
            self._process.wait(_GONE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def launch_process(command: Sequence[str], fds: Sequence[int] = ()) -> LocalProcess:
    """Start `command`, to which the number of the control socket is appended. `fds` are inherited as well."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.closing(theirs):
        try:
            process = subprocess.Popen(
                [*command, str(theirs.fileno())], env=ENVIRONMENT, cwd="/", pass_fds=(theirs.fileno(), *fds),
                start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            ours.close()
            raise Unavailable(f"cannot start a warm parent: {error}") from error
    return LocalProcess(process, ours)
