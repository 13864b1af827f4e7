"""The walls that a warm parent raises, once around itself and again around every child. Runs in warm parents only."""

from __future__ import annotations

import os
from typing import Any, Protocol

from heuresis.sandbox import jail, linux
from heuresis.sandbox.jail import ChildLimits, Root


class Walls(Protocol):
    """Built from the warm parent's configuration. Every method raises OSError when a wall cannot be raised."""

    forks: bool
    """True after `enter_worker`: only a child of this process is where it belongs (in a new pid namespace)."""

    def enter_worker(self) -> None:
        """Leave the host. Played first, in the process that stays outside to watch the owner, if one does."""
        ...

    def enter_root(self) -> None:
        """The second half, played in the process that becomes the warm parent, before it imports the runtime."""
        ...

    def prepare(self) -> None:
        """Anything that can be made once for all children. Played when the runtime is imported."""
        ...

    def fork(self) -> int:
        """What `os.fork` returns. One thread runs."""
        ...

    def enter_child(self, limits: ChildLimits, folder: str) -> None:
        """Raise every wall around this fresh child for good; `folder` will be the program's own."""
        ...


class NamespaceWalls:
    """Everything by itself, from an ordinary process."""

    forks = False
    extra = 0
    """Namespaces of each child beyond mount, uts and pid."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.root = Root(config["trees"], config["covered"], config["packages"], config["devices"])
        self._bpf, self._abi = b"", 0

    def enter_worker(self) -> None:
        jail.enter_worker(self.root, self.config["user"])

    def enter_root(self) -> None:
        jail.enter_root()

    def prepare(self) -> None:
        self._bpf, self._abi = jail.build_filter(), linux.landlock_abi()

    def fork(self) -> int:
        return jail.fork_child()

    def enter_child(self, limits: ChildLimits, folder: str) -> None:
        jail.enter_child(limits, self.root.hidden, self._bpf, self._abi, self.extra)


class NestedWalls(NamespaceWalls):
    """Inside a jail that somebody else has set up, with the capabilities of its user namespace."""

    extra = linux.CLONE_NEWIPC | linux.CLONE_NEWNET

    def enter_worker(self) -> None:
        linux.remember_last_capability()
        if os.getuid() == 0:
            self.forks = True
            jail.become_nobody(self.config["user"])

    def enter_root(self) -> None:
        if self.forks:
            jail.mount_proc("/proc")
        jail.cover_for_good(self.config["sys_path"][0])
        jail.hold_nodes()


class NoWalls:
    """A plain fork with the limits of setrlimit."""

    forks = False

    def __init__(self, config: dict[str, Any]) -> None:
        pass

    def enter_worker(self) -> None:
        pass

    def enter_root(self) -> None:
        pass

    def prepare(self) -> None:
        pass

    def fork(self) -> int:
        return os.fork()

    def enter_child(self, limits: ChildLimits, folder: str) -> None:
        os.chdir(folder)
        jail.set_limits(limits)
