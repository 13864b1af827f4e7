"""What an audit comes to: lines that say what was played, findings, and the program without what it does not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from heuresis.archive.records import Event, TagValue

EVENT = "audit"
"""Kind of the event that keeps an audit."""


class Kind(StrEnum):
    """What a finding is about."""

    TABLE = "table"
    """The text holds answers rather than a way to them."""
    INVARIANCE = "invariance"
    """It does not hold on a variation of the instances."""
    FRESH = "fresh"
    """It does not hold on instances that it was not chosen on."""
    BOUND = "bound"
    """A result is better than can be."""


@dataclass(frozen=True)
class Finding:
    """Something a person should know before trusting the program."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Gap:
    """A difference of two scores (above 0: the first is better) and the interval that holds it at 95 %."""

    value: float
    low: float
    high: float
    count: int
    """Instances behind it; those that both have played."""


@dataclass(frozen=True)
class Line:
    """One thing that was played."""

    what: str
    expected: str
    """What must hold, in words; empty where nothing must."""
    count: int
    """Instances, of the tier `valid`."""
    value: float | None
    """In the first objective's metric; None when the program failed."""
    standard_error: float | None
    against: str
    """What it is compared with."""
    gap: Gap | None
    """The program against that, as scores: above 0 is better."""
    holds: bool
    reason: str = ""
    """Why it failed, where it did."""


@dataclass(frozen=True)
class Part:
    """A part of the program, and what happens without it."""

    what: str
    gap: Gap | None
    """Without it against the whole program; None when nothing is left that runs."""
    reason: str = ""


@dataclass(frozen=True)
class Minimal:
    """The program without what it does not need."""

    text: str
    nodes_before: int
    nodes: int
    """Of the syntax tree."""
    characters_before: int
    characters: int
    evaluations: int
    complete: bool
    """Whether nothing more can be left out; False when the evaluations were used up first."""
    left_out: Sequence[Part]
    """In order."""
    needed: Sequence[Part]
    """What is left: of each part the change that costs least. The most important first; only what was tried."""
    before: tuple[float, float]
    """Metric and standard error of the program on the instances of the last comparison."""
    after: tuple[float, float]
    confirmed: Gap
    """Minimal against whole, on fresh instances that chose no cut (where there are any)."""


@dataclass(frozen=True)
class Audit:
    """Everything that was seen."""

    program: str
    campaign: str
    lines: Sequence[Line]
    findings: Sequence[Finding]
    minimal: Minimal | None = None


@dataclass(frozen=True)
class Kept:
    """An audit as the archive remembers it."""

    program: str
    when: str
    findings: Sequence[Finding] = field(default_factory=tuple)


def payload(audit: Audit, when: str) -> Mapping[str, TagValue]:
    """For the event that keeps it."""
    told = msgspec.json.encode(list(audit.findings)).decode()
    return {"program": audit.program, "when": when, "findings": told}


def kept(events: Sequence[Event], program: str) -> Kept | None:
    """The last audit of a program among a campaign's events."""
    mine = [one.payload for one in events if one.kind == EVENT and one.payload.get("program") == program]
    if not mine:
        return None
    found = msgspec.json.decode(str(mine[-1]["findings"]), type=tuple[Finding, ...])
    return Kept(program, str(mine[-1]["when"]), found)
