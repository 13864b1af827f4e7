"""Folders of the host for programs whose jail shows no /tmp of its own: one per session, gone after it."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heuresis.sandbox.meter import Meter

_FILES = 16384


class Scratch:
    """One folder per worker with one in it per session. As root the folders belong to `user` where a jail is used."""

    def __init__(self, jailed: bool, user: int) -> None:
        self.path = tempfile.mkdtemp(prefix=f"heuresis-{os.getpid()}-")
        self._owner = os.getpid()
        atexit.register(self.close)
        self._user = user
        self._foreign = jailed and os.getuid() == 0
        self._number = 0
        if self._foreign:
            os.chmod(self.path, 0o711)

    def fresh(self) -> str:
        """A new, empty folder; the one of before is removed."""
        remove_tree(f"{self.path}/{self._number}")
        self._number += 1
        folder = f"{self.path}/{self._number}"
        os.mkdir(folder, 0o700)
        if self._foreign:
            os.chown(folder, self._user, -1)
        return folder

    def close(self) -> None:
        """Also played when its owner exits; when that is killed, by the process that watches it."""
        atexit.unregister(self.close)
        if os.getpid() == self._owner:
            remove_tree(self.path)


class FolderMeter:
    """A meter to which a program's files count as memory, as they do where its /tmp is memory."""

    def __init__(self, meter: Meter, folder: str, memory_bytes: int) -> None:
        self._meter = meter
        self._folder = folder
        self._limit = memory_bytes

    def cpu_seconds(self) -> float:
        return self._meter.cpu_seconds()

    def memory_bytes(self) -> int:
        return self._meter.memory_bytes()

    def out_of_memory(self) -> bool:
        return self._meter.out_of_memory() or self._files() > self._limit

    def memory_of_others(self) -> bool:
        return self._meter.memory_of_others()

    def _files(self) -> int:
        """Bytes below the folder; a number of files that no honest program writes counts as above every limit."""
        size, seen, folders = 0, 0, [self._folder]
        while folders:
            with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:  # gone, or closed by its maker
                for entry in entries:
                    seen += 1
                    if seen > _FILES:
                        return sys.maxsize
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        with contextlib.suppress(OSError):
                            size += entry.stat(follow_symlinks=False).st_blocks * 512
        return size


def remove_tree(path: str) -> None:
    """However deep, and whatever rights its folders were given."""
    if not os.path.lexists(path):
        return
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):  # closed folders, or a tree deeper than Python's stack
        _force(path)


def _force(path: str) -> None:
    if _quiet("/bin/rm", "-rf", "--one-file-system", path) != 0:
        _quiet("/bin/chmod", "-R", "u+rwx", path)
        _quiet("/bin/rm", "-rf", "--one-file-system", path)


def _quiet(*command: str) -> int:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env={}, check=False).returncode
