"""What a candidate prints: counted, its beginning kept, the rest thrown away."""

from __future__ import annotations

import os

_KEPT_BYTES = 8 << 10
_READ_BYTES = 1 << 16


class Output:
    """Drains a pipe without growing: at most 8 KiB are kept."""

    def __init__(self, fd: int, cap: int) -> None:
        self._fd = fd
        self._cap = cap
        self._kept = bytearray()
        self._open = True
        self.count = 0

    @property
    def above_cap(self) -> bool:
        return self.count > self._cap

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")

    def drain(self) -> bool:
        """Take what is there, up to just above the cap. False when every writer has closed."""
        while self._open and not self.above_cap:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                break
            except OSError:  # our end is closed already
                data = b""
            if not data:
                self._open = False
            self.count += len(data)
            self._kept += data[: _KEPT_BYTES - len(self._kept)]
        return self._open
