"""`Sentinel`: a program whose place in the order of scores is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass

NO_OP, RANDOM, KNOWN_GOOD = "no-op", "random", "known good"
"""Names that `heuresis problem check` knows: it makes the first two where a problem has none, and takes the best seed
for the third."""


@dataclass(frozen=True)
class Sentinel:
    """A program of `Problem.sentinels`. They stand in the order their scores must come in, the lowest first."""

    source: str
    cheat: bool = False
    """It tries what a program should get nothing for. It has no place in the order and never stands above the best."""
