"""The seccomp profile of a container whose programs get namespaces of their own.

Docker's own profile refuses `unshare` and `mount` to a container without capabilities. This one lets a plain user make
namespaces, and refuses the rest of what our filter refuses. Each program is then under that filter itself, which takes
the namespaces away again. It is a deny list.
"""

from __future__ import annotations

import errno
import json

from heuresis.sandbox.seccomp import denied_names

_NEEDED = (
    "mount", "umount2", "pivot_root", "unshare", "setns", "sethostname", "mount_setattr",
)  # fmt: skip
"""By the warm parent and by a child until its walls are up."""
_ALSO = ("clone3",)


def seccomp_profile() -> str:
    """JSON, as docker's `--security-opt seccomp=` takes it."""
    refused = sorted(set(denied_names()) - set(_NEEDED))
    rules = [
        {"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
        {"names": list(_ALSO), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
    ]
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})
