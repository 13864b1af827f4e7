"""A01, A04, A29, A30, A34, A47, A49: files, read and written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from heuresis.program import Limits
from heuresis.sandbox.runtime import find_installation
from tests.attacks.arena import ROOT, Arena


def test_a01_no_file_of_the_exam_can_be_found(arena: Arena, tmp_path: Path) -> None:
    canary = secrets.token_hex(16)
    key = secrets.token_hex(16)
    masked = bytes(a ^ b for a, b in zip(canary.encode(), key.encode(), strict=True))
    (tmp_path / "labels.txt").write_text(canary)
    text = """
import os
def readable(path):
    try: return bool(os.listdir(path)) if os.path.isdir(path) else bool(open(path).close() or True)
    except OSError: return False
def f(first, second, places):
    canary = bytes(a ^ b for a, b in zip(first, second))
    seen, looked = [place for place in places if readable(place)], 0
    for folder, folders, files in os.walk("/"):
        if folder in ("/proc", "/usr/share", "/usr/include"): folders[:] = []; continue
        for name in files:
            path = os.path.join(folder, name)
            if name.endswith((".txt", ".json", ".toml", ".db", ".env", ".cfg")) and os.path.isfile(path):
                looked += 1
                try:
                    with open(path, "rb") as file:
                        if canary in file.read(1 << 20): seen.append(path)
                except OSError: pass
    return seen, looked
"""
    ours = [str(ROOT / name) for name in (".git", "README.md", "agent", "evaluators", "tests")]  # .venv may be there
    places = [str(tmp_path), *ours, "/root/.ssh", "/home", "/var", "/run", "/etc/shadow"]
    places = [place for place in places if os.path.exists(place)]
    seen, looked = arena.value(text, key.encode(), masked, places, limits=Limits(wall_seconds=60, cpu_seconds=60))
    assert seen == []
    assert looked > 0 or arena.tier == "landlock"  # it may not list the folders above


def test_a01_a31_only_the_packages_of_the_runtime_can_be_imported(arena: Arena) -> None:
    text = """
import importlib
def f(names):
    found = []
    for name in names:
        try: found.append((name, importlib.import_module(name).__file__))
        except (ImportError, OSError): pass
    return found
"""
    ours = ["heuresis.evaluators.referee", "heuresis.archive.store", "heuresis.agent.desk", "evaluators"]
    assert arena.value(text, [*ours, "sqlalchemy", "openai", "pytest", "litellm"]) == []


def test_a01_folders_of_installed_packages_show_those_of_the_runtime_and_no_others(arena: Arena) -> None:
    if arena.tier == "landlock":
        pytest.skip("not promised by landlock: names of what is installed can be learnt, contents cannot")
    found = find_installation(("numpy",))
    text = """
import os
def f(folders):
    names = []
    for folder in folders:
        try: names += os.listdir(folder)
        except OSError: pass
    return names
"""
    shown = {
        os.path.basename(path) for path in found.packages
    } | {  # a package, or a folder on the way to one: an environment may lie within our own checkout
        Path(path).relative_to(folder).parts[0]
        for folder in found.covered
        for path in found.packages
        if Path(path).is_relative_to(folder)
    }
    assert set(arena.value(text, found.covered)) <= shown
    assert any(os.path.isdir(path) and os.listdir(path) for path in found.covered)


def test_a04_a34_nothing_that_another_program_loads_can_be_changed(arena: Arena) -> None:
    text = """
import json, os, sys
import numpy
def f():
    changed = []
    for module in (json, os, numpy):
        folder = os.path.dirname(module.__file__)
        cached = getattr(module, "__cached__", None) or ""
        for path in (module.__file__, folder + "/poison.py", folder + "/__pycache__/x.pyc", cached):
            for act in (lambda: open(path, "ab").close(), lambda: os.chmod(path, 0o777), lambda: os.unlink(path),
                        lambda: os.rename(path, "/tmp/x"), lambda: os.link(path, "/tmp/y"),
                        lambda: os.utime(path), lambda: os.truncate(path, 0)):
                try: act(); changed.append(path)
                except OSError: pass
    return changed, sys.dont_write_bytecode
"""
    assert arena.value(text) == ([], True)


def test_a29_an_archive_unpacks_only_into_its_own_tmp(arena: Arena) -> None:
    text = """
