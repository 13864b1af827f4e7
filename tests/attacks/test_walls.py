"""What a jailed program can see and touch. Each attack is really tried; ids are those of the list of attacks."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call
from heuresis.sandbox.worker import JailWorker, open_worker

ROOT = Path(__file__).resolve().parents[2]


def run(worker: JailWorker, text: str, *args: object) -> object:
    with worker.start(Program.of(text), ("f",), Limits(), 0) as session:
        answer = session.call([Call("f", args)])[0]
    assert answer.error is None, answer
    return answer.value


SCAN = """
import os
def f(first, second):
    canary = bytes(a ^ b for a, b in zip(first, second))
    found = []
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("r") or "[vvar" in line or "[vsyscall" in line: continue
            start, end = (int(part, 16) for part in span.split("-"))
            while start < end:
                try:
                    memory.seek(start)
                    block = memory.read(min(1 << 22, end - start))
                except OSError: break
                if not block: break
                place = block.find(canary)
                while place >= 0:
                    found.append(start + place)
                    place = block.find(canary, place + 1)
                start += len(block)
    own = id(canary)  # the one copy that we made ourselves, behind the header of its object
    other = [place for place in found if not own <= place < own + 64]
    fds = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    return len(found), len(other), canary.hex() in repr(os.environ), fds[:4], len(fds)
"""


def test_a02_a19_a20_nothing_of_the_referee_is_in_the_memory_environment_or_descriptors_of_the_child() -> None:
    canary = secrets.token_bytes(32)
    os.environ["HEURESIS_CANARY"] = canary.hex()
    keep = [canary, canary.hex(), bytearray(canary) * 1000]
    key = secrets.token_bytes(32)
    masked = bytes(a ^ b for a, b in zip(canary, key, strict=True))
    try:
        with open_worker() as worker:
            found, other, in_environment, fds, count = run(worker, SCAN, key, masked)  # type: ignore[misc]
            text = run(
                worker,
                SCAN.replace("canary = bytes", "canary = bytes.hex(bytes").replace(
                    "zip(first, second))", "zip(first, second))).encode()"
                ),
                key,
                masked,
            )
    finally:
        del os.environ["HEURESIS_CANARY"]
    assert found >= 1, "the scan does not even find its own copy"
    assert (other, in_environment) == (0, False)
    assert text[1] <= 1, "more than the temporary copy of the scan itself"  # type: ignore[index]
    assert fds == [0, 1, 2, 3]
    assert count <= 5  # and the one that lists them
    assert keep


def test_a01_a04_only_the_runtime_is_readable_and_nothing_is_writable(worker: JailWorker) -> None:
    text = """
import os
def f(names):
    seen, written = [], []
    for name in names:
        if os.path.exists(name): seen.append(name)
    for folder, folders, files in os.walk("/"):
        if folder.startswith(("/proc", "/tmp", "/dev/shm")):
            folders[:] = []
            continue
        folders[:] = folders[:50]
        for way in (folder + "/x", *(folder + "/" + name for name in files[:3])):
            if way.startswith("/dev/"): continue
            try: os.close(os.open(way, os.O_WRONLY | os.O_CREAT))
            except OSError: continue
            written.append(way)
    return seen, written, sorted(os.listdir("/"))
"""
    hidden = [str(ROOT / name) for name in ("evaluators", "sandbox", "heuresis", ".git", "tests")]
    hidden += ["/root/.bashrc", "/home", "/var", "/sys", "/etc/shadow", "/run"]
    seen, written, top = run(worker, text, hidden)  # type: ignore[misc]
    assert seen == []
    assert written == []
    assert {"usr", "tmp", "dev", "proc", "etc"} <= set(top)


def test_a04_every_mount_but_the_private_ones_is_read_only_without_setuid_and_devices(worker: JailWorker) -> None:
    text = """
def f():
    with open("/proc/self/mountinfo") as file: return [line.split()[4:6] for line in file]
"""
    mounts = {where: set(flags.split(",")) for where, flags in run(worker, text)}  # type: ignore[attr-defined]
    assert {where for where, flags in mounts.items() if "rw" in flags and not where.startswith("/dev/")} == {"/tmp"}
    assert {where for where, flags in mounts.items() if "nosuid" not in flags} == set()
    nodes = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")}
    assert {where for where, flags in mounts.items() if "nodev" not in flags} <= nodes
    assert {where for where in mounts if where.startswith("/dev/")} == nodes | {"/dev/shm"}


def test_a21_the_network_namespace_is_empty(worker: JailWorker) -> None:
    text = """
