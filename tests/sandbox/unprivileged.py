"""Runs a command as user 1000 without any privilege, even where this Python lies in a folder only root may enter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

USER = 1000


def closed_ancestor(path: str) -> Path | None:
    """The topmost folder on the way to `path` that other users may not enter."""
    for folder in reversed([Path(path), *Path(path).parents]):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def opening_script(paths: Sequence[str]) -> str:
    """Shell lines that, in a private mount namespace, lay an open folder with only `path` over each closed one."""
    lines = []
    for path in paths:
        closed = closed_ancestor(path)
        if closed is not None:
            lines += [
                f"mount --bind {path} /mnt",
                f"mount -t tmpfs -o mode=755 tmpfs {closed}",
                f"mkdir -p {path}",
                f"mount --move /mnt {path}",
            ]
    return "\n".join(lines)


def unprivileged(command: Sequence[str], cwd: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Play `command` as user 1000. Only root can do that."""
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *command]
    return in_the_open(drop, cwd, timeout, {"HEURESIS_UNPRIVILEGED": "1"})


def in_the_open(
    command: Sequence[str], cwd: str, timeout: float = 600, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Play `command` as root where everybody may read this Python. Only root can do that."""
    script = f"set -e\n{opening_script([os.path.realpath(sys.base_prefix)])}\nexec " + ' "$@"'
    plain = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "HEURESIS_IN_THE_OPEN": "1"}
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command],
        cwd=cwd, timeout=timeout, capture_output=True, text=True, env={**plain, **(environment or {})},
    )  # fmt: skip
