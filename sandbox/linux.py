"""The Linux calls that Python does not offer, by ctypes. Each raises OSError with the kernel's reason."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
PR_SET_CHILD_SUBREAPER = 36
SIGKILL = 9
PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 28, 47, 4
SECUREBITS_ALL_LOCKED = 0b11101111  # no root magic, no keep-caps, no ambient raise, all locked

MACHINE = platform.machine()
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(MACHINE, -1)
_MOUNT_SETATTR, _CLOSE_RANGE = 442, 436
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_AT_FDCWD, _AT_RECURSIVE, _AT_SYMLINK_NOFOLLOW = -100, 0x8000, 0x100
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), f"unshare({flags:#x})")


def setns(fd: int, kind: int) -> None:
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    words = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None)
    _check(_libc.mount(*words), f"mount {kind or source} on {target}")


def bind(source: str, target: str) -> None:
    mount(source, target, flags=MS_BIND | MS_REC)


def umount(target: str) -> None:
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def set_mount_attributes(target: str, flags: int, recursive: bool = True) -> None:
    """Add `ATTR_*` flags to a mount and, by default, to all below it. Needs Linux 5.12."""
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)
    at = _AT_RECURSIVE if recursive else 0
    _check(
        _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, target.encode(), at, attributes, len(attributes)),
        f"mount_setattr {target}",
    )


def pivot_root_here() -> None:
    """Make the working directory the root and drop the old root from sight."""
    _check(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    umount(".")
    os.chdir("/")


def close_from(first: int) -> None:
    """Close every descriptor from `first` up."""
    if _libc.syscall(_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(0xFFFFFFFF), 0) < 0:
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def prctl(option: int, argument: int = 0, third: int = 0) -> None:
    words = [ctypes.c_ulong(number) for number in (argument, third, 0, 0)]
    _check(_libc.prctl(option, *words), f"prctl({option})")


def sethostname(name: str) -> None:
    _check(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def drop_capabilities() -> None:
    """Empty every set for good: bounding, ambient, permitted, effective, inheritable."""
    for number in range(int(_last_capability()) + 1):
        prctl(PR_CAPBSET_DROP, number)
    prctl(PR_SET_SECUREBITS, SECUREBITS_ALL_LOCKED)
    empty_capabilities()


def empty_capabilities() -> None:
    """Every set that a process may empty without being privileged. For good only where nothing can be executed."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header, data = struct.pack("II", 0x20080522, 0), bytes(24)
    _check(_libc.capset(header, data), "capset")


_last_cap: int | None = None


def _last_capability() -> int:
    """Highest capability number of this kernel; read once, since the jail's /proc comes and goes."""
    global _last_cap
    if _last_cap is None:
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            _last_cap = int(file.read())
    return _last_cap


def remember_last_capability() -> None:
    """Read it while /proc of the host is there."""
    _last_capability()


def landlock_abi() -> int:
    """0 where the kernel has no Landlock."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def landlock_ruleset(attributes: bytes) -> int:
    length = ctypes.c_size_t(len(attributes))
    return _check(_libc.syscall(_LANDLOCK_CREATE, attributes, length, 0), "landlock_create_ruleset")


def landlock_allow(ruleset: int, path: str, access: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _check(_libc.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", access, fd), 0), "landlock_add_rule")
    finally:
        os.close(fd)


def landlock_restrict(ruleset: int) -> None:
    _check(_libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0), "landlock_restrict_self")


def install_filter(program: bytes) -> None:
    """Install a seccomp filter (8-byte BPF instructions) on this thread; needs no_new_privs."""
    buffer = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(22, ctypes.c_ulong(2), descriptor, ctypes.c_ulong(0), ctypes.c_ulong(0)), "seccomp")
