"""The referee's side of a warm parent: starts it, asks it for children, replaces it when it is gone."""

from __future__ import annotations

import array
import atexit
import contextlib
import json
import math
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from heuresis.errors import ConfigError, Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.backends import Backend, choose_backend
from heuresis.sandbox.cgroups import Cgroup, open_cgroup
from heuresis.sandbox.meter import CgroupMeter, Meter, TreeMeter
from heuresis.sandbox.protocol import JailEnded
from heuresis.sandbox.session import QUICK_SECONDS, Child, JailSession, Reaped

_READY_SECONDS = 120.0
_ANSWER_SECONDS = 30.0
_MESSAGE_BYTES = 1 << 20
_CHANNEL_BYTES = 1 << 19
"""Asked of the kernel for each end of a channel; it may give less (net.core.wmem_max)."""
_STARTS = 3
"""Tries to get a working warm parent before giving up."""
_WARM = os.path.join(os.path.dirname(os.path.realpath(__file__)), "warm.py")
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp", "TMPDIR": "/tmp",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}  # fmt: skip


def open_worker(
    runtime: tuple[str, ...] = ("numpy",), isolation: str = "auto", allow_none: bool = False, cores: float = 1.0
) -> JailWorker:
    """A worker whose jail passed its probe. Raises `Unavailable` when there is none, `ConfigError` for a bad name.

    `runtime` names packages (by import name) that candidates may import; `cores` is the processor share of a child.
    """
    if not cores > 0:
        raise ConfigError("cores", "a number above 0", cores)
    return JailWorker(choose_backend(isolation, allow_none, _probe_worker), runtime, cores)


def _probe_worker(backend: Backend) -> JailWorker:
    return JailWorker(backend, (), 1.0)


class _Warm:
    """One running warm parent. Owns its process, control socket and control group."""

    def __init__(self, backend: Backend, runtime: tuple[str, ...], cores: float) -> None:
        config = backend.configure(runtime)
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.cgroup: Cgroup | None = None
        self._pidfd = -1
        atexit.register(self.close)
        try:
            self._process = subprocess.Popen(
                [config["python"], "-s", "-P", "-S", _WARM, str(theirs.fileno())],  # -I would ignore PYTHONHASHSEED
                env=_ENVIRONMENT, cwd="/", pass_fds=(theirs.fileno(),), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            self._control.close()
            atexit.unregister(self.close)
            raise Unavailable(f"cannot start a warm parent: {error}") from error
        finally:
            theirs.close()
        try:
            _, fds = self.ask({**config, "owner": self._owner}, (), _READY_SECONDS)
            self._pidfd = fds[0]
            self.cgroup = open_cgroup()
            if self.cgroup is not None:
                self.cgroup.add(_host_pid(self._pidfd))
                self.cgroup.limit_cores(cores)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        return not select.select([self._pidfd], [], [], 0)[0]

    def ask(
        self, message: dict[str, Any], fds: Sequence[int] = (), seconds: float = _ANSWER_SECONDS
    ) -> tuple[dict[str, Any], list[int]]:
        """One message, one answer with its descriptors. Raises `Unavailable`."""
        try:
            self._control.settimeout(seconds)
            socket.send_fds(self._control, [json.dumps(message).encode()], list(fds))
            data, ancillary, _, _ = self._control.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(8), socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"the warm parent does not answer: {error}") from error
        got = array.array("i", b"".join(data for _, _, data in ancillary)).tolist()
        if not data:
            raise Unavailable("the warm parent is gone")
        answer: dict[str, Any] = json.loads(data)
        if "error" in answer:
            raise Unavailable(f"the jail cannot be made: {answer['error']}")
        return answer, got

    def close(self) -> None:
        """End it and all its children; wait until they are gone. Also played when the owner exits without it."""
        atexit.unregister(self.close)
        if os.getpid() != self._owner:
            return
        self._control.close()
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        try:
            self._process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self.cgroup is not None:
            self.cgroup.close()


