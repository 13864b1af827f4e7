"""Published values of a score card."""

from __future__ import annotations

from collections.abc import Mapping

from heuresis.agent.campaign import Campaign
from heuresis.agent.references import reference_rows


def references(campaign: Campaign) -> list[Mapping[str, object]]:
    """Those that the command line shows, in its order; `note` says whether their instances are the ones played here."""
    return [
        {"name": one.name, "value": one.value, "source": one.source, "instances": one.instances, "note": one.note}
        for one in reference_rows(campaign.problem, campaign.settings)
    ]
