"""Programs that share a leased GPU; skipped, in words, without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from heuresis.program import Limits, Program
from heuresis.sandbox.gpu import find_devices, free_bytes
from heuresis.sandbox.protocol import Call, Ending, JailEnded, Tensor
from heuresis.sandbox.worker import JailWorker, open_worker

pytestmark = pytest.mark.gpu

GIB = 1 << 30
LIMITS = Limits(gpu_memory_bytes=2 * GIB, memory_bytes=8 * GIB, wall_seconds=60, cpu_seconds=60)
HONEST = "import torch\ndef f(t): return (t @ t).sum()"
HOARD = """
import torch, time
def f():
    kept = []
    while True:
        kept.append(torch.ones(1 << 28, dtype=torch.uint8, device="cuda"))
        torch.cuda.synchronize()
        time.sleep(0.05)
"""
NODES = "import os\ndef f(): return sorted(name for name in os.listdir('/dev') if name.startswith('nvidia'))"


@pytest.fixture
def pair() -> Iterator[tuple[JailWorker, JailWorker]]:
    """Two workers on one device."""
    pytest.importorskip("torch", reason="needs torch")
    name, runtime = f"cuda:{find_devices()[0].index}", ("numpy", "torch")
    with (
        open_worker(runtime, device=name, gpu_memory_bytes=2 * GIB) as one,
        open_worker(runtime, device=name, gpu_memory_bytes=2 * GIB) as other,
    ):
        yield one, other


def test_a_hoarder_is_ended_its_neighbour_goes_on_and_the_memory_comes_back(
    pair: tuple[JailWorker, JailWorker],
) -> None:
    device, sums = find_devices()[0], []
    before = free_bytes(device)

    def honest() -> None:
        with pair[1].start(Program.of(HONEST), ("f",), LIMITS, 0) as session:
            for _ in range(200):
                sums.append(float(session.call([Call("f", (Tensor(np.ones((512, 512), np.float32)),))])[0].value))

    thread = threading.Thread(target=honest)
    thread.start()
    with pair[0].start(Program.of(HOARD), ("f",), LIMITS, 0) as session, pytest.raises(JailEnded) as ended:
        session.call([Call("f")])
    thread.join()
    assert (ended.value.ending, ended.value.reason) == (Ending.MEMORY, "GPU memory limit of 2 GiB reached")
    assert sums == [512.0**3] * 200
    deadline = time.monotonic() + 60
    while free_bytes(device) < before - (256 << 20):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_only_the_nodes_of_the_leased_device_are_in_the_jail(pair: tuple[JailWorker, JailWorker]) -> None:
    with pair[0].start(Program.of(NODES), ("f",), LIMITS, 0) as session:
        names = session.call([Call("f")])[0].value
    assert len([name for name in names if name.removeprefix("nvidia").isdigit()]) == 1
