"""One control group per worker: caps memory, processes and processor share, and counts what was used.

Version 1 controllers, or version 2 where a writable group with its controllers was delegated to us. Where there is
neither, `open_cgroup` returns None and limits are sampled instead (`heuresis.sandbox.meter`).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from dataclasses import dataclass

from heuresis.errors import Unavailable
from heuresis.program import Limits

_PREFIX = "heuresis-"
_counter = itertools.count()
_PERIOD_MICROSECONDS = 100_000
_NEAR = 0.95
"""Of the memory limit: the kernel charges in batches, and kills a little below it."""


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _counted(path: str, key: str) -> int:
    """The number after `key` in a file of `key number` lines; 0 when absent."""
    for line in _read(path).splitlines():
        name, _, number = line.partition(" ")
        if name == key:
            return int(number)
    return 0


@dataclass(frozen=True)
class _Layout:
    """Where one worker's group lives and what its files are called."""

    memory: str
    pids: str
    cpu: str
    accounting: str
    version: int

    @property
    def folders(self) -> list[str]:
        return list(dict.fromkeys((self.memory, self.pids, self.cpu, self.accounting)))


class Cgroup:
    """The group of one worker. Its members: the warm parent and everything it forks."""

    def __init__(self, layout: _Layout, own_processes: int = 1) -> None:
        """`own_processes` of the members are ours: the warm parent, and what watches it from within the group."""
        self._layout = layout
        self._own_processes = own_processes
        self._v1 = layout.version == 1
        self._set: tuple[int, int] | None = None

    def add(self, pid: int) -> None:
        """Move a process in; its later children are born inside."""
        for folder in self._layout.folders:
            _write(f"{folder}/cgroup.procs", str(pid))

    def limit_cores(self, cores: float) -> None:
        quota = int(cores * _PERIOD_MICROSECONDS)
        if self._v1:
            _write(f"{self._layout.cpu}/cpu.cfs_period_us", str(_PERIOD_MICROSECONDS))
            _write(f"{self._layout.cpu}/cpu.cfs_quota_us", str(quota))
        else:
            _write(f"{self._layout.cpu}/cpu.max", f"{quota} {_PERIOD_MICROSECONDS}")

    def begin(self, limits: Limits) -> None:
        """Set the limits of the next child and start counting its peak. Raises `Unavailable`."""
        wanted = (limits.memory_bytes, limits.processes)
        try:
            if wanted != self._set:
                self._set_memory(limits.memory_bytes)
                _write(f"{self._layout.pids}/pids.max", str(limits.processes + self._own_processes))
                self._set = wanted
            if self._v1:
                _write(f"{self._layout.memory}/memory.max_usage_in_bytes", "0")
        except OSError as error:
            self._set = None
            raise Unavailable(f"cannot set the limits of {self._layout.memory}: {error}") from error

    def _set_memory(self, size: int) -> None:
        if not self._v1:
            _write(f"{self._layout.memory}/memory.max", str(size))
            with contextlib.suppress(FileNotFoundError):  # no swap accounting, or no swap
                _write(f"{self._layout.memory}/memory.swap.max", "0")
            return
        memory, both = (f"{self._layout.memory}/memory.{kind}limit_in_bytes" for kind in ("", "memsw."))
        with contextlib.suppress(FileNotFoundError):
            _write(both, "-1")
        _write(memory, str(size))
        with contextlib.suppress(FileNotFoundError):
            _write(both, str(size))

    def cpu_seconds(self) -> float:
        """Since the group was made."""
        if self._v1:
            return int(_read(f"{self._layout.accounting}/cpuacct.usage")) / 1e9
        return _counted(f"{self._layout.cpu}/cpu.stat", "usage_usec") / 1e6

    def memory_bytes(self) -> int:
        """Peak since `begin` (version 2: the present use, since its peak may not be resettable)."""
        name = "memory.max_usage_in_bytes" if self._v1 else "memory.current"
        return int(_read(f"{self._layout.memory}/{name}"))

    def memory_exceeded(self) -> int:
        """How often the kernel has killed a member for memory."""
        name = "memory.oom_control" if self._v1 else "memory.events"
        return _counted(f"{self._layout.memory}/{name}", "oom_kill")

    def limit_hits(self) -> int:
        """Grows when the group meets its own limit. A kill without that is for the machine's sake, or a group's above.

        Version 1: 1 when the peak since `begin` came near the limit (its failcnt stays 0 on new kernels).
        """
        if not self._v1:
            return _counted(f"{self._layout.memory}/memory.events", "max")
        return int(self._set is not None and self.memory_bytes() >= _NEAR * self._set[0])

    def close(self) -> None:
        """Remove the group; its members must be gone."""
        for folder in self._layout.folders:
            _remove(folder)