import os
def f():
    with open("/proc/net/dev") as file: names = [line.split(":")[0].strip() for line in file.readlines()[2:]]
    return names, os.readlink("/proc/self/ns/net"), os.uname().nodename
"""
    names, net, host = run(worker, text)  # type: ignore[misc]
    made_by_the_kernel = {"lo", "sit0", "tunl0", "ip6tnl0", "ip_vti0", "ip6_vti0", "gre0", "gretap0", "erspan0"}
    assert set(names) <= made_by_the_kernel
    assert net != os.readlink("/proc/self/ns/net")
    assert host == "jail"


def test_a17_a18_no_process_of_the_host_is_visible_or_reachable(worker: JailWorker) -> None:
    text = """
import ctypes, os
def f(pids):
    reached = []
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in pids:
        try: os.kill(pid, 0); reached.append(pid)
        except OSError: pass
        if os.path.exists(f"/proc/{pid}"): reached.append(pid)
        if libc.ptrace(16, pid, 0, 0) == 0: reached.append(pid)
    return reached, os.getpid(), os.getppid(), [n for n in os.listdir("/proc") if n.isdigit()]
"""
    pids = [pid for pid in (os.getpid(), os.getppid()) if pid != 1]
    assert run(worker, text, pids) == ([], 1, 0, ["1"])


def test_a21_no_socket_leads_out(worker: JailWorker, tmp_path: Path) -> None:
    text = """
