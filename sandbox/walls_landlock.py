"""The walls of the `landlock` jail. It has no root and no process table of its own: it refuses instead of hiding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from heuresis.sandbox import jail, landlock, linux, seccomp_strict
from heuresis.sandbox.jail import ChildLimits, Root


class LandlockWalls:
    """One process per program. Everything that would reach another process or file is refused by number or by path."""

    forks = False

    def __init__(self, config: dict[str, Any]) -> None:
        root = Root(config["trees"], config["covered"], config["packages"])
        self._packages = config["scratch"] + "/packages"
        self._user = config["user"]
        config["jail_path"] = [path for path in config["jail_path"] if path not in config["python_path"]]
        self._listable = [path for path in config["jail_path"] if os.path.isdir(path)]
        config["jail_path"].append(self._packages)
        self._shown = {f"{self._packages}/{os.path.basename(path)}": path for path in root.packages}
        self._readable = [*readable_paths(root), self._packages]
        self._abi = 0

    def enter_worker(self) -> None:
        """Links to the packages that may be imported: a folder of installed packages would also name the others.

        The process that watches the owner stays who it is, so that it can end what becomes nobody.
        """
        os.makedirs(self._packages, 0o755, exist_ok=True)
        for place, path in self._shown.items():
            if not os.path.lexists(place):
                os.symlink(path, place)

    def enter_root(self) -> None:
        if os.getuid() == 0:
            jail.become(self._user)
            linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)  # another user now: the kernel has forgotten it
        closed = [path for path in self._readable if not os.access(path, os.R_OK)]
        if closed:
            raise OSError(f"user {os.getuid()} may not read {closed[0]}: run as a plain user who may, or as root with a"
                          " Python that everybody may read")  # fmt: skip

    def prepare(self) -> None:
        self._abi = linux.landlock_abi()
        if self._abi < 1:
            raise OSError("this kernel has no Landlock")

    def fork(self) -> int:
        return os.fork()

    def enter_child(self, limits: ChildLimits, folder: str) -> None:
        """RLIMIT_NPROC counts all processes of the user, here the host's too: threads are bounded by memory instead."""
        os.chdir(folder)
        os.environ["TMPDIR"] = os.environ["HOME"] = folder
        jail.set_limits(replace(limits, processes=None))
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        landlock.confine(self._abi, self._readable, self._listable, folder)
        linux.empty_capabilities()
        linux.install_filter(seccomp_strict.build_filter(linux.MACHINE, os.getpid()))


def readable_paths(root: Root) -> list[str]:
    """Existing paths that together are the trees without the covered folders, and the packages."""
    paths = [path for tree in root.trees for path in _without(tree, root.covered)]
    links = [os.path.realpath(f"/{name}") for name in jail.LINKS if os.path.isdir(f"/{name}")]
    outside = [path for link in links if not _is_within(link, root.trees) for path in _without(link, root.covered)]
    found = [*paths, *outside, *root.packages, *jail.SHOWN_ETC[:1]]
    return [path for path in dict.fromkeys(found) if os.path.exists(path)]


def _without(folder: str, covered: Sequence[str]) -> list[str]:
    """`folder` whole where nothing below it is covered; else what lies in it, one by one."""
    if folder in covered:
        return []
    if os.path.islink(folder) or not any(path.startswith(f"{folder}/") for path in covered):
        return [folder]
    return [path for name in sorted(os.listdir(folder)) for path in _without(os.path.join(folder, name), covered)]


def _is_within(path: str, trees: Sequence[str]) -> bool:
    return any(path == tree or path.startswith(f"{tree}/") for tree in trees)
