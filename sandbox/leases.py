"""Who may use which GPU, and how much of its memory: a book of files that all our processes of one user share.

A lease is a file that its owner holds locked (flock). The kernel lets go of the lock when the owner ends, however it
ends; whoever looks next finds the file unlocked and removes it. So no lease outlives its owner, and none needs renewal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox.gpu import Device

WHOLE_DEVICE = 1 << 62
"""As `gpu_memory_bytes`: the device alone."""
_FAULTS = 3
"""After so many in a row a device is left alone ..."""
_QUARANTINE_SECONDS = 3600.0
"""... for so long; then one more fault is enough again."""
_PREFIX = "lease-"


@dataclass(frozen=True)
class Lease:
    """A share of one device, held by this process until `close`."""

    device: Device
    memory_bytes: int
    path: str
    fd: int

    def close(self) -> None:
        """Called once."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        os.close(self.fd)


def default_folder() -> str:
    """Per user: leases of one user's processes know of each other, those of different users do not."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        return os.path.join(runtime, "heuresis-gpu")
    return os.path.join(tempfile.gettempdir(), f"heuresis-gpu-{os.geteuid()}")


class LeaseBook:
    """Leases and faults of the devices. Every method may be called from any process of the user at any time."""

    def __init__(self, folder: str, free: Callable[[Device], int], clock: Callable[[], float] = time.time) -> None:
        """`free`: bytes of a device that nobody has allocated, of other users neither."""
        self._folder = folder
        self._free = free
        self._clock = clock

    def lease(self, devices: Sequence[Device], memory_bytes: int) -> Lease:
        """A share of the device with the most room among these. Raises `Unavailable`, saying why of each device."""
        reasons = []
        for device in sorted(devices, key=lambda device: self._room(device), reverse=True):
            with self._locked(device):
                reason = self.quarantine(device) or self._shortage(device, memory_bytes)
                if not reason:
                    return self._write(device, min(memory_bytes, device.memory_bytes))
                reasons.append(f"cuda:{device.index} ({device.name}): {reason}")
        raise Unavailable(f"no GPU for {_size(memory_bytes)}: {'; '.join(reasons) or 'there is none'}")

    def leased_bytes(self, device: Device) -> int:
        """Of all leases that are held at the moment; leases of dead owners are removed."""
        with self._locked(device):
            return sum(self._held(device))

    def report_fault(self, device: Device, reason: str) -> None:
        """The device did not do what was asked of it; a program's own mistake is no fault of the device."""
        with self._locked(device):
            count, _, _ = self._faults(device)
            text = json.dumps({"count": count + 1, "last": self._clock(), "reason": reason[:300]})
            with open(self._path(device, "faults.new"), "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(self._path(device, "faults.new"), self._path(device, "faults"))

    def report_health(self, device: Device) -> None:
        """It did: earlier faults are forgotten."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(device, "faults"))

    def quarantine(self, device: Device) -> str:
        """Why the device is left alone, or empty."""
        count, last, reason = self._faults(device)
        left = last + _QUARANTINE_SECONDS - self._clock()
        if count < _FAULTS or left <= 0:
            return ""
        return f"quarantined for {left / 60:.0f} more minutes after {count} faults in a row, the last: {reason}"

    def _room(self, device: Device) -> int:
        return device.memory_bytes - self.leased_bytes(device)

    def _shortage(self, device: Device, memory_bytes: int) -> str:
        held = self._held(device)
        if memory_bytes >= WHOLE_DEVICE:
            return f"{len(held)} leases are held" if held else ""
        room = device.memory_bytes - sum(held)
        if memory_bytes > room:
            return f"{_size(room)} of {_size(device.memory_bytes)} are not leased"
        free = self._free(device)
        return f"{_size(free)} are free, others use the rest" if memory_bytes > free else ""

    def _write(self, device: Device, memory_bytes: int) -> Lease:
        path = self._path(device, _PREFIX + secrets.token_hex(8))
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(fd, str(memory_bytes).encode())
        return Lease(device, memory_bytes, path, fd)

    def _held(self, device: Device) -> list[int]:
        folder = self._path(device)
        names = [name for name in os.listdir(folder) if name.startswith(_PREFIX)]
        return [size for name in names if (size := _held_bytes(f"{folder}/{name}")) is not None]

    def _faults(self, device: Device) -> tuple[int, float, str]:
        try:
            with open(self._path(device, "faults"), encoding="utf-8") as file:
                found = json.load(file)
        except FileNotFoundError:
            return 0, 0.0, ""
        return int(found["count"]), float(found["last"]), str(found["reason"])

    def _path(self, device: Device, name: str = "") -> str:
        """Within the device's own folder, which is made where it is missing."""
        _own_folder(self._folder)
        folder = os.path.join(self._folder, device.uuid)
        os.makedirs(folder, 0o700, exist_ok=True)
        return os.path.join(folder, name) if name else folder

    @contextlib.contextmanager
    def _locked(self, device: Device) -> Iterator[None]:
        """One process at a time writes to a device's part of the book; the lock ends with its holder."""
        fd = os.open(self._path(device, "book"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _held_bytes(path: str) -> int | None:
    """The size of a lease, None (and the file removed) when nobody holds it any more."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # closed while we looked
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(fd, 32, 0) or b"0")
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return None
    finally:
        os.close(fd)


def _own_folder(path: str) -> None:
    """Made for us alone. Raises `ConfigError` for one that somebody else could write to."""
    os.makedirs(path, 0o700, exist_ok=True)
    status = os.lstat(path)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022 or os.path.islink(path):
        raise ConfigError(
            "GPU leases", "a folder that only we can write to", path, "Remove it, or set XDG_RUNTIME_DIR."
        )


def _size(count: int) -> str:
    return "a whole device" if count >= WHOLE_DEVICE else f"{count / (1 << 30):.3g} GiB"
