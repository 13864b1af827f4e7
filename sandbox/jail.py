"""The jail itself: one root file system per worker, one set of walls per child. Runs in the warm parent only.

`enter_worker` is played once, before any candidate; `enter_child` in every freshly forked child.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from heuresis.sandbox import landlock, linux, seccomp

NOBODY = 65534
_FREE_USERS, _FREE_USERS_COUNT = 0x70000000, 1 << 28
NODES = ("null", "zero", "full", "random", "urandom")
LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
SHOWN_ETC = ("/etc/ld.so.cache", "/etc/alternatives")
_MOUNT_POINTS = ("/sys", "/mnt", "/media", "/srv")
_PRIVATE = ("/tmp", "/dev/shm")
KEPT = "/.kept"
_PASSWD = f"jail:x:{NOBODY}:{NOBODY}:jail:/tmp:/bin/sh\n"


@dataclass(frozen=True)
class Root:
    """What the jail shows of the host, all of it read-only."""

    trees: Sequence[str]
    """Folders shown whole (/usr, the interpreter's prefix)."""
    covered: Sequence[str]
    """Folders within those that are emptied (site-packages, our own source)."""
    packages: Sequence[str]
    """Files and folders shown although within a covered folder (the runtime's packages)."""
    devices: Sequence[str] = ()
    """Nodes of the leased GPU."""

    @property
    def hidden(self) -> list[str]:
        """What a child's private folders would cover: an environment below /tmp. Each child binds it anew."""
        private = tuple(f"{folder}/" for folder in _PRIVATE)
        return [path for path in (*self.trees, *self.packages) if path.startswith(private)]


@dataclass(frozen=True)
class ChildLimits:
    """What the kernel enforces on one child by itself."""

    cpu_seconds: int
    file_bytes: int
    largest_file: int
    address_space: int | None
    """Above what the warm parent has already; only where no cgroup caps memory."""
    processes: int | None
    """Only where no cgroup caps them."""


def outside_user() -> int:
    """Who a worker's programs are outside of their user namespace: as root a user that nobody else is.

    The kernel counts per user what no control group caps (descriptors on their way, watches, large pipes): one who
    shares a user with another jail could use that up for it. The range is one that systemd leaves free.
    """
    if os.getuid() != 0:
        return os.getuid()
    user = _FREE_USERS + int.from_bytes(os.urandom(4), "little") % _FREE_USERS_COUNT
    with open("/proc/self/uid_map", encoding="ascii") as file:
        ranges = [(int(line.split()[0]), int(line.split()[2])) for line in file]
    return user if any(first <= user < first + count for first, count in ranges) else NOBODY


def enter_worker(root: Root, user: int) -> None:
    """Leave the host: returns in a new process, pid 1 of its own world, unprivileged, single-threaded.

    The process that called it stays outside as the caller's return value tells: see `warm.supervise`.
    """
    linux.remember_last_capability()
    private = linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    point = next(path for path in _MOUNT_POINTS if os.path.isdir(path))
    if os.getuid() == 0:
        linux.unshare(private)
        _build_root(root, point)
        _drop_to_nobody(user)
    else:
        _new_user(linux.CLONE_NEWUSER | linux.CLONE_NEWPID | private, os.geteuid())
        _build_root(root, point)


def become_nobody(user: int) -> None:
    """As root in a root that somebody else has built: a whole /proc for those to come, then nobody's user namespace."""
    mount_proc("/proc")
    _drop_to_nobody(user)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # another user now: the kernel has forgotten it


def become(user: int) -> None:
    """As root: that user for good, of nobody's group."""
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))  # see `set_limits`; only root can raise it from 0
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(user, user, user)
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


def _drop_to_nobody(user: int) -> None:
    """Within the new user namespace its name is nobody's."""
    become(user)
    _new_user(linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWPID, NOBODY)


def enter_root() -> None:
    """The second half of `enter_worker`, played by the new pid 1: a proc of its own, then only the new root."""
    point = next(path for path in _MOUNT_POINTS if os.path.isdir(path))
    linux.bind(point, point)
    mount_proc(point + "/proc")
    os.chdir(point)
    linux.pivot_root_here()
    os.chdir("/tmp")


def _new_user(flags: int, inside: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(flags)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _build_root(root: Root, point: str) -> None:
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", point, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=1m,mode=0755")
    for folder in ("tmp", "proc", "dev", "dev/shm", "etc"):
        os.mkdir(f"{point}/{folder}", 0o755)
    _show_links(point)
    for tree in root.trees:
        _show(point, tree)
    for covered in root.covered:
        if os.path.isdir(point + covered):
            _cover(point + covered)
    for path in root.packages:
        _show(point, path)
    for number, path in enumerate(root.hidden):
        _show(point, path, f"{KEPT}/{number}")
    for covered in root.covered:
        if os.path.ismount(point + covered):
            linux.set_mount_attributes(point + covered, linux.ATTR_RDONLY, recursive=False)
    for node in (*(f"/dev/{name}" for name in NODES), *root.devices):
        _touch(point + node)
        linux.bind(node, point + node)
        # read-only holds the node's times and rights, which the host and every jail share; its device stays writable
        linux.set_mount_attributes(point + node, linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NOEXEC)
    _write_stubs(point)
    linux.set_mount_attributes(point, linux.ATTR_RDONLY, recursive=False)


