"""`heuresis show` and `heuresis diff`: one program, and how two differ."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import DEFAULT_STORAGE, OwnCampaign, Storage, TextOrJson
from heuresis.cli.output import console, counted, print_json, say
from heuresis.cli.scale import Scale, number, seconds_text, tier_text
from heuresis.cli.stamp import MEANING, stamp
from heuresis.cli.stores import open_store, short, tell_campaign
from heuresis.cli.visible import visible

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord, Entry
    from heuresis.archive.store import Store
    from heuresis.program import Program

ProgramId = Annotated[str, typer.Argument(metavar="ID", help="A program id, or 4 or more of its first digits.")]


def show(
    program_id: ProgramId,
    campaign: OwnCampaign = None,
    code: Annotated[bool, typer.Option("--code", help="Print only the source, for a file: > rule.py")] = False,
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Show one program: verdict, origin, cost and code."""
    with open_store(storage) as store:
        if code:
            print(store.program(program_id).text, end="")
            return
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        record = store.campaign(entry.campaign)
    assert record is not None
    if form is TextOrJson.JSON:
        print_json(_object(entry, Scale.of(record)))
    else:
        _show(entry, record)


def _object(entry: Entry, scale: Scale) -> dict[str, object]:
    seen, made, score, program = entry.evaluation, entry.proposal, entry.evaluation.score, _program(entry)
    return {
        "id": program.id,
        "campaign": entry.campaign,
        "idea": made.idea,
        "operator": made.operator,
        "parents": list(made.parents),
        "brief": entry.brief,
        "attempt": entry.attempt,
        "sequence": entry.sequence,
        "tags": dict(entry.tags),
        "status": seen.status.value,
        "reason": seen.reason,
        "quarantine": seen.quarantine,
        "self_reported": seen.self_reported,
        "metric": scale.metric,
        "value": scale.value(score.value) if score else None,
        "standard_error": score.standard_error if score else None,
        "count": score.count if score else None,
        "tier": "valid",
        "metrics": dict(seen.metrics),
        "measures": dict(seen.measures),
        "wall_seconds": seen.wall_seconds,
        "cpu_seconds": seen.cpu_seconds,
        "calls": seen.calls,
        "cost_usd": made.cost.usd,
        "tokens": made.cost.tokens,
        "isolation": seen.isolation,
        "reused": entry.reused,
        "feedback": seen.feedback,
        "files": dict(program.files),
    }


def _show(entry: Entry, record: CampaignRecord) -> None:
    program = _program(entry)
    say(program.id, "bold")
    for name, text in _facts(entry, record):
        if text:
            say(f"{name:<10}{text}")
    for path, source in program.files.items():
        say()
        say(path if len(program.files) > 1 else "", "dim") if len(program.files) > 1 else None
        print_code(source, "python")


def _facts(entry: Entry, record: CampaignRecord) -> list[tuple[str, str]]:
    seen, made, scale = entry.evaluation, entry.proposal, Scale.of(record)
    verdict = seen.status.value
    if seen.score is not None:
        verdict = f"{scale.metric} {scale.text(seen.score)}  ({tier_text('valid', seen.score.count)}; {scale.better})"
        verdict += stamp(seen.self_reported)
    cost = f"{seconds_text(seen.wall_seconds)} in the jail, {seconds_text(seen.cpu_seconds)} CPU"
    cost += f", {counted(seen.calls, 'call')}"
    if made.cost.model_calls:
        cost += f"; {made.cost.usd:.4f} USD, {made.cost.tokens:,} tokens"
    tags = ", ".join(f"{name} {value}" for name, value in entry.tags.items())
    return [
        ("campaign", f"{entry.campaign} ({record.problem} by {record.method})"),
        ("verdict", verdict),
        ("reason", seen.reason),
        ("distrust", seen.quarantine or ""),
        ("stamp", MEANING if seen.self_reported else ""),
        ("metrics", _numbers({n: v for n, v in seen.metrics.items() if n != scale.metric})),
        ("measures", _numbers(dict(seen.measures))),
        ("idea", made.idea),
        ("made by", f"{made.operator}, brief {entry.brief}" + (f" ({tags})" if tags else "")),
        ("parents", ", ".join(short(one) for one in made.parents)),
        ("cost", cost + (" (verdict reused, not paid again)" if entry.reused else "")),
        ("jail", seen.isolation),
    ]


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _program(entry: Entry) -> Program:
    program = entry.proposal.program
    assert program is not None  # it was found by its program's id
    return program


def print_code(text: str, language: str) -> None:
    """Coloured on a terminal, plain in a pipe."""
    text = visible(text)
    if not console().is_terminal:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    from rich.syntax import Syntax

    console().print(Syntax(text.rstrip("\n"), language, theme="ansi_dark", background_color="default", word_wrap=True))


def diff(
    old: ProgramId,
    new: ProgramId,
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Show how two programs differ, in code and in score."""
    with open_store(storage) as store:
        left, right = store.program(old), store.program(new)
        compared = _compared(store, left.id, right.id)
    text = _unified(left, right)
    if form is TextOrJson.JSON:
        print_json({"from": left.id, "to": right.id, "compared": compared, "diff": text})
        return
    say(compared or "No instances in common to compare them on.", "dim")
    print_code(text or "(the same text)\n", "diff")


def _unified(left: Program, right: Program) -> str:
    parts = []
    for path in sorted({*left.files, *right.files}):
        before = left.files.get(path, "").splitlines(keepends=True)
        after = right.files.get(path, "").splitlines(keepends=True)
        names = f"{short(left.id)}/{path}", f"{short(right.id)}/{path}"
        for line in difflib.unified_diff(before, after, *names):
            parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def _compared(store: Store, left: str, right: str) -> str:
    """The paired difference of their verdicts in one campaign, in words; empty when there is none."""
    from heuresis.agent.judging import campaign_of
    from heuresis.cli.comparison import difference, gain_text
    from heuresis.errors import ConfigError

    for record in reversed(store.campaigns()):
        try:
            first, second = store.entry(record.name, left).evaluation, store.entry(record.name, right).evaluation
            problem = campaign_of(record).problem
        except ConfigError:  # not both in this campaign, or its problem file is gone
            continue
        if first.score and second.score:
            scale = Scale.of_objective(problem.objectives[0])
            found = difference(problem, second, first)
            return (
                f"{scale.metric} {scale.text(first.score)} -> {scale.text(second.score)} ({record.name}): "
                f"{gain_text(scale, found)} ({tier_text('valid', found.count)}, paired)"
            )
    return ""
