"""The referee's side of a warm parent: starts it, asks it for children, replaces it when it is gone."""

from __future__ import annotations

import array
import atexit
import contextlib
import json
import math
import os
import select
import signal
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from heuresis.errors import ConfigError, Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.backends import NO_CGROUP, check_level, choose_backend
from heuresis.sandbox.backends.base import Backend
from heuresis.sandbox.cgroups import Cgroup
from heuresis.sandbox.jail import outside_user
from heuresis.sandbox.leased import LeasedDevice, lease_device
from heuresis.sandbox.meter import CgroupMeter, Meter, TreeMeter
from heuresis.sandbox.protocol import JailEnded
from heuresis.sandbox.scratch import FolderMeter, Scratch
from heuresis.sandbox.session import QUICK_SECONDS, Child, JailSession, Reaped

_READY_SECONDS = 120.0
_ANSWER_SECONDS = 30.0
_GONE_SECONDS = 600.0
"""For a killed program to be gone: what many processes have mapped takes the kernel long to take apart."""
_MESSAGE_BYTES = 1 << 20
_CHANNEL_BYTES = 1 << 19
"""Asked of the kernel for each end of a channel; it may give less (net.core.wmem_max)."""
_STARTS = 3
"""Tries to get a working warm parent before giving up."""
_WITH_DEVICES = ("namespaces", "docker", "none")
"""Kinds of jail that show a program the GPU that was leased for it."""


def open_worker(
    runtime: tuple[str, ...] = ("numpy",),
    isolation: str = "auto",
    allow_none: bool = False,
    cores: float = 1.0,
    min_isolation: str = "",
    device: str = "auto",
    gpu_memory_bytes: int = 0,
) -> JailWorker:
    """A worker whose jail passed its probe. Raises `Unavailable` when there is none, `ConfigError` for a bad name.

    `runtime` names packages (by import name) that candidates may import; `cores` is the processor share of a child.
    A jail weaker than `min_isolation` (one of `heuresis.sandbox.backends.LEVELS`) is `Unavailable`.
    With `gpu_memory_bytes` the worker leases so much of the GPU that `device` names, for its whole life.
    """
    if not cores > 0:
        raise ConfigError("cores", "a number above 0", cores)
    backend = choose_backend(isolation, allow_none, probe_worker)
    worker = JailWorker(backend, runtime, cores, _lease(backend, device, gpu_memory_bytes))
    try:
        check_level(worker.isolation, min_isolation)
    except BaseException:
        worker.close()
        raise
    return worker


def _lease(backend: Backend, device: str, gpu_memory_bytes: int) -> LeasedDevice | None:
    leased = lease_device(device, gpu_memory_bytes)
    if leased is not None and backend.name not in _WITH_DEVICES:
        leased.close()
        raise Unavailable(f"isolation {backend.name} passes no GPU in; {', '.join(_WITH_DEVICES)} do")
    return leased


def probe_worker(backend: Backend) -> JailWorker:
    """What a probe attacks."""
    return JailWorker(backend, (), 1.0)


class _Warm:
    """One running warm parent. Owns its process, control socket and control group."""

    def __init__(
        self,
        backend: Backend,
        runtime: tuple[str, ...],
        cores: float,
        gpu: LeasedDevice | None,
        places: dict[str, Any],
    ) -> None:
        """`places`: what the walls know of the host beside the backend's own words."""
        config = {**backend.configure(runtime), "owner": os.getpid(), **places, **_leased_words(gpu)}
        self.single_use = bool(config.get("single_use"))
        self.used = False
        self._owner = os.getpid()
        self.cgroup: Cgroup | None = None
        self._pidfd = -1
        self._launched = backend.launch(config)
        self._control = self._launched.control
        atexit.register(self.close)
        try:
            _, fds = self.ask(config, (), _READY_SECONDS)
            self._pidfd = fds[0]
            self.cgroup = self._launched.open_cgroup(_host_pid(self._pidfd))
            if self.cgroup is not None:
                self.cgroup.limit_cores(cores)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return _host_pid(self._pidfd)

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
        self._launched.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self.cgroup is not None:
            self.cgroup.close()


