"""A program that the kernel kills because others took the memory has not met its own limit: it is no verdict on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text("0")
import heuresis.sandbox.worker as sandbox
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call, JailEnded
text = "import time\\nkept = bytearray(b'x') * (40 << 20)\\ndef f():\\n time.sleep(20)"  # its end leaves room for ours
with sandbox.open_worker() as worker, worker.start(Program.of(text), ("f",), Limits(), 0) as session:
    session.send([Call("f")])
    kept = []
    try:
        while True:  # the jailed child is the kernel's first choice; then this ends, before it is the next one
            kept.append(bytearray(b"x") * (64 << 10))
            if session._child.meter.memory_of_others() or len(kept) > 12_800: break
        del kept
        session.call([Call("f")])
    except JailEnded as ended:
        print(ended.ending, ended.reason)
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A version 1 memory group of 300 MB, above which the owner and its worker's group live."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    own = [path for _, controllers, path in lines if controllers == "memory"]
    if not own:
        pytest.skip("needs the memory controller of control groups version 1")
    folder = Path(f"/sys/fs/cgroup/memory{own[0].rstrip('/')}/others-{os.getpid()}")
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(300 << 20))
        (folder / "memory.use_hierarchy").write_text("1")
    except OSError as error:
        pytest.skip(f"needs a writable memory group: {error}")
    yield folder
    for below in sorted(folder.rglob("*"), reverse=True):  # of an owner that was killed
        if below.is_dir():
            below.rmdir()
    folder.rmdir()


@pytest.mark.root
def test_a_program_that_is_killed_for_the_memory_of_others_is_no_verdict(group: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWNER, str(group)], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.startswith("unavailable the machine ran out of memory"), (
        done.returncode,
        done.stdout,
        done.stderr,
    )
