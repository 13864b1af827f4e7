"""A35, A36: rights, and the doors of the kernel. `test_walls.py` holds the list of system calls."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from heuresis.program import Program
from heuresis.sandbox import linux, seccomp
from heuresis.sandbox.protocol import Call
from tests.attacks.arena import SMALL, Arena


def test_a35_no_namespace_can_be_entered_or_made_by_any_way(arena: Arena) -> None:
    text = """
import ctypes, errno, os, subprocess
def f():
    libc, made = ctypes.CDLL(None, use_errno=True), []
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
        if libc.unshare(flag) == 0: made.append(hex(flag))
        ctypes.set_errno(0)
        pid = libc.syscall(56 if os.uname().machine == "x86_64" else 220, flag | 17, 0, 0, 0, 0)
        if pid == 0: os._exit(0)
        if pid > 0: os.waitpid(pid, 0); made.append("clone " + hex(flag))
    for tool in (["unshare", "-U", "true"], ["unshare", "-m", "true"], ["mount", "-t", "tmpfs", "x", "/tmp"],
                 ["chroot", "/tmp", "true"], ["setpriv", "--reuid=0", "true"], ["nsenter", "-t1", "-n", "true"]):
        try:
            if subprocess.run(tool, capture_output=True).returncode == 0: made.append(tool)
        except OSError: pass
    return made
"""
    assert arena.value(text) == []


@pytest.mark.root
def test_a35_seen_from_outside_a_program_is_not_root(arena: Arena) -> None:
    with arena.worker.start(Program.of("def f(): return 1"), ("f",), SMALL, 0) as session:
        session.call([Call("f")])
        told = Path(f"/proc/self/fdinfo/{session._child.pidfd}").read_text()
        number = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pid:"))
        status = Path(f"/proc/{number}/status").read_text()
    [users] = [line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")]
    assert "0" not in users


def test_a35_no_setuid_file_gives_rights(arena: Arena) -> None:
    text = """
import os, stat, subprocess
def f():
    gained = []
    for folder in ("/usr/bin", "/usr/sbin", "/bin", "/usr/lib"):
        try: names = os.listdir(folder)
        except OSError: continue
        for name in names:
            path = os.path.join(folder, name)
            try: mode = os.stat(path).st_mode
            except OSError: continue
            if mode & stat.S_ISUID and os.statvfs(path).f_flag & os.ST_NOSUID == 0: gained.append(path)
    try: os.setuid(0); gained.append("setuid")
    except OSError: pass
    try: os.setgroups([0]); gained.append("setgroups")
    except OSError: pass
    return gained, os.getuid() != 0, os.geteuid() != 0, 0 in os.getgroups()
"""
    gained, not_root, not_effective_root, in_root_group = arena.value(text)
    assert not_root
    assert not_effective_root
    assert not in_root_group
    assert gained == [] or arena.tier == "landlock"  # there no_new_privs alone takes their effect away


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK", "AF_TIPC"])
def test_a35_no_socket_of_another_family_can_be_made(arena: Arena, family: str) -> None:
    text = """
import socket
def f(name):
    made = []
    for kind in (1, 2, 3, 5):
        try: socket.socket(getattr(socket, name), kind).close(); made.append(kind)
        except OSError: pass
    return made
"""
    assert arena.value(text, family) == []


def test_a35_a_terminal_cannot_be_typed_into(arena: Arena) -> None:
    text = """
import ctypes, errno
def f():
    libc, out = ctypes.CDLL(None, use_errno=True), []
    for request in (0x5412, 0x541C):
        ctypes.set_errno(0)
        libc.ioctl(0, ctypes.c_ulong(request), b"x")
        out.append(ctypes.get_errno() == errno.EPERM)
    return out
"""
    assert arena.value(text) == [True, True]


def test_a35_rule_sets_of_files_stand_behind_the_other_walls(arena: Arena) -> None:
    """A process can be put into sixteen rule sets; fifteen are left to one that is in ours."""
    if linux.landlock_abi() < 1:
        pytest.skip("this kernel has no Landlock")
    text = """
import ctypes, os, struct
def f():
    libc, layers = ctypes.CDLL(None, use_errno=True), 0
    while layers < 20:
        rules = libc.syscall(444, struct.pack("Q", 1 << 1), ctypes.c_size_t(8), 0)
        if rules < 0 or libc.syscall(446, rules, 0) < 0: break
        os.close(rules); layers += 1
    return layers
"""
    assert arena.value(text) == 15


def verdict_of(program: bytes, number: int, machine: int) -> int:
    """What a filter answers to a system call: classic BPF over the words of `seccomp_data`, as the kernel runs it."""
    words, place, held = {0: number, 4: machine}, 0, 0
    while True:
        code, yes, no, value = struct.unpack_from("HBBI", program, 8 * place)
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            held = words.get(value, 0)
            continue
        tests = {0x15: held == value, 0x35: held >= value, 0x25: held > value, 0x45: held & value != 0}
        place += yes if tests[code] else no


@pytest.mark.parametrize("number", [470, 600, 1 << 20])
def test_a35_a_call_newer_than_our_table_looks_missing(number: int) -> None:
    """This kernel may have none so new: the filter is asked, not the kernel."""
    program = seccomp.build_filter("x86_64")
    assert verdict_of(program, number, 0xC000003E) == 0x00050000 | errno.ENOSYS
    assert verdict_of(program, 39, 0xC000003E) == 0x7FFF0000  # getpid
    assert verdict_of(program, 101, 0xC000003E) == 0x00050000 | errno.EPERM  # ptrace
    assert verdict_of(program, 39, 0x40000003) == 0x80000000  # 32-bit: killed


def test_a35_descriptors_files_and_queues_are_bounded_by_the_kernel(arena: Arena) -> None:
    text = """
import resource
def f(): return [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in (
    "CPU", "CORE", "NOFILE", "FSIZE", "MSGQUEUE", "SIGPENDING")]
"""
    cpu, core, files, size, queue, signals = arena.value(text)
    assert 0 < cpu <= 10
    assert (core, queue) == (1, 0)
    assert files == 256
    assert signals <= 1024
    assert 0 < size <= 256 << 20


def test_a36_no_group_switch_or_kernel_file_is_writable(arena: Arena) -> None:
    text = """
import os
def f():
    done = []
    for top in ("/sys/fs/cgroup", "/proc/sys", "/sys", "/proc/self"):
        for folder, folders, files in os.walk(top):
            folders[:] = folders[:20] if top != "/proc/self" else []
            for name in files[:200]:
                if name in ("clear_refs", "comm", "coredump_filter", "timerslack_ns", "mem", "attr", "oom_score_adj",
                            "autogroup", "sched", "make-it-fail", "fail-nth", "timens_offsets", "latency"): continue
                try: fd = os.open(os.path.join(folder, name), os.O_WRONLY)
                except OSError: continue
                try: os.write(fd, b"1"); done.append(os.path.join(folder, name))
                except OSError: pass
                os.close(fd)
    for path in ("/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent"):
        try: open(path, "w").write("x"); done.append(path)
        except OSError: pass
    return done
"""
    assert arena.value(text) == []


def test_a36_a_program_cannot_hide_from_the_kernels_memory_killer(arena: Arena) -> None:
    text = """
def f():
    try:
        with open("/proc/self/oom_score_adj", "w") as file: file.write("-1000")
    except OSError: pass
    try: return int(open("/proc/self/oom_score_adj").read())
    except OSError: return 1000
"""
    assert arena.value(text) >= 0