class JailWorker:
    """Implements `heuresis.sandbox.protocol.Worker`: one child at a time."""

    def __init__(
        self, backend: Backend, runtime: tuple[str, ...], cores: float, gpu: LeasedDevice | None = None
    ) -> None:
        """Closes `gpu` when it is closed itself."""
        self._backend = backend
        self._gpu = gpu
        self.device = "cpu" if gpu is None else "cuda:0"
        self._runtime = runtime
        self._cores = cores
        self._session: JailSession | None = None
        self._closed = False
        self._child_pid = 0
        self._user = outside_user()
        self._scratch = None if backend.private_tmp else Scratch(backend.jailed, self._user)
        try:
            self._warm: _Warm | None = self._fresh_warm()
        except BaseException:
            self._let_go()
            raise
        suffix = NO_CGROUP if self._warm.cgroup is None and backend.jailed else ""
        self.isolation = backend.name + suffix

    def start(self, program: Program, entry_points: Sequence[str], limits: Limits, seed: int) -> JailSession:
        """The session of before, if any, is closed."""
        if self._session is not None:
            self._session.close()
        session = self._session = JailSession(self._fork(limits), limits, "torch" in self._runtime)
        try:
            if self._gpu is not None:
                self._gpu.prove(session)
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
        self._let_go()

    def _let_go(self) -> None:
        if self._scratch is not None:
            self._scratch.close()
        if self._gpu is not None:
            self._gpu.close()
            self._gpu = None

    @property
    def pids(self) -> list[int]:
        """The living warm parent and the child of the latest session, as the host numbers them."""
        return [pid for pid in (self._warm.pid if self._warm else 0, self._child_pid) if pid > 0]

    def _program_folder(self) -> str:
        """Within the jail: its own /tmp. Without one: a folder of ours, new for each session."""
        return "/tmp/program" if self._scratch is None else self._scratch.fresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def _fresh_warm(self) -> _Warm:
        for last in range(_STARTS):
            try:
                places = {"scratch": self._scratch.path if self._scratch else "", "user": self._user}
                return _Warm(self._backend, self._runtime, self._cores, self._gpu, places)
            except Unavailable:
                if last == _STARTS - 1:
                    raise
        raise AssertionError("the loop returns or raises")

    def _living_warm(self) -> _Warm:
        if self._closed:
            raise Unavailable("the worker is closed")
        if self._warm is not None and (not self._warm.alive or (self._warm.single_use and self._warm.used)):
            self._warm.close()
            self._warm = None
        if self._warm is None:
            self._warm = self._fresh_warm()
        self._warm.used = True
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
        free = warm.cgroup is not None, self._gpu is not None
        folder = self._program_folder()
        message = {"limits": _kernel_limits(limits, *free), "folder": folder}
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
        host_pid = _host_pid(fds[0])
        self._child_pid = host_pid
        meter = meter or TreeMeter(host_pid, limits.memory_bytes)
        if self._scratch is not None:
            meter = FolderMeter(meter, folder, limits.memory_bytes)
        child = Child(ours, output, fds[0], meter, lambda: self._reap(warm, pid), cores)
        return child if self._gpu is None else replace(child, gpu_bytes=self._gpu.watch(host_pid))

    def _reap(self, warm: _Warm, pid: int) -> Reaped:
        try:
            answer, _ = warm.ask({"reap": pid}, (), _GONE_SECONDS)
        except Unavailable:
            self._drop_warm()
            raise
        return Reaped(**answer)

    def _drop_warm(self) -> None:
        if self._warm is not None:
            self._warm.close()
            self._warm = None


def _leased_words(gpu: LeasedDevice | None) -> dict[str, Any]:
    """The part of a warm parent's configuration that names the leased device."""
    if gpu is None:
        return {"devices": [], "device_uuid": ""}
    return {"devices": list(gpu.nodes), "device_uuid": gpu.lease.device.uuid}


def _host_pid(pidfd: int) -> int:
    """The process behind a descriptor, numbered as we see it."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pid:"):
                return int(line.split()[1])
    raise Unavailable("the child's number cannot be read from /proc/self/fdinfo")


def _kernel_limits(limits: Limits, has_cgroup: bool, has_gpu: bool) -> dict[str, Any]:
    """Fields of `heuresis.sandbox.jail.ChildLimits`. Memory files count as files: these may be as large as memory.

    CUDA reserves addresses for all memory there is: with it, without a group, memory is sampled only.
    """
    return {
        "cpu_seconds": math.ceil(limits.cpu_seconds) + 1,
        "file_bytes": limits.file_bytes,
        "largest_file": max(limits.file_bytes, limits.memory_bytes),
        "address_space": None if has_cgroup or has_gpu else limits.memory_bytes,
        "processes": None if has_cgroup else limits.processes + 2,
    }
