"""A leased GPU in use: chosen by name, proved before each program, watched while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox.gpu import Device, find_devices, free_bytes, used_bytes
from heuresis.sandbox.leases import Lease, LeaseBook, default_folder
from heuresis.sandbox.meter import family

_UNSEEN = (
    "the driver does not show what one process holds of a shared GPU (in a container it needs the host's process "
    "numbers); only a whole device can be leased here"
)
_ON_CPU = "With --device cpu it runs on the processor."


class Prover(Protocol):
    """What a session can do for a leased device."""

    gpu_bytes: Callable[[], int | None]

    def prove_device(self, device_uuid: str) -> None:
        """The child uses the device before the program is loaded. Raises `Unavailable`."""
        ...


class LeasedDevice:
    """One worker's lease, from its start to its `close`."""

    def __init__(self, lease: Lease, book: LeaseBook) -> None:
        self.lease = lease
        self._book = book

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.lease.device.nodes

    def prove(self, session: Prover) -> None:
        """The health check before every program. Raises `Unavailable`; three faults in a row quarantine the device."""
        device = self.lease.device
        reason = self._book.quarantine(device)
        if reason:
            raise Unavailable(f"cuda:{device.index} ({device.name}) is {reason}")
        try:
            session.prove_device(device.uuid)
        except Unavailable as error:
            self._book.report_fault(device, str(error))
            raise
        self._book.report_health(device)
        if session.gpu_bytes() is None and self.lease.memory_bytes < device.memory_bytes:
            raise Unavailable(_UNSEEN)

    def watch(self, pid: int) -> Callable[[], int | None]:
        """Reads what the process and its descendants hold of the device, None when the driver shows none of them."""
        return lambda: used_bytes(self.lease.device, family(pid))

    def close(self) -> None:
        self.lease.close()


def lease_device(device: str, memory_bytes: int) -> LeasedDevice | None:
    """What `--device` (`auto`, `cpu`, `cuda:N`, `GPU-UUID`) means for a program that may use so much GPU memory.

    None: the processor. Raises `ConfigError`, and `Unavailable` when there is no device or no room: a program that was
    promised a GPU never runs on the processor instead.
    """
    if device == "cpu" or (device == "auto" and memory_bytes == 0):
        return None
    if memory_bytes == 0:
        raise ConfigError("device", "auto or cpu: the problem asks for no GPU memory", device)
    check_word(device)
    try:
        devices = choose(find_devices(), device)
        book = LeaseBook(default_folder(), free_bytes)
        return LeasedDevice(book.lease(devices, memory_bytes), book)
    except Unavailable as error:
        raise Unavailable(f"{error}. {_ON_CPU}") from error


def check_word(device: str) -> None:
    """Raises `ConfigError` for what cannot name a device."""
    if device in ("auto", "cpu") or device.startswith("GPU-"):
        return
    kind, _, number = device.partition(":")
    if kind != "cuda" or not number.isascii() or not number.isdigit():
        raise ConfigError("device", "auto, cpu, cuda:NUMBER or the GPU-... name of a device", device)


def choose(devices: Sequence[Device], device: str) -> list[Device]:
    """Those that the word names, at least one. Raises `Unavailable`."""
    found = [one for one in devices if device in ("auto", f"cuda:{one.index}", one.uuid)]
    if not found:
        names = ", ".join(f"cuda:{one.index}" for one in devices)
        raise Unavailable(f"there is no device {device} on this machine, only {names}")
    return found
