"""`heuresis lineage`: how a program came about, from the seeds on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.options import DEFAULT_STORAGE, Format, Formats, OwnCampaign, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import MEANING, Scale, ends
from heuresis.cli.show import ProgramId
from heuresis.cli.stores import open_store, short, tell_campaign

if TYPE_CHECKING:
    from heuresis.archive.records import Entry, Kin
    from heuresis.archive.store import Store


def lineage(
    program_id: ProgramId,
    depth: Annotated[int, typer.Option("--depth", min=0, help="Generations to go back.")] = 1000,
    campaign: OwnCampaign = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Show the ancestors of a program in its campaign, as a tree from its seeds."""
    with open_store(storage) as store:
        name = store.entry(campaign, program_id).campaign
        tell_campaign(store, name, program_id)
        kin = store.lineage(name, program_id, depth)
        entries = {one.program: store.entry(name, one.program) for one in kin}
        scale = _scale(store, entries[kin[0].program])
        children = len(store.children(name, program_id))
    if form is not Format.TABLE:
        print_rows(_columns(scale), [_row(one, entries[one.program], scale) for one in kin], form)
        return
    say(f"{scale.metric}, {scale.better}", "bold")
    say(f"{MEANING}.", "dim")
    for graph, one in tree(kin):
        asked = "  <- this one" if one is kin[0] else ""
        say(f"{graph} {_line(one, entries[one.program], scale)}{asked}", "bold" if asked else None)
    made = f"{counted(children, 'program')} {'was' if children == 1 else 'were'} made from it"
    say(f"{counted(len(kin) - 1, 'ancestor')}; {made}.", "dim")


def _scale(store: Store, entry: Entry) -> Scale:
    record = store.campaign(entry.campaign)
    return Scale.of(record) if record else Scale()


def _line(one: Kin, entry: Entry, scale: Scale) -> str:
    score = entry.evaluation.score
    verdict = scale.compact("valid", score) if score else one.status.value
    seed = f" {entry.tags['seed']}" if "seed" in entry.tags else ""
    others = f" with {', '.join(short(other) for other in one.parents[1:])}" if len(one.parents) > 1 else ""
    return f"{short(one.program)}  {verdict}  {one.operator}{seed}{others}"


def _columns(scale: Scale) -> list[Column]:
    return [Column(key) for key in ("id", "generations_back", "operator", "parents", "status", scale.metric)] + [
        Column(key) for key in ("standard_error", "low", "high", "count", "tier", "sequence")
    ]


def _row(one: Kin, entry: Entry, scale: Scale) -> list[object]:
    score = entry.evaluation.score
    verdict: tuple[object, ...] = (None,) * 5
    if score:
        around = ends(scale.interval(score))
        verdict = (scale.value(score.value), score.standard_error, *around, score.count)
    parents = " ".join(one.parents)
    return [one.program, one.depth, one.operator, parents, one.status.value, *verdict, "valid", one.sequence]


def tree(kin: Sequence[Kin]) -> Iterator[tuple[str, Kin]]:
    """The graph to draw before each line, roots first; the line to `kin[0]` comes last at every fork.

    An only child stays in its parent's column, so that a hundred generations do not need a hundred columns.
    """
    below = _children(kin)
    line = _main_line(kin)
    roots = [one for one in kin if not one.parents or one.parents[0] not in {other.program for other in kin}]
    stack = [("", "", one) for one in sorted(roots, key=lambda one: (one.program not in line, one.sequence))]
    while stack:
        prefix, fork, one = stack.pop()
        yield f"{prefix}{fork}o", one
        inner = prefix + {"": "", "|-": "| ", "`-": "  "}[fork]
        young = sorted(below.get(one.program, ()), key=lambda child: (child.program in line, child.sequence))
        forks = ["|-"] * (len(young) - 1) + ["`-"] if len(young) > 1 else [""] * len(young)
        stack += reversed([(inner, fork, child) for fork, child in zip(forks, young, strict=True)])


def _children(kin: Sequence[Kin]) -> Mapping[str, list[Kin]]:
    below: dict[str, list[Kin]] = {}
    for one in kin:
        if one.parents and one.parents[0] != one.program:
            below.setdefault(one.parents[0], []).append(one)
    return below


def _main_line(kin: Sequence[Kin]) -> set[str]:
    """The asked program and its first parents up to a seed."""
    by_id = {one.program: one for one in kin}
    line: set[str] = set()
    now: Kin | None = kin[0]
    while now is not None and now.program not in line:
        line.add(now.program)
        now = by_id.get(now.parents[0]) if now.parents else None
    return line
