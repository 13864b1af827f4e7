"""The system calls a jailed child may not make, assembled into a BPF filter.

A deny list: threads, subprocess and multiprocessing keep working. What it refuses is the part of the kernel
that a numeric program never needs and that escapes are made of. A number newer than our table gets
ENOSYS, as on an older kernel; another architecture's numbers (32-bit, x32) kill the process.
"""

from __future__ import annotations

import errno
import struct

LD, JEQ, JGE, JGT, JSET, RET = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06
_NR, _ARCH, ARG0_LOW, ARG1_LOW, ARG2_LOW, ARG2_HIGH = 0, 4, 16, 24, 32, 36
ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
NEWEST = 469
"""file_setattr (6.17); higher numbers answer ENOSYS."""
_CLONE_NEW_ANY = 0x7E020080
"""NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME."""
_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
REFUSED_FCNTLS = (1024, 1026)
"""F_SETLEASE, F_NOTIFY: what they hold or hear of a file that is shown, other jails and the host feel or make."""
REFUSED_PRCTLS = (22,)
"""PR_SET_SECCOMP: a filter of the program's own could fill the machine's log."""
RLIMIT_CORE = 4

_COMMON = {  # the same number on every architecture
    "pidfd_send_signal": -1,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "process_mrelease": 448,
    "statmount": 457,
    "listmount": 458,
    "lsm_set_self_attr": 460,
    "open_tree_attr": 467,
}
_X86_64 = {
    "ptrace": 101,
    "syslog": 103,
    "personality": 135,
    "ustat": 136,
    "vhangup": 153,
    "modify_ldt": 154,
    "pivot_root": 155,
    "_sysctl": 156,
    "adjtimex": 159,
    "chroot": 161,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "sethostname": 170,
    "setdomainname": 171,
    "iopl": 172,
    "ioperm": 173,
    "create_module": 174,
    "init_module": 175,
    "delete_module": 176,
    "quotactl": 179,
    "nfsservctl": 180,
    "mknod": 133,
    "mknodat": 259,
    "lookup_dcookie": 212,
    "clock_settime": 227,
    "mbind": 237,
    "set_mempolicy": 238,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "migrate_pages": 256,
    "unshare": 272,
    "move_pages": 279,
    "vmsplice": 278,
    "inotify_init": 253,
    "inotify_add_watch": 254,
    "inotify_init1": 294,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "finit_module": 313,
    "seccomp": 317,
    "kexec_file_load": 320,
    "bpf": 321,
    "userfaultfd": 323,
    "shmget": 29,
    "shmat": 30,
    "shmctl": 31,
    "semget": 64,
    "semop": 65,
    "semctl": 66,
    "shmdt": 67,
    "msgget": 68,
    "msgsnd": 69,
    "msgrcv": 70,
    "msgctl": 71,
    "mq_open": 240,
    "mq_unlink": 241,
    "mq_timedsend": 242,
    "mq_timedreceive": 243,
    "mq_notify": 244,
    "mq_getsetattr": 245,
}
_AARCH64 = {
    "lookup_dcookie": 18,
    "inotify_init1": 26,
    "inotify_add_watch": 27,
    "mknodat": 33,
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "nfsservctl": 42,
    "chroot": 51,
    "vhangup": 58,
    "quotactl": 60,
    "vmsplice": 75,
    "acct": 89,
    "personality": 92,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "clock_settime": 112,
    "syslog": 116,
    "ptrace": 117,
    "reboot": 142,
    "sethostname": 161,
    "setdomainname": 162,
    "settimeofday": 170,
    "adjtimex": 171,
    "mq_open": 180,
    "mq_unlink": 181,
    "mq_timedsend": 182,
    "mq_timedreceive": 183,
    "mq_notify": 184,
    "mq_getsetattr": 185,
    "msgget": 186,
    "msgctl": 187,
    "msgrcv": 188,
    "msgsnd": 189,
    "semget": 190,
    "semctl": 191,
    "semtimedop": 192,
    "semop": 193,
    "shmget": 194,
    "shmctl": 195,
    "shmat": 196,
    "shmdt": 197,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "swapon": 224,
    "swapoff": 225,
    "mbind": 235,
    "set_mempolicy": 237,
    "migrate_pages": 238,
    "move_pages": 239,
    "perf_event_open": 241,
    "fanotify_init": 262,
    "name_to_handle_at": 264,
    "open_by_handle_at": 265,
    "clock_adjtime": 266,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "finit_module": 273,
    "seccomp": 277,
    "bpf": 280,
    "userfaultfd": 282,
    "kexec_file_load": 294,
}
_DENIED = {"x86_64": _X86_64, "aarch64": _AARCH64}
_SPECIAL = {  # clone, clone3, socket, ioctl
    "x86_64": (56, 435, 41, 16),
    "aarch64": (220, 435, 198, 29),
}
_SOCKETPAIR = {"x86_64": 53, "aarch64": 199}
_CHECKED = {  # fcntl, prctl, setrlimit, prlimit64
    "x86_64": (72, 157, 160, 302),
    "aarch64": (25, 167, 164, 261),
}


