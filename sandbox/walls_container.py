"""The walls inside a container that the docker daemon has made, in which everything runs as a plain user.

The first process of the container stays outside of them: it ends the rest, and with it the container, when the owner's
end of the control channel is closed.
"""

from __future__ import annotations

import os
from typing import Any

from heuresis.sandbox.jail import ChildLimits
from heuresis.sandbox.walls import NamespaceWalls
from heuresis.sandbox.walls_landlock import LandlockWalls


class ContainerWalls(NamespaceWalls):
    """Every program gets namespaces of its own within the container, as it would on the host."""

    forks = True


class SoloWalls(LandlockWalls):
    """No namespace may be made in here: the container serves one program, which is walled in as in `landlock`.

    It shares the container with its warm parent, which holds nothing of the exam and cannot be reached from it.
    """

    forks = True

    def __init__(self, config: dict[str, Any]) -> None:
        config["scratch"] = "/tmp"  # the container's own
        super().__init__(config)

    def enter_child(self, limits: ChildLimits, folder: str) -> None:
        os.mkdir(folder, 0o700)
        super().enter_child(limits, folder)
