"""Named places where a test may kill the process, to show that nothing committed is lost. A testing aid, nothing more.

With the environment variable HEURESIS_FAILPOINT=NAME the process kills itself (SIGKILL: no clean-up runs) when it first
reaches that place; with NAME:3 when it reaches it the third time. Without the variable a call costs one comparison.
The variable is read once, when this module is imported.
"""

from __future__ import annotations

import os
import signal

from heuresis.errors import ConfigError

NAMES = (
    "campaign.before_commit",
    "campaign.after_create",
    "brief.before_commit",
    "brief.after_commit",
    "call.before_commit",
    "call.after_commit",
    "reply.before_commit",
    "reply.after_commit",
    "proposal.before_commit",
    "proposal.after_commit",
    "verdict.inside",
    "verdict.before_commit",
    "verdict.after_commit",
    "close.before_commit",
    "close.after_commit",
    "look.before_commit",
    "look.after_commit",
    "finish.before_commit",
    "finish.after_commit",
    "release.before",
    "release.after",
)
"""Every place there is. `verdict.inside` lies after the evaluation's rows and before the views."""

_wanted, _, _nth = os.environ.get("HEURESIS_FAILPOINT", "").partition(":")
if _wanted and (_wanted not in NAMES or not (_nth or "1").isdigit()):
    raise ConfigError("HEURESIS_FAILPOINT", f"NAME or NAME:COUNT with a name of {', '.join(NAMES)}", _wanted)
_left = int(_nth or "1")


def reach(name: str) -> None:
    """Kill this process here if the environment asks for it; else do nothing."""
    global _left
    if name != _wanted:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
