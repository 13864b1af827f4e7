"""`Ran`: how a run of a search ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from heuresis.archive.records import CampaignRecord
from heuresis.archive.store import Store
from heuresis.library.archive import Archive
from heuresis.library.found import Found


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what its campaign has come to over all its runs."""

    campaign: str
    reason: str
    """Why the campaign is finished, in words; empty when it was stopped and can go on."""
    best: Found | None
    """None when no program has a score."""
    evaluations: int
    """Verdicts made; reused and refused ones cost nothing."""
    isolation: str
    """The jail of this run; that of the campaign when nothing was run."""
    usd: float
    tokens: int
    archive: Archive = field(repr=False, compare=False)
    """The store, to look further."""


def ran_of(archive: Archive, store: Store, record: CampaignRecord, reason: str, isolation: str = "") -> Ran:
    """As the store says it now."""
    totals = store.totals(record.name)
    best = next(iter(archive.top(1, campaign=record.name)), None)
    return Ran(
        record.name, reason, best, totals.evaluated, isolation or record.isolation, totals.usd, totals.tokens, archive
    )