import io, os, tarfile
def f(target):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, link in (("../../../../../../escape", ""), (target, ""), ("way", "/"), ("way/etc/x", "")):
            info = tarfile.TarInfo(name)
            if link: info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info, None)
    data.seek(0)
    with tarfile.open(fileobj=data) as tar:
        for member in tar:
            try: tar.extract(member, "/tmp", filter="fully_trusted")
            except OSError: pass
    return [path for path in ("/escape", "/etc/x") if os.path.exists(path)]
"""
    target = f"/usr/heuresis-{secrets.token_hex(8)}"
    assert arena.value(text, target) == []
    assert not os.path.lexists(target)


def test_a30_descriptors_that_are_no_memory_are_refused(arena: Arena) -> None:
    """No file of the jail is ever opened by the referee; what can be handed over is a descriptor."""
    text = """
import os, socket, struct, time
def f(kind):
    if kind == "pipe": fd = os.pipe()[0]
    elif kind == "device": fd = os.open("/dev/zero", os.O_RDONLY)
    elif kind == "file": fd = os.open("/tmp/x", os.O_RDWR | os.O_CREAT); os.ftruncate(fd, 1 << 20)
    elif kind == "open": fd = os.memfd_create("a"); os.ftruncate(fd, 1 << 20)
    elif kind == "folder": fd = os.open("/", os.O_RDONLY)
    elif kind == "channel": fd = 3
    else: fd = os.open("/proc/self/mem", os.O_RDONLY)
    socket.send_fds(socket.socket(fileno=3), [struct.pack("<I", 1 | 1 << 31) + b"\\xc0"], [fd])
    time.sleep(100)
"""
    for kind in ("pipe", "device", "file", "open", "folder", "channel", "memory"):
        outcome = arena.play(text, kind)
        assert outcome.ending == "violation", (kind, outcome)
        assert "memfd" in outcome.reason


def test_a30_memory_cannot_be_swapped_after_the_check(arena: Arena) -> None:
    text = """
import fcntl, mmap, os, socket, struct, time
def f():
    fd = os.memfd_create("a", os.MFD_ALLOW_SEALING); os.ftruncate(fd, 1 << 20)
    view = mmap.mmap(fd, 1 << 20)
    try: fcntl.fcntl(fd, 1033, 2 | 4 | 8); sealed = True
    except OSError: sealed = False
    socket.send_fds(socket.socket(fileno=3), [struct.pack("<I", 1 | 1 << 31) + b"\\xc0"], [fd])
    time.sleep(100)
"""
    outcome = arena.play(text)  # a writable mapping forbids the seal: not sealed, not taken
    assert outcome.ending == "violation"
    assert "not sealed" in outcome.reason


def test_a47_nothing_can_be_installed(arena: Arena) -> None:
    text = """
import os, subprocess, sys
def f():
    done = subprocess.run([sys.executable, "-m", "pip", "install", "six"], capture_output=True, text=True, timeout=60)
    written = []
    for path in ("/etc/pip.conf", sys.prefix + "/pip.conf", "/usr/lib/python3/dist-packages/x.pth", "/etc/x"):
        try: open(path, "w").close(); written.append(path)
        except OSError: pass
    return done.returncode != 0, written
"""
    assert arena.value(text) == (True, [])


def test_a49_folders_caches_and_mounts_are_the_same_for_the_next_program(arena: Arena) -> None:
    text = """
import os, tempfile
from pathlib import Path
def f():
    kept = []
    for base in dict.fromkeys(("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), tempfile.gettempdir(),
                               os.path.expanduser("~/.cache"), os.getcwd())):
        path = Path(base) / "time-bomb"
        try:
            kept.append((base, path.exists()))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        except OSError: pass
    return kept, len(open("/proc/self/mountinfo").readlines()) if os.path.exists("/proc/self/mountinfo") else 0
"""
    first = arena.value(text)
    assert any(base == "/tmp" or base.startswith("/tmp") for base, _ in first[0])
    assert not any(found for _, found in first[0])
    assert arena.value(text) == first or arena.tier == "landlock"
    assert not any(found for _, found in arena.value(text)[0])


def test_a49_no_node_of_a_device_carries_a_mark(arena: Arena) -> None:
    """The nodes are those of the host: their times, rights and attributes would be seen by every later program."""
    text = """
import os
def f(nodes):
    marked = []
    for path in nodes:
        for act in (lambda: os.utime(path), lambda: os.utime(path, (1, 1)), lambda: os.chmod(path, 0o600),
                    lambda: os.chown(path, os.getuid(), os.getgid()), lambda: os.setxattr(path, "user.x", b"1")):
            try: act(); marked.append(path)
            except OSError: pass
        open(path, "wb").close()
    return marked
"""
    nodes = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
    assert arena.value(text, nodes) == []