class JailWorker:
    """Implements `heuresis.sandbox.protocol.Worker`: one child at a time."""

    def __init__(self, backend: Backend, runtime: tuple[str, ...], cores: float) -> None:
        self._backend = backend
        self._runtime = runtime
        self._cores = cores
        self._session: JailSession | None = None
        self._closed = False
        self._scratch = None if backend.jailed else tempfile.mkdtemp(prefix="heuresis-")
        self._started = 0
        self._warm: _Warm | None = self._fresh_warm()
        suffix = "-nocgroup" if self._warm.cgroup is None and backend.jailed else ""
        self.isolation = backend.name + suffix

    def start(self, program: Program, entry_points: Sequence[str], limits: Limits, seed: int) -> JailSession:
        """The session of before, if any, is closed."""
        if self._session is not None:
            self._session.close()
        session = self._session = JailSession(self._fork(limits), limits)
        try:
            session.load(program, entry_points, seed)
        except JailEnded as ended:
            ended.usage, ended.output = session.usage, session.output
            session.close()
            raise
        return session

    def close(self) -> None:
        self._closed = True
        if self._session is not None:
            self._session.close()
        if self._warm is not None:
            self._warm.close()
            self._warm = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _program_folder(self) -> str:
        """Within the jail: its own /tmp. Without one: a folder of ours, new for each session."""
        if self._scratch is None:
            return "/tmp/program"
        self._started += 1
        shutil.rmtree(f"{self._scratch}/{self._started - 1}", ignore_errors=True)
        return f"{self._scratch}/{self._started}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def _fresh_warm(self) -> _Warm:
        for last in range(_STARTS):
            try:
                return _Warm(self._backend, self._runtime, self._cores)
            except Unavailable:
                if last == _STARTS - 1:
                    raise
        raise AssertionError("the loop returns or raises")

    def _living_warm(self) -> _Warm:
        if self._closed:
            raise Unavailable("the worker is closed")
        if self._warm is not None and not self._warm.alive:
            self._warm.close()
            self._warm = None
        if self._warm is None:
            self._warm = self._fresh_warm()
        return self._warm

    def _fork(self, limits: Limits) -> Child:
        warm = self._living_warm()
        if warm.cgroup is not None:
            warm.cgroup.begin(limits)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (ours, theirs):  # a block's frame in one piece: fewer wake-ups on both sides
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHANNEL_BYTES)
        output, output_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(output_end, True)
        meter: Meter | None = CgroupMeter(warm.cgroup) if warm.cgroup is not None else None
        message = {"limits": _kernel_limits(limits, warm.cgroup is not None), "folder": self._program_folder()}
        try:
            answer, fds = warm.ask(message, (theirs.fileno(), output_end))
        except Unavailable:
            ours.close()
            os.close(output)
            self._drop_warm()
            raise
        finally:
            theirs.close()
            os.close(output_end)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(QUICK_SECONDS * 1e6)))
        cores = self._cores if meter is not None else float(os.cpu_count() or 1)
        pid = int(answer["pid"])
        meter = meter or TreeMeter(_host_pid(fds[0]), limits.memory_bytes)
        return Child(ours, output, fds[0], meter, lambda: self._reap(warm, pid), cores)

    def _reap(self, warm: _Warm, pid: int) -> Reaped:
        try:
            answer, _ = warm.ask({"reap": pid})
        except Unavailable:
            self._drop_warm()
            raise
        return Reaped(**answer)

    def _drop_warm(self) -> None:
        if self._warm is not None:
            self._warm.close()
            self._warm = None


def _host_pid(pidfd: int) -> int:
    """The process behind a descriptor, numbered as we see it."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pid:"):
                return int(line.split()[1])
    raise Unavailable("the child's number cannot be read from /proc/self/fdinfo")


def _kernel_limits(limits: Limits, has_cgroup: bool) -> dict[str, Any]:
    """Fields of `heuresis.sandbox.jail.ChildLimits`. Memory files count as files: these may be as large as memory."""
    return {
        "cpu_seconds": math.ceil(limits.cpu_seconds) + 1,
        "file_bytes": limits.file_bytes,
        "largest_file": max(limits.file_bytes, limits.memory_bytes),
        "address_space": None if has_cgroup else limits.memory_bytes,
        "processes": None if has_cgroup else limits.processes + 2,
    }
