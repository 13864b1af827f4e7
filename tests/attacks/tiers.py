"""Which jails the attacks are played on, and what a weaker one does not promise."""

from __future__ import annotations

import re

from heuresis.errors import HeuresisError
from heuresis.sandbox.backends import SHIPPED, probed, shipped_backend
from heuresis.sandbox.worker import probe_worker

TIERS = tuple(name for name in SHIPPED if name != "none")
NOT_PROMISED: dict[str, dict[str, str]] = {
    "landlock": {
        "A17": "processes of the same user are visible to it; Landlock keeps its signals in the jail",
        "A18": "processes of the same user are visible to it; ptrace is refused",
        "A19": "it shares /proc with its host",
        "A36": "it shares /proc with its host; the rights of a plain user protect it",
        "A42": "it can tell the jail from its host",
    }
}
"""Tier -> row -> why the row is not asked of it."""
IN_EVERY_RUN = frozenset(
    {
        "test_a01_no_file_of_the_exam_can_be_found",
        "test_a06_bytes_on_every_descriptor_are_a_violation",
        "test_a08_a_fork_bomb_stays_within_its_limit",
        "test_a09_a_daemon_does_not_outlive_its_session",
        "test_a11_memory_of_one_process_is_capped",
        "test_a14_a_program_that_ignores_everything_is_killed_at_the_deadline",
        "test_a20_the_environment_holds_nothing_of_ours",
        "test_a22_a49_nothing_is_left_for_the_next_program",
    }
)
"""Played on every tier in the default run; on the others the rest is slow. On `namespaces` all of them are played."""
_IDS = re.compile(r"a(\d\d)(?=_)")


def rows_of(name: str) -> list[str]:
    """The rows in a test's name: `test_a04_a34_words` -> A04, A34."""
    head = re.match(r"test_((?:a\d\d_)+)", name)
    return [f"A{number}" for number in _IDS.findall(head.group(1))] if head else []


def reason_against(tier: str) -> str:
    """Why a tier cannot be attacked on this machine; empty when its probe passed."""
    try:
        return probed(tier, shipped_backend(tier), probe_worker)
    except HeuresisError as error:
        return str(error)


def not_promised(tier: str, test: str, file: str) -> str:
    """Why a test is not asked of a tier; empty when it is."""
    if tier == "landlock" and file == "test_walls.py":
        return "these tests look at the walls of a root and of namespaces of its own, and it has neither"
    reasons = NOT_PROMISED.get(tier, {})
    return "; ".join(f"{row}: {reasons[row]}" for row in rows_of(test) if row in reasons)
