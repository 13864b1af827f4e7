"""What a person has added to a campaign before."""

from __future__ import annotations

from dataclasses import replace

from heuresis.agent.fixed import ADD
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.program import Program


def added_before(store: Store, record: CampaignRecord, program: Program, idea: str) -> Entry | None:
    """The entry that a person made with this program and idea, marked as one whose verdict is known; None without."""
    try:
        entry = store.entry(record.name, program.id)
    except ConfigError:  # not in the campaign
        return None
    mine = entry.proposal.operator == ADD and entry.proposal.idea == idea
    return replace(entry, reused=True) if mine else None
