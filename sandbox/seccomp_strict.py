"""The filter of the `landlock` jail: what `seccomp` refuses, and everything that reaches another process or file.

There are no namespaces behind it, so it also refuses: sockets (a connected pair of streams stays), new processes and
programs (threads stay), signals and limits of others, and the changes of a file's attributes that Landlock lets pass.
"""

from __future__ import annotations

import errno

from heuresis.sandbox.seccomp import (
    ALLOW,
    ARG0_LOW,
    ARG1_LOW,
    JEQ,
    JGT,
    JSET,
    LD,
    NEWEST,
    REFUSED_FCNTLS,
    REFUSED_PRCTLS,
    RET,
    architecture_check,
    denied_numbers,
    fail,
    keep_core_limit,
    op,
    refuse,
)

_CLONE_THREAD = 0x00010000
_CLONE_NEW_ANY = 0x7E020080
_AF_UNIX, _SOCK_STREAM, _SOCK_KIND = 1, 1, 0xF
_REFUSED_IOCTLS = (0x5412, 0x541C, 0x40086602, 0x401C5820)
"""TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR."""
_REFUSED_FCNTLS = (8, 10, 15, *REFUSED_FCNTLS)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: signals to others."""
_REFUSED_PRCTLS = (1, 4, *REFUSED_PRCTLS)
"""PR_SET_PDEATHSIG, PR_SET_DUMPABLE: it stays visible to those who measure it."""
_AND = 0x54

_COMMON = {
    "pidfd_send_signal": 424,
    "pidfd_open": 434,
    "fchmodat2": 452,
    "setxattrat": 463,
    "removexattrat": 466,
    "file_setattr": 469,
}
_X86_64 = {
    "socket": 41,
    "fork": 57,
    "vfork": 58,
    "execve": 59,
    "execveat": 322,
    "tkill": 200,
    "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297,
    "setpriority": 141,
    "sched_setparam": 142,
    "sched_setscheduler": 144,
    "sched_setattr": 314,
    "ioprio_set": 251,
    "chmod": 90,
    "fchmod": 91,
    "fchmodat": 268,
    "chown": 92,
    "fchown": 93,
    "lchown": 94,
    "fchownat": 260,
    "utime": 132,
    "utimes": 235,
    "futimesat": 261,
    "utimensat": 280,
    "setxattr": 188,
    "lsetxattr": 189,
    "fsetxattr": 190,
    "removexattr": 197,
    "lremovexattr": 198,
    "fremovexattr": 199,
    "truncate": 76,
}
_AARCH64 = {
    "socket": 198,
    "execve": 221,
    "execveat": 281,
    "tkill": 130,
    "rt_sigqueueinfo": 138,
    "rt_tgsigqueueinfo": 240,
    "setpriority": 140,
    "sched_setparam": 118,
    "sched_setscheduler": 119,
    "sched_setattr": 274,
    "ioprio_set": 30,
    "fchmod": 52,
    "fchmodat": 53,
    "fchownat": 54,
    "fchown": 55,
    "utimensat": 88,
    "setxattr": 5,
    "lsetxattr": 6,
    "fsetxattr": 7,
    "removexattr": 14,
    "lremovexattr": 15,
    "fremovexattr": 16,
    "truncate": 45,
}
_DENIED = {"x86_64": _X86_64, "aarch64": _AARCH64}
_CHECKED = {  # clone, clone3, socketpair, ioctl, fcntl, prctl
    "x86_64": (56, 435, 53, 16, 72, 157),
    "aarch64": (220, 435, 199, 29, 25, 167),
}
_ONLY_SELF = {  # kill, tgkill, prlimit64, sched_setaffinity: the process in the first argument
    "x86_64": (62, 234, 302, 203),
    "aarch64": (129, 131, 261, 122),
}


def build_filter(machine: str, pid: int) -> bytes:
    """For the process numbered `pid`. Raises KeyError for a machine that is not x86_64 or aarch64: no jail there."""
    clone, clone3, socketpair, ioctl, fcntl, prctl = _CHECKED[machine]
    code = architecture_check(machine)
    code += [op(JGT, NEWEST, 0, 1), fail(errno.ENOSYS), op(JEQ, clone3, 0, 1), fail(errno.ENOSYS)]
    code += _clone(clone) + _socketpair(socketpair)
    code += refuse(ioctl, ARG1_LOW, _REFUSED_IOCTLS)
    code += refuse(fcntl, ARG1_LOW, _REFUSED_FCNTLS)
    code += refuse(prctl, ARG0_LOW, _REFUSED_PRCTLS)
    code += keep_core_limit(machine)
    for number in _ONLY_SELF[machine]:
        code += _only_self(number, pid, zero=number not in _ONLY_SELF[machine][:2])
    for number in sorted({*denied_numbers(machine), *_COMMON.values(), *_DENIED[machine].values()}):
        code += [op(JEQ, number, 0, 1), fail(errno.EPERM)]
    return b"".join([*code, op(RET, ALLOW)])


def _clone(number: int) -> list[bytes]:
    """A thread: yes. A process, a namespace: no."""
    return [
        op(JEQ, number, 0, 6),
        op(LD, ARG0_LOW),
        op(JSET, _CLONE_NEW_ANY, 2, 0),
        op(JSET, _CLONE_THREAD, 0, 1),
        op(RET, ALLOW),
        fail(errno.EPERM),
        fail(errno.EPERM),
    ]


def _socketpair(number: int) -> list[bytes]:
    """Streams cannot be connected anew; datagrams can, to a socket of the host."""
    return [
        op(JEQ, number, 0, 7),
        op(LD, ARG0_LOW),
        op(JEQ, _AF_UNIX, 0, 3),
        op(LD, ARG1_LOW),
        op(_AND, _SOCK_KIND),
        op(JEQ, _SOCK_STREAM, 1, 0),
        fail(errno.EPERM),
        op(RET, ALLOW),
    ]


def _only_self(number: int, pid: int, zero: bool) -> list[bytes]:
    """`zero`: 0 means the caller itself. (For `kill` it means its process group.)"""
    accepted = [op(JEQ, 0, 2, 0), op(JEQ, pid, 1, 0)] if zero else [op(JEQ, pid, 1, 0)]
    return [
        op(JEQ, number, 0, len(accepted) + 3),
        op(LD, ARG0_LOW),
        *accepted,
        fail(errno.EPERM),
        op(RET, ALLOW),
    ]
