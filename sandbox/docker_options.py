"""What a container may do and use: the arguments of docker's API, and nothing that asks the daemon."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from heuresis.program import Limits
from heuresis.sandbox.docker_profile import seccomp_profile
from heuresis.sandbox.jail import NOBODY

CONTROL = "/control"
"""Where a container finds the folder with the socket of its owner."""
_PROCESSES = 1024
"""Until the first program's own limit is set; and above it where no control group can be written."""


@dataclass(frozen=True)
class ContainerOptions:
    """One container's walls. Unequal options may give a program another view of its container."""

    runtime: str = ""
    """Of the daemon (`runsc`); empty: its default."""
    profile: str | None = None
    """Seccomp, as JSON; None: ours; empty: the daemon's own, in which no namespace can be made."""
    device_uuid: str = ""
    """Of the leased GPU, the only one that is passed in; empty: none."""

    def for_gpu(self, config: Mapping[str, Any]) -> ContainerOptions:
        return replace(self, device_uuid=config.get("device_uuid", ""))

    def security(self, has_apparmor: bool) -> list[str]:
        profile = seccomp_profile() if self.profile is None else self.profile
        words = ["no-new-privileges:true", *([f"seccomp={profile}"] if profile else [])]
        return [*words, "apparmor=unconfined"] if has_apparmor and self.profile is None else words

    def host_config(self, has_apparmor: bool, folder: str | None, memory_bytes: int) -> dict[str, Any]:
        """`HostConfig` of docker's API. `folder` holds the owner's socket; None: there is none."""
        small = f"size={Limits().file_bytes},nr_inodes=16384,nosuid,nodev,mode=1777"
        found: dict[str, Any] = {
            "NetworkMode": "none", "ReadonlyRootfs": True, "CapDrop": ["ALL"], "IpcMode": "private",
            "SecurityOpt": self.security(has_apparmor), "Tmpfs": {"/tmp": small, "/dev/shm": small},
            "PidsLimit": _PROCESSES, "Memory": memory_bytes, "MemorySwap": memory_bytes,
            "NanoCpus": (os.cpu_count() or 1) * 10**9, "Ulimits": [{"Name": "core", "Soft": 1, "Hard": 1}],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "64k"}},
        }  # fmt: skip
        if self.profile is None:  # a program's own /proc can only be mounted where nothing of this one is hidden
            found |= {"MaskedPaths": [], "ReadonlyPaths": []}
        if self.runtime:
            found["Runtime"] = self.runtime
        if folder is not None:  # it ends with its owner, and is then removed by the daemon
            found |= {"Binds": [f"{folder}:{CONTROL}:ro"], "AutoRemove": True}
        if self.device_uuid:
            found["DeviceRequests"] = [
                {"Driver": "nvidia", "DeviceIDs": [self.device_uuid], "Capabilities": [["gpu", "compute", "utility"]]}
            ]
        return found


def plain_user() -> tuple[int, int]:
    """Who everything in a container is: nobody; for an owner without rights, the owner."""
    return (NOBODY, NOBODY) if os.getuid() == 0 else (os.getuid(), os.getgid())
