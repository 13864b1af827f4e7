"""Landlock: a second wall inside the jail, for files, TCP, abstract sockets and signals."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from heuresis.sandbox import linux

_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_WRITE_FILE, _TRUNCATE, _IOCTL_DEV = 1 << 1, 1 << 14, 1 << 15
_BASE_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # remove, make (all kinds)
_REFER = 1 << 13
_TCP_BOTH, _SCOPE_BOTH = 3, 3
_WRITABLE_NODES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def _handled(abi: int) -> int:
    """Every way to change a file that this kernel's Landlock knows. Reading is free: the root holds nothing to hide."""
    access = _BASE_WRITES
    if abi >= 2:
        access |= _REFER
    if abi >= 3:
        access |= _TRUNCATE
    if abi >= 5:
        access |= _IOCTL_DEV
    return access


def restrict(abi: int, devices: Sequence[str] = ()) -> None:
    """Writes only under /tmp and /dev/shm; no TCP (ABI 4); no abstract sockets or signals outside the jail (ABI 6).

    `devices` are nodes that may be used all the same: those of a leased GPU.
    """
    if abi < 1:
        return
    files = _handled(abi)
    ruleset = _open(abi, files)
    for folder in ("/tmp", "/dev/shm"):
        linux.landlock_allow(ruleset, folder, files)
    _allow_nodes(ruleset, devices, files & (_WRITE_FILE | _TRUNCATE | _IOCTL_DEV))
    linux.landlock_restrict(ruleset)
    os.close(ruleset)


def confine(abi: int, readable: Sequence[str], listable: Sequence[str], folder: str) -> None:
    """Where nothing is hidden: reads only of `readable`, names only of `listable`, writes only below `folder`.

    Nothing may be executed. Names, sizes and times of other files stay visible: Landlock does not guard them.
    """
    files = _handled(abi)
    ruleset = _open(abi, files | _EXECUTE | _READ_FILE | _READ_DIR)
    for path in readable:
        linux.landlock_allow(ruleset, path, _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0))
    for path in listable:
        linux.landlock_allow(ruleset, path, _READ_DIR)
    linux.landlock_allow(ruleset, folder, files | _READ_FILE | _READ_DIR)
    _allow_nodes(ruleset, (), _READ_FILE | (files & (_WRITE_FILE | _TRUNCATE | _IOCTL_DEV)))
    linux.landlock_restrict(ruleset)
    os.close(ruleset)


def _open(abi: int, files: int) -> int:
    attributes = struct.pack("Q", files)
    if abi >= 4:
        attributes += struct.pack("Q", _TCP_BOTH)
    if abi >= 6:
        attributes += struct.pack("Q", _SCOPE_BOTH)
    return linux.landlock_ruleset(attributes)


def _allow_nodes(ruleset: int, devices: Sequence[str], access: int) -> None:
    for node in (*_WRITABLE_NODES, *devices):
        if os.path.exists(node):
            linux.landlock_allow(ruleset, node, access)