def _show_links(point: str) -> None:
    for name in LINKS:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{point}/{name}")
        elif os.path.isdir(f"/{name}"):
            _show(point, f"/{name}")
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"{point}/dev/{name}")


def _show(point: str, path: str, place: str | None = None) -> None:
    """Bind `path`, at the same place (or at another), read-only, without devices and setuid."""
    target = point + (place or path)
    _bind(path, target)
    linux.set_mount_attributes(target, linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV)


def _bind(source: str, target: str) -> None:
    """At a mount point that is made for it."""
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        _touch(target)
    linux.bind(source, target)


def _cover(target: str) -> None:
    linux.mount("tmpfs", target, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=1m,mode=0755")


def _touch(path: str) -> None:
    if not os.path.lexists(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def stubs() -> dict[str, str]:
    """Files of /etc that libraries look for, without anything of the host's."""
    return {"passwd": _PASSWD, "group": f"jail:x:{NOBODY}:\n", "hosts": "127.0.0.1 localhost\n", "nsswitch.conf": ""}


def _write_stubs(point: str) -> None:
    for name, text in stubs().items():
        with open(f"{point}/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)
    for path in SHOWN_ETC:
        if os.path.exists(path):
            _show(point, path)


def mount_proc(target: str, extra: int = 0) -> bool:
    """False where the kernel refuses (a container that masks parts of its own /proc): the jail then has none."""
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC | extra
    try:
        linux.mount("proc", target, "proc", flags)
    except PermissionError:
        return False
    return True


def fork_child() -> int:
    """Fork into a new pid namespace; what `os.fork` returns. The next call works as well."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    linux.unshare(linux.CLONE_NEWPID)
    pid = os.fork()
    if pid:
        linux.setns(own, linux.CLONE_NEWPID)
    os.close(own)
    return pid


def cover_for_good(path: str) -> None:
    """Hide a folder from this process and all that it will fork; in a mount namespace of its own."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", path, "tmpfs", linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV, "size=4k")


def hold_nodes() -> None:
    """Keep the times and rights of device nodes that the host shares with the jail; their devices stay writable."""
    for name in NODES:
        if os.path.ismount(f"/dev/{name}"):
            linux.set_mount_attributes(f"/dev/{name}", linux.ATTR_RDONLY, recursive=False)


def enter_child(limits: ChildLimits, hidden: Sequence[str], bpf: bytes, abi: int, extra: int = 0) -> None:
    """Raise every wall around this process for good. Raises OSError when one cannot be raised.

    The network namespace is the worker's own, without any interface up: shared by its children one after another,
    none of which outlives its session; `extra` names further namespaces (`CLONE_*`) that the child gets for itself.
    """
    _raise_oom_score()
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS | extra)
    size = f"size={limits.file_bytes},nr_inodes=16384,mode=0700"
    for target in _PRIVATE:
        linux.mount("tmpfs", target, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, size)
    for number, path in enumerate(hidden):
        _bind(f"{KEPT}/{number}", path)  # below a private folder; it keeps its flags (read-only, no devices)
    if not mount_proc("/proc", linux.MS_RDONLY):
        linux.mount("tmpfs", "/proc", "tmpfs", linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV, "size=4k")
    linux.sethostname("jail")
    os.chdir("/tmp")
    set_limits(limits)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(abi, [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("nvidia")])
    linux.drop_capabilities()
    linux.install_filter(bpf)


def set_limits(limits: ChildLimits) -> None:
    _cap(resource.RLIMIT_CPU, limits.cpu_seconds)
    _cap(resource.RLIMIT_CORE, 1)  # not 0: that still feeds a dump to the machine's own program, where it has one
    _cap(resource.RLIMIT_NOFILE, 256)
    _cap(resource.RLIMIT_FSIZE, limits.largest_file)
    _cap(resource.RLIMIT_MSGQUEUE, 0)
    _cap(resource.RLIMIT_SIGPENDING, 1024)  # counted per user, whom all jails share
    if limits.address_space is not None:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        _cap(resource.RLIMIT_AS, limits.address_space + pages * resource.getpagesize())
    if limits.processes is not None:
        _cap(resource.RLIMIT_NPROC, limits.processes)


def _cap(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _raise_oom_score() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:  # no /proc of ours: the cgroup's or the sampled limit still holds
        pass


def build_filter() -> bytes:
    return seccomp.build_filter(linux.MACHINE)
