"""Linux namespaces, capabilities, Landlock and seccomp; as root or, where allowed, as anybody."""

from __future__ import annotations

import os
import sys
from typing import Any

from heuresis.sandbox.backends.base import FLAGS, WARM, Launched, launch_process
from heuresis.sandbox.runtime import describe


class Namespaces:
    """Its warm parent starts as an ordinary process and leaves the host by itself, before any candidate comes."""

    name = "namespaces"
    jailed = True
    private_tmp = True
    covers = "files, processes, network, privileges, memory of others"
    misses = "kernel bugs, side channels"

    def missing(self) -> str:
        if sys.platform != "linux":
            return "needs Linux"
        return "" if os.path.isdir("/proc/self/ns") else "this kernel has no namespaces, or /proc is not mounted"

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        return {**describe(runtime), "walls": "heuresis.sandbox.walls:NamespaceWalls", "watched": True}

    def launch(self, config: dict[str, Any]) -> Launched:
        return launch_process([config["python"], *FLAGS, WARM])
