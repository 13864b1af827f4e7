"""Does this process really have the GPU it was promised? Asked in the jailed child, after the fork and before any line
of a candidate; through the driver's own library, so that no framework is needed. The warm parent never calls it.
"""

from __future__ import annotations

import ctypes
import os
import uuid
from typing import Any

_PATTERN, _BYTES = 0xA5, 1 << 20


class _Refused(Exception):
    """A call of the driver failed."""


def device_trouble(device_uuid: str) -> str:
    """Starts CUDA on the device, writes to its memory and reads it back. Empty, or what went wrong."""
    os.environ["CUDA_VISIBLE_DEVICES"] = (
        device_uuid  # the only one whose nodes are here, and the only one to be counted
    )
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return f"the CUDA driver library cannot be loaded: {error}"
    try:
        return _wrong_device(library, device_uuid) or _wrong_memory(library)
    except _Refused as error:
        return str(error)


def _call(library: Any, name: str, *arguments: Any) -> None:
    code = getattr(library, name)(*arguments)
    if code:
        text = ctypes.c_char_p()
        library.cuGetErrorName(code, ctypes.byref(text))
        raise _Refused(f"{name} failed: {(text.value or b'error').decode(errors='replace')} ({code})")


def _wrong_device(library: Any, device_uuid: str) -> str:
    _call(library, "cuInit", 0)
    count = ctypes.c_int()
    _call(library, "cuDeviceGetCount", ctypes.byref(count))
    if count.value != 1:
        return f"CUDA sees {count.value} devices, not the 1 that was leased"
    found = (ctypes.c_ubyte * 16)()
    _call(library, "cuDeviceGetUuid", ctypes.byref(found), 0)
    seen = uuid.UUID(bytes=bytes(found))
    return "" if str(seen) == device_uuid.removeprefix("GPU-") else f"CUDA sees GPU-{seen}, not {device_uuid}"


def _wrong_memory(library: Any) -> str:
    context, place = ctypes.c_void_p(), ctypes.c_uint64()
    _call(library, "cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)  # the one that frameworks use too
    _call(library, "cuCtxSetCurrent", context)
    _call(library, "cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(_BYTES))
    _call(library, "cuMemsetD8_v2", place, ctypes.c_ubyte(_PATTERN), ctypes.c_size_t(_BYTES))
    back = ctypes.create_string_buffer(_BYTES)
    _call(library, "cuMemcpyDtoH_v2", back, place, ctypes.c_size_t(_BYTES))
    _call(library, "cuMemFree_v2", place)
    return "" if back.raw == bytes([_PATTERN]) * _BYTES else "its memory gave back other bytes than were written"


def opened_nodes(prefix: str = "/dev/nvidia") -> list[str]:
    """Device files that this process holds open or mapped: none, as long as nothing has started CUDA in it."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:  # the one that lists
            continue
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        found |= {line.split(maxsplit=5)[5].strip() for line in file if len(line.split(maxsplit=5)) == 6}
    return sorted(path for path in found if path.startswith(prefix))
