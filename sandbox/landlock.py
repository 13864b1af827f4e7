"""Landlock: a second wall inside the jail, for files, TCP, abstract sockets and signals."""

from __future__ import annotations

import os
import struct

from heuresis.sandbox import linux

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


def restrict(abi: int) -> None:
    """Writes only under /tmp and /dev/shm; no TCP (ABI 4); no abstract sockets or signals outside the jail (ABI 6)."""
    if abi < 1:
        return
    files = _handled(abi)
    attributes = struct.pack("Q", files)
    if abi >= 4:
        attributes += struct.pack("Q", _TCP_BOTH)
    if abi >= 6:
        attributes += struct.pack("Q", _SCOPE_BOTH)
    ruleset = linux.landlock_ruleset(attributes)
    for folder in ("/tmp", "/dev/shm"):
        linux.landlock_allow(ruleset, folder, files)
    for node in _WRITABLE_NODES:
        if os.path.exists(node):
            linux.landlock_allow(ruleset, node, files & (_WRITE_FILE | _TRUNCATE | _IOCTL_DEV))
    linux.landlock_restrict(ruleset)
    os.close(ruleset)
