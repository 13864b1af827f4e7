"""Docker: one locked-down container per warm parent, and in it a jail of its own around every program.

The container has no network, a read-only root, no capability, a plain user and our seccomp profile. Where the daemon's
machine lets a plain user make namespaces, every program gets its own; where not, every program gets its own container.
"""

from __future__ import annotations

import json
import os
from typing import Any

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox.backends.base import FLAGS, Launched
from heuresis.sandbox.container import Container, start_container, sweep
from heuresis.sandbox.docker_image import BUILD, DEFAULT_TAG, PLACE, connect, daemon, find_image
from heuresis.sandbox.docker_options import ContainerOptions

IMAGE, RUNTIME = "HEURESIS_DOCKER_IMAGE", "HEURESIS_DOCKER_RUNTIME"
"""Environment variables: the image's tag, and the daemon's runtime (`runsc`); empty: ours, and the daemon's own."""


class Docker:
    """Works for whoever may talk to the daemon, which is as good as root. The programs' jail never sees the daemon."""

    name = "docker"
    jailed = True
    private_tmp = True
    covers = "files, processes, network, privileges, memory of others"
    misses = "kernel bugs (without runsc), side channels"

    def __init__(self, profile: str | None = None) -> None:
        """`profile` in place of ours: JSON as docker takes it; empty for the daemon's own, without namespaces."""
        self._profile = profile
        self._tag = os.environ.get(IMAGE) or DEFAULT_TAG
        self._runtime = os.environ.get(RUNTIME, "")

    def missing(self) -> str:
        try:
            with daemon() as client:
                self._check_runtime(client)
                find_image(client, self._tag)
                sweep(client)
        except Unavailable as error:
            return str(error)
        return ""

    def _check_runtime(self, client: Any) -> None:
        known = sorted(client.info().get("Runtimes", {}))
        if self._runtime and self._runtime not in known:
            hint = "The daemon's configuration names them (/etc/docker/daemon.json)."
            raise ConfigError(RUNTIME, f"one of the daemon's runtimes ({', '.join(known)})", self._runtime, hint)

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        with daemon() as client:
            image = find_image(client, self._tag)
            found = _look_inside(client, image, self._options, runtime)
        if "missing" in found:
            packages = " ".join(f"--with {name}" for name in runtime)
            raise ConfigError("runtime", f"packages of the image {self._tag}", found["missing"], f"{BUILD} {packages}")
        nested = found["refused"] == ""
        walls = "ContainerWalls" if nested else "SoloWalls"
        return {
            **found["installation"], "walls": f"heuresis.sandbox.walls_container:{walls}", "watched": False,
            "single_use": not nested, "why_single_use": found["refused"], "image": image,
        }  # fmt: skip

    def launch(self, config: dict[str, Any]) -> Launched:
        client = connect()
        try:
            command = [config["python"], *FLAGS, f"{PLACE}/heuresis/sandbox/warm.py"]
            return start_container(client, config["image"], command, self._options.for_gpu(config))
        except BaseException:
            client.close()
            raise

    def note(self) -> str:
        """How programs are kept apart on this machine, in words. Raises `Unavailable`."""
        config = self.configure(())
        if not config["single_use"]:
            return "one container per worker, and in it namespaces of its own for every program"
        return f"one container per program: no namespaces can be made inside ({config['why_single_use']})"

    @property
    def _options(self) -> ContainerOptions:
        return ContainerOptions(runtime=self._runtime, profile=self._profile)


_looks: dict[tuple[str, ContainerOptions, tuple[str, ...]], str] = {}
"""What was found in an image, as JSON; an image's id names its content, so it is looked at once."""


def _look_inside(client: Any, image: str, options: ContainerOptions, runtime: tuple[str, ...]) -> dict[str, Any]:
    key = image, options, runtime
    if key not in _looks:
        command = ["python3", "-s", "-P", f"{PLACE}/heuresis/sandbox/docker_inside.py", *runtime]
        with Container(client, image, command, options) as container:
            _looks[key] = container.output()
    return dict(json.loads(_looks[key]))
