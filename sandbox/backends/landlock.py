"""Landlock and a strict filter: for ordinary containers, where no namespace may be made."""

from __future__ import annotations

import sys
from typing import Any

from heuresis.sandbox.backends.base import FLAGS, WARM, Launched, launch_process
from heuresis.sandbox.runtime import describe


class Landlock:
    """A program runs among the host's processes, in one process of its own, and reaches only what it was given.

    As root it becomes nobody. It may start threads but no processes, open no socket, signal nobody else, read only the
    interpreter and the runtime's packages, and write only to a folder that is removed after it.
    """

    name = "landlock"
    jailed = True
    private_tmp = False
    covers = "contents of files, processes, network, privileges, memory of others"
    misses = "kernel bugs, side channels, names and sizes of the host's files"

    def missing(self) -> str:
        if sys.platform != "linux":
            return "needs Linux"
        from heuresis.sandbox import linux

        return "" if linux.landlock_abi() else "this kernel has no Landlock (Linux 5.13), or it is switched off"

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        return {**describe(runtime), "walls": "heuresis.sandbox.walls_landlock:LandlockWalls", "watched": True}

    def launch(self, config: dict[str, Any]) -> Launched:
        return launch_process([config["python"], *FLAGS, WARM])
