"""Words for the ways a jailed run ends."""

from __future__ import annotations

import signal

from heuresis.program import Limits


def memory_reason(limits: Limits) -> str:
    return f"memory limit of {_size(limits.memory_bytes)} reached"


def gpu_memory_reason(limits: Limits) -> str:
    return f"GPU memory limit of {_size(limits.gpu_memory_bytes)} reached"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:g} {unit}"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def is_texts(value: object) -> bool:
    """True for [str, str], the shape of every told error."""
    return type(value) is list and len(value) == 2 and all(type(item) is str for item in value)