def _remove(folder: str) -> None:
    for _ in range(200):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:  # busy: the last member is still being taken apart
            time.sleep(0.005)
        else:
            return


def open_cgroup() -> Cgroup | None:
    """A fresh group, or None where none may be made. Sweeps groups whose owner process is gone."""
    name = f"{_PREFIX}{os.getpid()}-{next(_counter)}"
    for layout in _candidates(name):
        made: list[str] = []
        try:
            for folder in layout.folders:
                _sweep(os.path.dirname(folder))
                os.mkdir(folder)
                made.append(folder)
            if layout.version == 2:
                _read(f"{layout.memory}/memory.max"), _read(f"{layout.pids}/pids.max"), _read(f"{layout.cpu}/cpu.max")
            cgroup = Cgroup(layout)
            _read(f"{layout.pids}/pids.max")
        except OSError:  # not writable for us, or a controller is missing: try the next place
            for folder in made:
                _remove(folder)
        else:
            return cgroup
    return None


def cgroup_of(pid: int, name: str, own_processes: int) -> Cgroup | None:
    """The group named `name` that a container's first process is in; None where it is not ours to write."""
    own = _groups_of(str(pid))
    if {"memory", "pids", "cpu", "cpuacct"} <= set(own):
        memory, pids, cpu, used = (f"/sys/fs/cgroup/{key}{own[key]}" for key in ("memory", "pids", "cpu", "cpuacct"))
        layout = _Layout(memory, pids, cpu, used, version=1)
        files = (f"{memory}/memory.limit_in_bytes", f"{pids}/pids.max", f"{cpu}/cpu.cfs_quota_us")
    else:
        place = f"/sys/fs/cgroup{own.get('', '')}"
        layout = _Layout(place, place, place, place, version=2)
        files = (f"{place}/memory.max", f"{place}/pids.max", f"{place}/cpu.max")
    writable = all(name in folder for folder in layout.folders) and all(os.access(file, os.W_OK) for file in files)
    return Cgroup(layout, own_processes) if writable else None


def _groups_of(process: str) -> dict[str, str]:
    """Controller -> path of the process' group; the empty name is version 2. Empty where it cannot be read."""
    try:
        lines = [line.split(":", 2) for line in _read(f"/proc/{process}/cgroup").splitlines()]
    except OSError:
        return {}
    return {controller: path for _, controllers, path in lines for controller in controllers.split(",")}


def _candidates(name: str) -> list[_Layout]:
    """Version 1 under our own group of each controller, then version 2 in our own group and its parent."""
    own = _groups_of("self")
    if not own:
        return []
    found = []
    if {"memory", "pids", "cpu", "cpuacct"} <= set(own):
        places = [f"/sys/fs/cgroup/{key}{own[key].rstrip('/')}/{name}" for key in ("memory", "pids", "cpu", "cpuacct")]
        memory, pids, cpu, accounting = places
        found.append(_Layout(memory, pids, cpu, accounting, version=1))
    for path in (own.get("", "/"), os.path.dirname(own.get("", "/"))):
        place = f"/sys/fs/cgroup{path.rstrip('/')}/{name}"
        found.append(_Layout(place, place, place, place, version=2))
    return found


def _sweep(parent: str) -> None:
    for name in os.listdir(parent):
        owner = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            with contextlib.suppress(OSError):  # still busy, or another sweeper was faster
                os.rmdir(f"{parent}/{name}")
