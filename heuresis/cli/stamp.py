"""The stamp on scores that a program may have forged."""

from __future__ import annotations

from heuresis.cli.output import say

SELF_REPORTED = "SELF_REPORTED"
MEANING = f"{SELF_REPORTED}: program and evaluator share one jail, so a program can forge its score."


def stamp(self_reported: bool) -> str:
    """What stands behind such a score; empty behind a refereed one."""
    return f"  {SELF_REPORTED}" if self_reported else ""


def tell_stamp(self_reported: bool) -> None:
    """A line of its own; nothing for refereed scores."""
    if self_reported:
        say(MEANING, "bold yellow")
