"""GPUs as the trusted side sees them: which there are, and who uses how much of their memory. Never starts CUDA."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from heuresis.errors import Unavailable

_SHARED_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm")
"""What CUDA opens besides the node of its device."""
_EXTRA = "pip install 'heuresis[gpu]'"


@dataclass(frozen=True)
class Device:
    """One GPU of this machine."""

    uuid: str
    """As of the driver, `GPU-...`; survives a restart, unlike the index."""
    index: int
    """Its number on this machine: `cuda:INDEX`."""
    name: str
    memory_bytes: int
    nodes: tuple[str, ...]
    """Device files that a program needs to use it."""


def find_devices() -> list[Device]:
    """Every GPU, by index. Raises `Unavailable`, saying whether the library, the driver or a device is missing."""
    nvml = _library()
    try:
        found = [_device(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        raise Unavailable(f"the GPUs of this machine cannot be listed: {error}") from error
    if not found:
        raise Unavailable("the NVIDIA driver is there, but this machine has no GPU")
    return found


@functools.cache
def _library() -> Any:
    """NVML, started. Stays open until this process ends."""
    try:
        import pynvml
    except ImportError as error:
        raise Unavailable(f"GPUs need the package nvidia-ml-py, which is not installed: {_EXTRA}") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise Unavailable(f"no NVIDIA driver answers on this machine ({error})") from error
    return pynvml


def _device(nvml: Any, index: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    nodes = (f"/dev/nvidia{nvml.nvmlDeviceGetMinorNumber(handle)}", *_SHARED_NODES)
    return Device(
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        index=index,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        nodes=tuple(node for node in nodes if os.path.exists(node)),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def free_bytes(device: Device) -> int:
    """What nobody has allocated at the moment. Raises `Unavailable`."""
    nvml = _library()
    try:
        return int(nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByUUID(device.uuid)).free)
    except nvml.NVMLError as error:
        raise Unavailable(f"{device.name} does not answer: {error}") from error


def used_bytes(device: Device, pids: Collection[int]) -> int | None:
    """Memory of the device that these processes hold; None when the driver shows none of them.

    The driver counts in the process numbers of the host. Raises `Unavailable`.
    """
    nvml = _library()
    try:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByUUID(device.uuid))
    except nvml.NVMLError as error:
        raise Unavailable(f"{device.name} does not answer: {error}") from error
    sizes = [process.usedGpuMemory for process in running if process.pid in pids]
    return None if not sizes or None in sizes else sum(map(int, sizes))
