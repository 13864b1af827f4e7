"""A37, A38, A39: a GPU that is taken, asked to lie, or hung. Skipped in words where there is none."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest

from heuresis.errors import Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.gpu import find_devices, free_bytes
from heuresis.sandbox.protocol import Call, JailEnded, Tensor
from heuresis.sandbox.worker import JailWorker, open_worker

pytestmark = pytest.mark.gpu
GIB = 1 << 30
LIMITS = Limits(wall_seconds=20.0, cpu_seconds=20.0, memory_bytes=8 * GIB, gpu_memory_bytes=4 * GIB)
HONEST = "import torch\ndef f(x): return (x.double() @ x.double().T).sum()"


@pytest.fixture(scope="module")
def worker() -> Iterator[JailWorker]:
    try:
        find_devices()
    except Unavailable as missing:
        pytest.skip(str(missing))
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    with open_worker(("numpy", "torch"), gpu_memory_bytes=LIMITS.gpu_memory_bytes) as worker:
        yield worker


def ask(worker: JailWorker, text: str, limits: Limits = LIMITS) -> object:
    array = np.random.default_rng(3).random((64, 64))
    with worker.start(Program.of(text), ("f",), limits, 1) as session:
        answer = session.call([Call("f", (Tensor(array),))])[0]
    return answer.error or answer.value


@pytest.fixture(autouse=True)
def neighbour(worker: JailWorker) -> Iterator[None]:
    """The next program finds the device as it was."""
    before = ask(worker, HONEST)
    free = [free_bytes(device) for device in find_devices()]
    yield
    assert ask(worker, HONEST) == before
    assert all(now >= then - GIB for now, then in zip(map(free_bytes, find_devices()), free, strict=True))


def test_a37_memory_of_the_device_is_capped_and_given_back(worker: JailWorker) -> None:
    text = """
import time, torch
kept = []
def f(x):
    while True:
        kept.append(torch.zeros(1 << 28, dtype=torch.uint8, device=x.device))
        torch.cuda.synchronize(); time.sleep(0.02)
"""
    with pytest.raises(JailEnded, match="GPU memory limit") as ended:
        ask(worker, text)
    assert ended.value.ending == "memory"


def test_a38_work_on_a_side_stream_is_finished_before_the_answer_counts(worker: JailWorker) -> None:
    text = """
import torch
def f(x):
    with torch.cuda.stream(torch.cuda.Stream()):
        for _ in range(50): y = x @ x.T
    torch.cuda.Event.elapsed_time = lambda *a: 0.0
    return y
"""
    array = np.random.default_rng(3).random((64, 64))
    with worker.start(Program.of(text), ("f",), LIMITS, 1) as session:
        value = session.call([Call("f", (Tensor(array),))])[0].value
        assert session.usage.wall_seconds > 0
    assert type(value) is np.ndarray
    assert np.allclose(value, array @ array.T)


def test_a38_a_tensor_that_pretends_crosses_as_plain_numbers_or_not_at_all(worker: JailWorker) -> None:
    text = """
import torch
class Lazy(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return 1e9
def f(x): return torch.zeros(3, device=x.device).as_subclass(Lazy)
"""
    value = ask(worker, text)
    assert isinstance(value, (str, np.ndarray))


def test_a39_a_kernel_that_never_ends_is_killed(worker: JailWorker) -> None:
    text = "import torch\ndef f(x):\n torch.cuda._sleep(1 << 50)\n torch.cuda.synchronize()"
    with pytest.raises(JailEnded) as ended:
        ask(worker, text, Limits(3.0, 20.0, 8 * GIB, gpu_memory_bytes=LIMITS.gpu_memory_bytes))
    assert ended.value.ending in ("wall", "cpu")


def test_a39_a_poisoned_context_ends_with_its_program(worker: JailWorker) -> None:
    text = """
import torch
def f(x):
    x[torch.tensor([10**6], device=x.device)] = 1
    torch.cuda.synchronize()
    return 1.0
"""
    try:
        end = str(ask(worker, text))
    except JailEnded as ended:
        end = str(ended.ending)
    assert "Error" in end or end in ("crashed", "wall")