import socket
def f(port, path, name):
    out = []
    for family, kind, where in ((socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
                                (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
                                (socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)),
                                (socket.AF_UNIX, socket.SOCK_STREAM, path),
                                (socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + name)):
        try:
            with socket.socket(family, kind) as s:
                s.connect(where)
                out.append((int(family), int(kind)))
        except OSError: pass
    for family in (16, 17, 38, 40, 44):  # netlink, packet, alg, vsock, xdp
        for kind in (1, 2, 3, 5):
            try: socket.socket(family, kind).close(); out.append((family, kind))
            except OSError: pass
    return out
"""
    name = secrets.token_hex(8)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as pathname,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        pathname.bind(str(tmp_path / "s"))
        pathname.listen()
        abstract.bind("\0" + name)
        abstract.listen()
        assert run(worker, text, tcp.getsockname()[1], str(tmp_path / "s"), name) == []
        for listener in (tcp, pathname, abstract):
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_a22_a49_nothing_is_left_for_the_next_program(worker: JailWorker) -> None:
    text = """
import ctypes, os, socket
def f():
    seen = sorted(os.listdir("/tmp")) + sorted(os.listdir("/dev/shm"))
    for folder in ("/tmp", "/dev/shm"): open(folder + "/left", "w").close()
    seen.append(ctypes.CDLL(None).shmget(1234, 100, 0o1666))
    listener = socket.socket(socket.AF_UNIX)
    try: listener.connect("\\0left"); seen.append("abstract")
    except OSError: pass
    listener = socket.socket(socket.AF_UNIX); listener.bind("\\0left"); listener.listen()
    return seen
"""
    first = run(worker, text)  # "program", and where this checkout lies below /tmp, the way to its packages
    assert "program" in first
    assert {"left", "abstract"}.isdisjoint(first)
    assert first[-1] == -1
    assert run(worker, text) == first


def test_a35_privileged_calls_are_refused_and_threads_still_start(worker: JailWorker) -> None:
    text = """
import ctypes, errno, os, platform, threading
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    def number(*words):
        ctypes.set_errno(0)
        result = libc.syscall(*words)
        return 0 if result >= 0 else ctypes.get_errno()
    x86 = platform.machine() == "x86_64"
    out = {
        "unshare user": number(272 if x86 else 97, 0x10000000), "setns": number(308 if x86 else 268, 0, 0),
        "mount": number(165 if x86 else 40, 0, 0, 0, 0, 0), "ptrace": number(101 if x86 else 117, 0, 0, 0, 0),
        "bpf": number(321 if x86 else 280, 0, 0, 0), "userfaultfd": number(323 if x86 else 282, 0),
        "io_uring_setup": number(425, 1, 0), "keyctl": number(250 if x86 else 219, 0, 0),
        "perf_event_open": number(298 if x86 else 241, 0, 0, 0, 0, 0), "open_tree": number(428, 0, 0, 0),
        "pidfd_getfd": number(438, 0, 0, 0), "mknod": number(259 if x86 else 33, -100, b"/tmp/n", 0o60666, 0x800),
        "clone user": number(56 if x86 else 220, 0x10000000 | 17, 0, 0, 0, 0),
    }
    clone3 = number(435, 0, 0)
    above = number(1000)
    status = open("/proc/self/status").read()
    caps = {line.split(":")[0]: int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")}
    thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
    became_root = os.path.exists("/usr/bin/su") and os.system("/usr/bin/su -c true >/dev/null 2>&1 </dev/null") == 0
    refused = sorted(k for k, v in out.items() if v != errno.EPERM)
    return refused, clone3, above, set(caps.values()) == {0}, os.getuid(), \
        "NoNewPrivs:\\t1" in status, "Seccomp:\\t2" in status, not became_root
"""
    import errno

    uid = 65534 if os.getuid() == 0 else os.getuid()
    assert run(worker, text) == ([], errno.ENOSYS, errno.ENOSYS, True, uid, True, True, True)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x32 numbers exist on x86_64 only")
def test_a35_another_architectures_numbers_kill(worker: JailWorker) -> None:
    from heuresis.sandbox.protocol import JailEnded

    text = "import ctypes\ndef f(): ctypes.CDLL(None).syscall(0x40000000 + 39)"
    with (
        worker.start(Program.of(text), ("f",), Limits(), 0) as session,
        pytest.raises(JailEnded, match="SIGSYS"),
    ):
        session.call([Call("f")])


def test_a36_kernel_switches_cannot_be_written(worker: JailWorker) -> None:
    text = """
import os
def f():
    done = []
    for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory",
                 "/proc/self/oom_score_adj", "/proc/self/uid_map"):
        try:
            with open(path, "w") as file: file.write("0")
            done.append(path)
        except OSError: pass
    return done
"""
    assert run(worker, text) == []


def test_a40_processor_share_is_capped(worker: JailWorker) -> None:
    if worker.isolation.endswith("nocgroup"):
        pytest.skip("no writable control group: the share is not capped, and the row says so")
    text = """
import os, time
def f():
    for _ in range(8):
        if os.fork() == 0:
            while True: pass
    time.sleep(1.0)
    return 1
"""
    with worker.start(Program.of(text), ("f",), Limits(), 0) as session:
        session.call([Call("f")])
        usage = session.usage
    assert usage.cpu_seconds < 1.3 * (usage.wall_seconds + 0.2)


OWNER = """
import os, sys, time
sys.path.insert(0, {root!r})
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call
from heuresis.sandbox.worker import open_worker
worker = open_worker()
session = worker.start(Program.of({text!r}), ("f",), Limits(), 0)
session.send([Call("f")])
print(os.getpid(), flush=True)
time.sleep(100)
"""
DAEMON = """
import os, time
def f():
    if os.fork() == 0:
        os.setsid()
        while True: time.sleep(0.1)
    while True: pass
"""


def descendants(pid: str) -> list[str]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [*children, *(deeper for child in children for deeper in descendants(child))]


def test_an_owner_that_is_killed_leaves_nothing() -> None:
    script = OWNER.format(root=str(ROOT), text=DAEMON)
    command = [sys.executable, "-c", script]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
    assert owner.stdout is not None
    assert owner.stdout.readline().strip() == str(owner.pid)
    time.sleep(0.3)
    family = descendants(str(owner.pid))
    assert len(family) >= 4  # supervisor, warm parent, child, its daemon
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    for _ in range(500):
        left = [pid for pid in family if os.path.exists(f"/proc/{pid}") and not is_zombie(pid)]
        if not left:
            break
        time.sleep(0.02)
    assert left == []
    with open_worker():  # sweeps the groups of dead owners
        groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/**/heuresis-{owner.pid}-*")]
    assert groups == []


def is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
