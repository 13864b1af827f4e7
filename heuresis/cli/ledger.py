"""`heuresis cost` and `heuresis calls`: what was spent on a language model, and what became of every call."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import seconds_text
from heuresis.cli.stores import choose, open_store
from heuresis.cli.visible import visible
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.archive.calls import Call
    from heuresis.archive.store import Store

_NO_CALLS = "This campaign has made no call to a language model."


def usd(value: float) -> str:
    """Dollars with as many places as small sums need."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def cost(
    campaign: CampaignArgument = None,
    named: CampaignAlias = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Show what a campaign has cost, by what the model was asked for."""
    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        totals = store.totals(record.name)
        groups: dict[str, list[Call]] = defaultdict(list)
        for call in store.calls(record.name):
            groups[call.purpose].append(call)
    rows = [[record.name, purpose, *_sums(calls)] for purpose, calls in sorted(groups.items())]
    if form is Format.TABLE:
        spent = f"{usd(totals.usd)}, {counted(totals.tokens, 'token')}, {counted(totals.calls, 'call')}"
        say(f"{record.name}: {spent}", "bold")
        each = totals.usd / max(totals.evaluated, 1)
        say(f"{counted(totals.evaluated, 'evaluation')} in {seconds_text(totals.active_seconds)}; {usd(each)} each.")
    print_rows(_COST_COLUMNS, rows, form, _NO_CALLS)


def _sums(calls: list[Call]) -> list[object]:
    unknown = sum(call.reserved.usd if call.open else call.spent.usd for call in calls if call.open or _unknown(call))
    faults = Counter(call.fault.value for call in calls if call.fault is not None)
    told = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in faults.most_common())
    spent = [call.reserved if call.open else call.spent for call in calls]
    return [
        *(len(calls), sum(faults.values()), told, sum(one.tokens for one in spent), sum(one.usd for one in spent)),
        *(unknown, sum(call.seconds for call in calls) / max(len(calls), 1)),
    ]


def _unknown(call: Call) -> bool:
    """Counted at what was reserved, because nobody said what it cost."""
    return call.fault is not None and call.spent == call.reserved


_COST_COLUMNS = [
    Column("campaign"),
    Column("purpose", "asked for"),
    Column("calls", "calls", lambda value: f"{value:,}", right=True),
    Column("faults", "faults", right=True),
    Column("faults_by_kind", "by kind", cut=True),
    Column("tokens", "tokens", lambda value: f"{value:,}", right=True),
    Column("usd", "USD", usd, right=True),
    Column("unknown_usd", "of it unknown", usd, right=True),
    Column("mean_seconds", "s per call", lambda value: f"{value:.1f}", right=True),
]


def calls(
    campaign: CampaignArgument = None,
    named: CampaignAlias = None,
    faults: Annotated[bool, typer.Option("--faults", help="Only calls that gave nothing usable.")] = False,
    number: Annotated[int | None, typer.Option("--show", metavar="CALL", help="Print one: question and reply.")] = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """List every call to the language model. json and csv hold the raw replies too."""
    with open_store(storage) as store:
        record = choose(store, campaign, named, tell=form is not Format.TABLE)
        if number is not None:
            _print_talk(store, record.name, number)
            return
        rows = [_row(record.name, call) for call in store.calls(record.name) if call.fault is not None or not faults]
    print_rows(_CALL_COLUMNS, rows, form, _NO_CALLS if not faults else "No call went wrong.")


def _print_talk(store: Store, campaign: str, number: int) -> None:
    """The messages that were sent, and what came back."""
    call = next((one for one in store.calls(campaign, number - 1) if one.number == number), None)
    ask = None if call is None else store.ask_of(campaign, call.brief, call.ask)
    if call is None or ask is None:
        raise ConfigError("--show", f"the number of a call of {campaign}", number, "`heuresis calls` lists them.")
    for message in ask.messages:
        say(f"--- {message.role}", "bold")
        print(visible(message.content))
    say(f"--- reply of {call.model}" + (f", {call.fault.value.replace('_', ' ')}" if call.fault else ""), "bold")
    print(visible(call.reply.text or call.reply.refusal if call.reply else call.raw))


def _row(campaign: str, call: Call) -> list[object]:
    fault = "in flight or lost" if call.open else call.fault.value.replace("_", " ") if call.fault else ""
    text = call.reply.text or call.reply.refusal if call.reply else ""
    shown = visible(" ".join(text.split())[:200])
    return [
        *(campaign, call.number, call.brief, call.ask, call.attempt, call.purpose, call.model, fault),
        *(call.spent.tokens, call.spent.usd, call.reserved.usd, call.seconds, shown, text, call.raw),
    ]


_CALL_COLUMNS = [
    Column("campaign"),
    Column("call", "call", right=True),
    Column("brief", "brief", right=True),
    Column("ask", "ask", right=True),
    Column("attempt", "try", right=True),
    Column("purpose", "asked for"),
    Column("model"),
    Column("fault", "fault"),
    Column("tokens", "tokens", lambda value: f"{value:,}", right=True),
    Column("usd", "USD", usd, right=True),
    Column("reserved_usd"),
    Column("seconds", "s", lambda value: f"{value:.1f}", right=True),
    Column("shown", "reply", cut=True),
    Column("reply"),
    Column("raw"),
]
