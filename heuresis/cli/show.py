"""`heuresis show` and `heuresis diff`: one program, and how two differ."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli import comparison
from heuresis.cli.noise import noise_lines
from heuresis.cli.options import DEFAULT_STORAGE, OwnCampaign, Storage, TextOrJson
from heuresis.cli.output import console, counted, print_json, say
from heuresis.cli.scale import MEANING, Scale, ends, number, seconds_text
from heuresis.cli.stamp import MEANING as STAMP_MEANING
from heuresis.cli.stamp import stamp
from heuresis.cli.stores import open_store, short, tell_campaign
from heuresis.cli.visible import visible

if TYPE_CHECKING:
    from heuresis.agent.auditing.findings import Kept
    from heuresis.archive.noise import Noise
    from heuresis.archive.records import CampaignRecord, Entry
    from heuresis.archive.store import Store
    from heuresis.program import Program

ProgramId = Annotated[str, typer.Argument(metavar="ID", help="A program id, or 4 or more of its first digits.")]

_SHOWN_FILES = 6


def show(
    program_id: ProgramId,
    campaign: OwnCampaign = None,
    code: Annotated[bool, typer.Option("--code", help="Print only the source, for a file: > rule.py")] = False,
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Show one program: verdict, origin, cost and code."""
    from heuresis.archive.noise import noise_of

    with open_store(storage) as store:
        if code:
            print(store.program(program_id).text, end="")
            return
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        record, seen = store.campaign(entry.campaign), _audit(store, entry)
        noise = noise_of(store, entry.campaign)
    assert record is not None
    if form is TextOrJson.JSON:
        print_json(_object(entry, Scale.of(record), seen))
    else:
        _show(entry, record, seen, noise)


def _audit(store: Store, entry: Entry) -> Kept | None:
    """The last audit of the program in its campaign."""
    from heuresis.agent.auditing.findings import kept

    return kept(store.events(entry.campaign), _program(entry).id)


def _object(entry: Entry, scale: Scale, audit: Kept | None) -> dict[str, object]:
    seen, made, score, program = entry.evaluation, entry.proposal, entry.evaluation.score, _program(entry)
    low, high = ends(scale.interval(score)) if score else (None, None)
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
        "audit": None if audit is None else dataclasses.asdict(audit),
        "self_reported": seen.self_reported,
        "metric": scale.metric,
        "value": scale.value(score.value) if score else None,
        "standard_error": score.standard_error if score else None,
        "low": low,
        "high": high,
        "count": score.count if score else None,
        "bound": scale.value(entry.rank) if entry.rank is not None else None,
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


def _show(entry: Entry, record: CampaignRecord, audit: Kept | None, noise: Noise | None) -> None:
    program = _program(entry)
    say(program.id, "bold")
    for name, text in [*_facts(entry, record, audit), *_noise(noise, record)]:
        if text:
            say(f"{name:<10}{text}")
    for path, source in program.files.items():
        say()
        say(path if len(program.files) > 1 else "", "dim") if len(program.files) > 1 else None
        print_code(source, "python")


def _noise(noise: Noise | None, record: CampaignRecord) -> list[tuple[str, str]]:
    lines = noise_lines(noise, Scale.of(record)) if noise else []
    return [("" if place else "noise", line) for place, line in enumerate(lines)]


def _facts(entry: Entry, record: CampaignRecord, audit: Kept | None) -> list[tuple[str, str]]:
    seen, made, scale = entry.evaluation, entry.proposal, Scale.of(record)
    verdict = seen.status.value
    if seen.score is not None:
        verdict = f"{scale.metric} {scale.full('valid', seen.score)}{stamp(seen.self_reported)}"
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
        ("meaning", MEANING if seen.score and seen.score.count > 1 else ""),
        *_findings(audit),
        ("stamp", STAMP_MEANING if seen.self_reported else ""),
        ("metrics", _numbers({n: v for n, v in seen.metrics.items() if n != scale.metric})),
        ("measures", _numbers(dict(seen.measures))),
        ("idea", made.idea),
        ("made by", f"{made.operator}, brief {entry.brief}" + (f" ({tags})" if tags else "")),
        ("parents", ", ".join(short(one) for one in made.parents)),
        ("cost", cost + (" (verdict reused, not paid again)" if entry.reused else "")),
        ("jail", seen.isolation),
        ("files", _artifacts(entry)),
    ]


def _findings(audit: Kept | None) -> list[tuple[str, str]]:
    """How many, then one a line."""
    if audit is None:
        return []
    return [
        ("audited", counted(len(audit.findings), "finding")),
        *(("", f"{one.kind.value}: {one.text}") for one in audit.findings),
    ]


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _artifacts(entry: Entry) -> str:
    """What the problem kept of this program, and how to get it; empty without any."""
    kept = [f"{row.tier.value}-{row.index}/{name}" for row in entry.evaluation.results for name in row.result.artifacts]
    more = f" and {len(kept) - _SHOWN_FILES} more" if len(kept) > _SHOWN_FILES else ""
    return f"{', '.join(kept[:_SHOWN_FILES])}{more}: in artifacts/ of `heuresis export ID -o DIR`" if kept else ""


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
    old: Annotated[str, typer.Argument(metavar="OLD", help="A program id, or 4 or more of its first digits.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another one.")],
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Show how two programs differ, in code and in score."""
    with open_store(storage) as store:
        left, right = store.program(old), store.program(new)
        pair = comparison.pair_of(store, left.id, right.id)
    text = _unified(left, right)
    if form is TextOrJson.JSON:
        compared = comparison.pair_object(pair) if pair else None
        print_json({"from": left.id, "to": right.id, "compared": compared, "diff": text})
        return
    if pair is None:
        say("No instances in common to compare them on.", "dim")
    else:
        comparison.tell_pair(pair, left.id, right.id)
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
