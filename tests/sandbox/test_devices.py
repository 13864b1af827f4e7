"""From the promise of a GPU to the jailed program, as far as a machine without one goes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from heuresis.errors import ConfigError, Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox import cuda
from heuresis.sandbox.backends.namespaces import Namespaces
from heuresis.sandbox.gpu import Device, find_devices
from heuresis.sandbox.leased import LeasedDevice
from heuresis.sandbox.leases import LeaseBook
from heuresis.sandbox.protocol import Call, Tensor
from heuresis.sandbox.wire import CannotCross
from heuresis.sandbox.worker import JailWorker, open_worker

GIB = 1 << 30
GONE = Device("GPU-00000000-0000-0000-0000-00000000dead", 0, "Made up", 80 * GIB, ("/dev/null",))
PROGRAM = Program.of("open('/tmp/it-ran', 'w')\ndef f(x): return x")


def no_gpu() -> bool:
    try:
        return not find_devices()
    except Unavailable:
        return True


@pytest.mark.skipif(not no_gpu(), reason="this machine has a GPU")
def test_a_machine_without_a_gpu_says_what_is_missing_and_how_to_go_on() -> None:
    with pytest.raises(Unavailable, match=r"nvidia-ml-py|driver|no GPU.*--device cpu"):
        open_worker(gpu_memory_bytes=GIB)
    with open_worker(gpu_memory_bytes=GIB, device="cpu") as worker:
        assert worker.device == "cpu"


def test_a_program_that_was_promised_a_gpu_is_never_run_on_the_processor(tmp_path: Path) -> None:
    book = LeaseBook(str(tmp_path / "book"), lambda device: device.memory_bytes)
    leased = LeasedDevice(book.lease([GONE], GIB), book)
    with JailWorker(Namespaces(), ("numpy",), 1.0, leased) as worker:
        for _ in range(3):
            with pytest.raises(Unavailable, match="the leased GPU is not what was promised"):
                worker.start(PROGRAM, ("f",), Limits(gpu_memory_bytes=GIB), 0)
        with pytest.raises(Unavailable, match="quarantined"):
            worker.start(PROGRAM, ("f",), Limits(gpu_memory_bytes=GIB), 0)
    assert book.leased_bytes(GONE) == 0


def test_what_holds_a_device_open_is_seen() -> None:
    assert cuda.opened_nodes() == []
    fd = os.open("/dev/zero", os.O_RDONLY)
    try:
        assert cuda.opened_nodes("/dev/zero") == ["/dev/zero"]
    finally:
        os.close(fd)


def test_gpu_memory_below_nothing_is_the_users_mistake() -> None:
    with pytest.raises(ConfigError, match=r"limits\.gpu_memory_bytes"):
        Limits(gpu_memory_bytes=-1)


def test_a_tensor_arrives_on_the_sessions_device_and_comes_back_as_an_array() -> None:
    pytest.importorskip("torch", reason="needs torch")
    text = "import torch\ndef f(t): return [type(t).__name__, str(t.device), t * 2]\ndef g(t): return t + 1j"
    array = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    large = np.random.default_rng(0).random((300, 300))
    with (
        open_worker(runtime=("numpy", "torch")) as worker,
        worker.start(Program.of(text), ("f",), Limits(), 0) as session,
    ):
        for sent in (array, large, np.zeros((0, 4)), np.array(3.0)):
            kind, device, doubled = session.call([Call("f", (Tensor(sent),))])[0].value
            assert (kind, device) == ("Tensor", "cpu")
            assert doubled.dtype == sent.dtype
            assert np.array_equal(doubled, sent * 2)
        assert np.array_equal(session.call([Call("g", (Tensor(array),))])[0].value, array + 1j)


def test_a_tensor_needs_torch_in_the_runtime() -> None:
    with open_worker() as worker, worker.start(PROGRAM, ("f",), Limits(), 0) as session:
        with pytest.raises(CannotCross, match="torch is not in the runtime"):
            session.call([Call("f", (Tensor(np.ones(3)),))])
        assert session.call([Call("f", (1.0,))])[0].value == 1.0
