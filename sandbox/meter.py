"""What a jailed child has used, read from outside: from its control group, or by walking its processes."""

from __future__ import annotations

import contextlib
import os
from typing import Protocol

from heuresis.sandbox.cgroups import Cgroup

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Meter(Protocol):
    """Reads one child's use. Every figure is since the child was started."""

    def cpu_seconds(self) -> float: ...

    def memory_bytes(self) -> int:
        """Peak so far, as far as it can be known."""
        ...

    def out_of_memory(self) -> bool:
        """True when the limit was reached and something was killed for it, or has to be."""
        ...

    def memory_of_others(self) -> bool:
        """True when something was killed because the machine had no memory left, below the program's own limit."""
        ...


class CgroupMeter:
    """Exact; counts every process of the child and, until its first answer, the fork itself."""

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup
        self._cpu_before = cgroup.cpu_seconds()
        self._kills_before = cgroup.memory_exceeded()
        self._hits_before = cgroup.limit_hits()
        self._cpu = 0.0
        self._peak = 0

    def cpu_seconds(self) -> float:
        with contextlib.suppress(FileNotFoundError):  # the worker was closed before its session: the last figure stands
            self._cpu = self._cgroup.cpu_seconds() - self._cpu_before
        return self._cpu

    def memory_bytes(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            self._peak = max(self._peak, self._cgroup.memory_bytes())
        return self._peak

    def out_of_memory(self) -> bool:
        return self._killed() and self._cgroup.limit_hits() > self._hits_before

    def memory_of_others(self) -> bool:
        return self._killed() and self._cgroup.limit_hits() <= self._hits_before

    def _killed(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return self._cgroup.memory_exceeded() > self._kills_before
        return False


class TreeMeter:
    """Sampled from /proc: pid 1 of a pid namespace is the ancestor of all its processes, so the walk misses none."""

    def __init__(self, pid: int, memory_bytes: int) -> None:
        self._pid = pid
        self._limit = memory_bytes
        self._cpu = 0.0
        self._peak = 0

    def _sample(self) -> None:
        cpu, memory = 0.0, 0
        queue, pids = [self._pid], []
        while queue:
            pid = queue.pop()
            pids.append(pid)
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended while we looked
                fields = _stat_fields(pid)
                cpu += sum(int(fields[place]) for place in (11, 12, 13, 14)) / _TICKS
                memory += int(fields[21]) * _PAGE_BYTES
                queue.extend(_children(pid))
        self._cpu = max(self._cpu, cpu)
        memory += _memory_files(pids)
        if memory > self._limit:  # pages shared after a fork were counted once per process: look closer
            memory = sum(map(_proportional_bytes, pids)) + _memory_files(pids)
        self._peak = max(self._peak, memory)

    def cpu_seconds(self) -> float:
        self._sample()
        return self._cpu

    def memory_bytes(self) -> int:
        return self._peak

    def out_of_memory(self) -> bool:
        self._sample()
        return self._peak > self._limit

    def memory_of_others(self) -> bool:
        return False  # without a control group the kernel does not say whom it killed


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on; the second, a name, may hold anything."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _proportional_bytes(pid: int) -> int:
    """Resident bytes of a process, each page divided by the number of processes that share it."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _memory_files(pids: list[int]) -> int:
    """Bytes in open memfds, which no process' resident size shows. What was closed but stays mapped is not seen."""
    sizes: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                path = f"/proc/{pid}/fd/{fd}"
                if os.readlink(path).startswith("/memfd:"):
                    status = os.stat(path)
                    sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def family(pid: int) -> set[int]:
    """The process and all its descendants at the moment."""
    found, queue = set(), [pid]
    while queue:
        found.add(one := queue.pop())
        with contextlib.suppress(OSError, ValueError):  # it ended while we looked
            queue.extend(_children(one))
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            children.extend(map(int, file.read().split()))
    return children
