"""No jail: a plain fork with the limits of setrlimit. For programs that are trusted."""

from __future__ import annotations

from typing import Any

from heuresis.sandbox.backends.base import FLAGS, WARM, Launched, launch_process
from heuresis.sandbox.runtime import describe


class Bare:
    """Speaks the same protocol; protects nothing."""

    name = "none"
    jailed = False
    private_tmp = False
    covers = "nothing"
    misses = "everything: the program can do what you can do"

    def missing(self) -> str:
        return ""

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        return {**describe(runtime), "walls": "heuresis.sandbox.walls:NoWalls", "watched": True}

    def launch(self, config: dict[str, Any]) -> Launched:
        return launch_process([config["python"], *FLAGS, WARM])