def op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def fail(number: int) -> bytes:
    return op(RET, _ERRNO | number)


def architecture_check(machine: str) -> list[bytes]:
    code = [op(LD, _ARCH), op(JEQ, _AUDIT[machine], 1, 0), op(RET, _KILL), op(LD, _NR)]
    if machine == "x86_64":
        code += [op(JGE, _X32_BIT, 0, 1), op(RET, _KILL)]
    return code


def _argument_checks(machine: str) -> list[bytes]:
    """clone3 hides its flags in memory, so it must seem missing; glibc then uses clone, whose flags we can read."""
    clone, clone3, socket, ioctl = _SPECIAL[machine]
    return [
        op(JEQ, clone3, 0, 1),
        fail(errno.ENOSYS),
        op(JEQ, clone, 0, 4),
        op(LD, ARG0_LOW),
        op(JSET, _CLONE_NEW_ANY, 0, 1),
        fail(errno.EPERM),
        op(RET, ALLOW),
        op(JEQ, socket, 1, 0),  # a pair is made by the family's code as well, even where it then has no pairs
        op(JEQ, _SOCKETPAIR[machine], 0, 4),
        op(LD, ARG0_LOW),
        op(JEQ, _AF_UNIX, 1, 0),
        fail(errno.EAFNOSUPPORT),
        op(RET, ALLOW),
        op(JEQ, ioctl, 0, 5),
        op(LD, ARG1_LOW),
        op(JEQ, _TIOCSTI, 1, 0),
        op(JEQ, _TIOCLINUX, 0, 1),
        fail(errno.EPERM),
        op(RET, ALLOW),
    ]


def refuse(number: int, argument: int, values: tuple[int, ...]) -> list[bytes]:
    """EPERM for the call of that number when the argument is one of `values`."""
    checks = [part for value in values for part in (op(JEQ, value, 0, 1), fail(errno.EPERM))]
    return [op(JEQ, number, 0, len(checks) + 2), op(LD, argument), *checks, op(RET, ALLOW)]


def keep_core_limit(machine: str) -> list[bytes]:
    """It stands at 1 (see `jail.set_limits`): the program must not make it 0. Reading stays, and all other limits."""
    _, _, setrlimit, prlimit = _CHECKED[machine]
    return [
        *refuse(setrlimit, ARG0_LOW, (RLIMIT_CORE,)),
        op(JEQ, prlimit, 0, 8),
        op(LD, ARG1_LOW),
        op(JEQ, RLIMIT_CORE, 0, 5),
        op(LD, ARG2_LOW),
        op(JEQ, 0, 0, 2),
        op(LD, ARG2_HIGH),
        op(JEQ, 0, 1, 0),
        fail(errno.EPERM),
        op(LD, _NR),
    ]


def denied_numbers(machine: str) -> list[int]:
    """System call numbers that answer EPERM, ascending."""
    return sorted({number for number in (*_COMMON.values(), *_DENIED[machine].values()) if number >= 0})


def denied_names() -> list[str]:
    """Names of the system calls that answer EPERM, of every architecture in the table."""
    tables = (_COMMON, *_DENIED.values())
    return sorted({name for table in tables for name, number in table.items() if number >= 0})


def build_filter(machine: str) -> bytes:
    """The filter for `machine` (x86_64 or aarch64). Raises KeyError for another one: no jail there."""
    code = architecture_check(machine)
    code += [op(JGT, NEWEST, 0, 1), fail(errno.ENOSYS)]
    code += _argument_checks(machine) + keep_core_limit(machine)
    fcntl, prctl, *_ = _CHECKED[machine]
    code += refuse(fcntl, ARG1_LOW, REFUSED_FCNTLS) + refuse(prctl, ARG0_LOW, REFUSED_PRCTLS)
    for number in denied_numbers(machine):
        code += [op(JEQ, number, 0, 1), fail(errno.EPERM)]
    code.append(op(RET, ALLOW))
    return b"".join(code)
