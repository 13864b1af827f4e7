"""`heuresis looks`: how often the held-out tiers were opened, by whom and when, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heuresis.cli.exam import ledger_text
from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import MEANING, Scale, ends, interval_text
from heuresis.cli.stores import choose, open_store, short

if TYPE_CHECKING:
    from heuresis.agent.looking import Ledger
    from heuresis.archive.records import Look


def looks(
    campaign: CampaignArgument = None,
    named: CampaignAlias = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """List every look at the held-out tiers of a campaign: who, when, what.

    Intervals of programs of the search are corrected for how many of them
    were looked at on that tier by now; the problem's seeds do not count.
    """
    from heuresis.agent.looking import ledger_of

    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        ledger = ledger_of(store, record.name)
    scale = Scale.of(record)
    rows = [
        [record.name, *_row(ledger, look, running, scale)]
        for look, running in zip(ledger.looks, ledger.running(), strict=True)
    ]
    if form is Format.TABLE:
        say(f"{record.name}: {counted(len(rows), 'look')}; {scale.metric}, {scale.better}", "bold")
        if rows:
            say(f"{MEANING}.", "dim")
            say("nth: programs of the search looked at on that tier until then; on: instances.", "dim")
    print_rows(_columns(scale), rows, form, "The held-out tiers are unopened. Open them: heuresis test ID")
    if form is Format.TABLE and rows:
        say(f"Looks so far: {ledger_text(ledger)}.", "dim")
        say("Intervals are corrected for these programs; the problem's seeds do not count.", "dim")


def _row(ledger: Ledger, look: Look, running: int, scale: Scale) -> list[object]:
    seen, by, seed = look.evaluation, look.by, ledger.seeds.get(look.program)
    who = f"{by.user}@{by.host}" if by.user else None
    head = [look.number, by.time, by.user, by.host, by.time.replace("T", " ")[:16], look.tier.value, look.program, seed]
    head += [seed or short(look.program), None if seed else running, look.count]
    score = seen.score if seen else None
    status = seen.status.value if seen else "unknown"
    if score is None:
        return [*head, status, *[None] * 7, status.replace("_", " "), None, who]
    among = ledger.comparisons(look.tier, look.program)
    corrected = scale.interval(score, among)
    figures = [scale.value(score.value), score.standard_error, *ends(scale.interval(score)), among, *ends(corrected)]
    text = interval_text(corrected, score.standard_error, "no interval")
    return [*head, status, *figures, scale.bare(score), text, who]


def _columns(scale: Scale) -> list[Column]:
    figures = (scale.metric, "standard_error", "low", "high", "comparisons", "corrected_low", "corrected_high")
    return [
        Column("campaign"),
        Column("look", "#", right=True),
        *(Column(key) for key in ("time", "user", "host")),
        Column("", "opened (UTC)"),
        Column("tier", "tier"),
        Column("id"),
        Column("seed"),
        Column("", "program"),
        Column("nth", "nth", right=True),
        Column("count", "on", right=True),
        Column("status"),
        *(Column(key) for key in figures),
        Column("", f"value [{scale.unit}]" if scale.unit else "value", right=True),
        Column("", "95 % corrected"),
        Column("", "by", cut=True),
    ]
