"""Bubblewrap: an audited tool builds the outer jail; every child is then walled in again as in `namespaces`.

`bwrap` keeps the capabilities of its own user namespace for the warm parent, so that each child can get namespaces of
its own. The child drops them for good, and its filter refuses any further namespace.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from heuresis.sandbox import jail
from heuresis.sandbox.backends.base import FLAGS, Launched, launch_process
from heuresis.sandbox.runtime import describe, own_source

OURS = "/.ours"
"""Where our source is shown to the warm parent; covered before any child comes."""
_KEEPER = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "keeper.py")
_TOOL = "bwrap"


class Bubblewrap:
    """Works as root and as a plain user, where user namespaces are allowed.

    As root the outer jail is made without a user namespace (it may show what only root can reach), and the warm
    parent becomes nobody within it, in a user namespace of its own, before it imports anything of the runtime.
    """

    name = "bubblewrap"
    jailed = True
    private_tmp = True
    covers = "files, processes, network, privileges, memory of others"
    misses = "kernel bugs, side channels"

    def missing(self) -> str:
        return "" if shutil.which(_TOOL) else "bwrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)"

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        found = describe(runtime)
        sys_path = (OURS, *found["jail_path"])
        return {**found, "sys_path": sys_path, "walls": "heuresis.sandbox.walls:NestedWalls", "watched": False}

    def launch(self, config: dict[str, Any]) -> Launched:
        root = jail.Root(config["trees"], config["covered"], config["packages"])
        stubs = [(f"/etc/{name}", _in_memory(text)) for name, text in jail.stubs().items()]
        command = [
            *(sys.executable, *FLAGS, _KEEPER, str(config["owner"])),
            *(shutil.which(_TOOL) or _TOOL, *_OUTER, *(() if os.getuid() == 0 else _OWN_USER), *_shown(root)),
            *(word for path, fd in stubs for word in ("--ro-bind-data", str(fd), path)),
            *("--remount-ro", "/", "--chdir", "/tmp"),
            *("--", config["python"], *FLAGS, f"{OURS}/heuresis/sandbox/warm.py"),
        ]
        try:
            return launch_process(command, [fd for _, fd in stubs])
        finally:
            for _, fd in stubs:
                os.close(fd)


_OUTER = (
    "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
    "--as-pid-1", "--die-with-parent", "--cap-add", "ALL",
)  # fmt: skip
"""Every other namespace, and no reaper: killing pid 1, the warm parent, ends all of it."""


_OWN_USER = ("--unshare-user",)


def _shown(root: jail.Root) -> Iterator[str]:
    """Arguments that build the same root as `heuresis.sandbox.jail` does."""
    for place in ("/tmp", "/dev"):
        yield from ("--tmpfs", place)
    yield from ("--proc", "/proc", "--dir", "/dev/shm")
    yield from _links()
    kept = {f"{jail.KEPT}/{number}": path for number, path in enumerate(root.hidden)}
    ours = {f"{OURS}/{place}": path for place, path in own_source().items()}
    outside = [path for path in root.packages if not _is_below(path, root.trees)]
    yield from _folders([*root.trees, *outside, *kept, *ours])
    for tree in root.trees:
        yield from ("--ro-bind", tree, tree)
    covered = [path for path in root.covered if os.path.isdir(path) and _is_below(path, root.trees)]
    for path in covered:
        yield from ("--tmpfs", path)
    for path in root.packages:
        yield from ("--ro-bind", path, path)
    for place, path in (kept | ours).items():
        yield from ("--ro-bind", path, place)
    for path in (*covered, *root.trees):
        yield from ("--remount-ro", path)
    for node in jail.NODES:
        yield from ("--dev-bind", f"/dev/{node}", f"/dev/{node}")
    for path in jail.SHOWN_ETC:
        yield from ("--ro-bind-try", path, path)
    yield from ("--remount-ro", "/dev")


def _links() -> Iterator[str]:
    for name in jail.LINKS:
        if os.path.islink(f"/{name}"):
            yield from ("--symlink", os.readlink(f"/{name}"), f"/{name}")
        elif os.path.isdir(f"/{name}"):
            yield from ("--ro-bind", f"/{name}", f"/{name}")
    for name, target in jail.DEVICE_LINKS.items():
        yield from ("--symlink", target, f"/dev/{name}")


def _folders(places: Sequence[str]) -> Iterator[str]:
    """Folders above these places; left to itself, the tool gives them rights that only their maker has."""
    above = {str(folder) for place in places for folder in PurePath(place).parents}
    for folder in sorted(above - {"/", "/tmp", "/dev"}):
        yield from ("--perms", "0755", "--dir", folder)


def _is_below(path: str, trees: Sequence[str]) -> bool:
    return any(path.startswith(f"{tree}/") for tree in trees)


def _in_memory(text: str) -> int:
    fd = os.memfd_create("stub")
    os.write(fd, text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
