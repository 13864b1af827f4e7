"""`heuresis looks`: how often the held-out tiers were opened, and what was seen."""

from __future__ import annotations

from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import Scale
from heuresis.cli.stores import choose, open_store, short


def looks(
    campaign: CampaignArgument = None,
    named: CampaignAlias = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """List every look at the held-out tiers of a campaign."""
    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        seen = store.looks(record.name)
    scale = Scale.of(record)
    rows: list[list[object]] = []
    for look in seen:
        score = look.evaluation.score if look.evaluation else None
        status = look.evaluation.status.value if look.evaluation else "unknown"
        value = (scale.value(score.value), score.standard_error, scale.text(score)) if score else (None, None, status)
        rows.append([record.name, look.number, look.tier.value, look.program, look.count, status, *value])
    if form is Format.TABLE:
        say(f"{record.name}: {counted(len(seen), 'look')}; {scale.metric}, {scale.better}", "bold")
    print_rows(_columns(scale), rows, form, "The held-out tiers are unopened. Open them: heuresis test ID")


def _columns(scale: Scale) -> list[Column]:
    return [
        Column("campaign"),
        Column("look", "look", right=True),
        Column("tier", "tier"),
        Column("id", "id", short),
        Column("count", "instances", right=True),
        Column("status"),
        Column(scale.metric),
        Column("standard_error"),
        Column("shown", scale.metric, right=True),
    ]
