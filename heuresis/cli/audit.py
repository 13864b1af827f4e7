"""`heuresis audit`: what a stored program holds, and what it can do without."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, Format, OwnCampaign, Storage, TextOrJson
from heuresis.cli.output import Column, counted, print_json, print_rows, remark, say
from heuresis.cli.scale import Scale, number, places
from heuresis.cli.show import ProgramId, print_code
from heuresis.cli.stamp import tell_stamp
from heuresis.cli.stores import open_store, short, tell_campaign, unique
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.agent.auditing.findings import Audit, Gap, Line, Minimal, Part
    from heuresis.archive.records import CampaignRecord, Entry
    from heuresis.archive.store import Store
    from heuresis.program import Program

_EVALUATIONS = 300


def audit(
    program_id: ProgramId,
    campaign: OwnCampaign = None,
    evaluations: Annotated[
        int, typer.Option("--evaluations", min=0, help="For making it smaller, at most; 0: leave that out.")
    ] = _EVALUATIONS,
    minimise: Annotated[
        Path | None, typer.Option("--minimise", metavar="FILE", help="Write the smaller program to this file.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Put the smaller program into the campaign, as a child of this one.")
    ] = False,
    form: Annotated[TextOrJson, typer.Option("--format", help="json prints one object.")] = TextOrJson.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> int:
    """Look hard at a program before you trust it.

    It is played on fresh valid instances and on variations of them, its text
    is searched for tables of answers, and what it does not need is left out.
    The findings are kept and shown by `heuresis show`. No held-out instance
    is opened.
    """
    from heuresis.agent.auditing import audit as auditing
    from heuresis.agent.run import leased
    from heuresis.library.planning import cores

    _check(evaluations, minimise, save)
    with open_store(storage) as store:
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        record = store.campaign(entry.campaign)
        assert record is not None
        if save:
            with leased(store, record.name):  # told now rather than in the end: another process drives the campaign
                pass
        seen = auditing.audit(store, record, entry, workers=cores(), evaluations=evaluations, watch=_remark)
        auditing.keep(store, seen)
        _write(seen, minimise)
        if form is TextOrJson.TABLE:
            _print(seen, entry, Scale.of(record))
        saved = _saved(store, record, entry, seen.minimal) if save and seen.minimal else None
        if form is TextOrJson.JSON:
            print_json({**dataclasses.asdict(seen), "saved": None if saved is None else saved.id})
        elif saved is not None:
            say(f"Kept in {record.name} as {unique(store, saved.id)}.")
    return ExitCode.OK


def _check(evaluations: int, minimise: Path | None, save: bool) -> None:
    if not evaluations and (minimise is not None or save):
        raise ConfigError("--evaluations", "at least 1 with --minimise or --save", 0)
    if minimise is not None and minimise.exists():
        raise ConfigError("--minimise", "the name of a new file", str(minimise))
    if minimise is not None and not minimise.parent.is_dir():
        raise ConfigError("--minimise", "a file in a folder that exists", str(minimise))


def _remark(spent: int, program: Program) -> None:
    if spent % 20 < 4:  # a batch holds four
        remark(f"{counted(spent, 'evaluation')}, {counted(len(program.text), 'character')}")


def _write(seen: Audit, file: Path | None) -> None:
    if file is not None and seen.minimal is not None:
        try:
            file.write_text(seen.minimal.text)
        except OSError as error:
            raise ConfigError("--minimise", "a file that can be written", str(file), f"{error.strerror}.") from error


def _saved(store: Store, record: CampaignRecord, entry: Entry, small: Minimal) -> Program | None:
    """The smaller program, as an entry of the campaign; None where nothing could be left out."""
    from heuresis.agent.fixed import MINIMISE
    from heuresis.agent.judging import add_program
    from heuresis.agent.operators.attempts import with_text

    whole = entry.proposal.program
    assert whole is not None
    if small.text == whole.text:
        return None
    idea = f"{short(whole.id)} without what it does not need: {small.nodes_before} to {small.nodes} nodes"
    program = with_text(whole, small.text)
    add_program(store, record, program, idea, MINIMISE, (whole.id,))
    return program


def _print(seen: Audit, entry: Entry, scale: Scale) -> None:
    say(f"{short(seen.program)} in {seen.campaign}: {scale.metric}, {scale.better}", "bold")
    tell_stamp(entry.evaluation.self_reported)
    if entry.evaluation.quarantine:
        say(f"in quarantine: {entry.evaluation.quarantine}", "bold red")
    print_rows(_columns(scale), [_row(scale, line) for line in seen.lines], Format.TABLE)
    say()
    for one in seen.findings:
        say(f"{one.kind.value}: {one.text}", "bold red")
    if not seen.findings:
        say("No finding.", "bold")
    if seen.minimal is not None:
        _print_minimal(seen.minimal, scale)


def _columns(scale: Scale) -> list[Column]:
    return [
        Column("what", "on"),
        Column("holds", "holds", lambda holds: "yes" if holds else "NO"),
        Column("exam", "instances"),
        Column("value", scale.metric, right=True),
        Column("gap", "better by (95 %)", right=True),
        Column("expected", "expected", cut=True),
    ]


def _row(scale: Scale, line: Line) -> list[object]:
    value = None
    if line.value is not None and line.standard_error is not None:
        value = scale.measured(line.value, line.standard_error)
    exam = f"valid, {line.count}" if line.count else "valid"
    expected = f"{line.expected}: {line.reason}" if line.reason else line.expected
    return [line.what, line.holds, exam, value, _gap(line.gap), expected]


def _gap(gap: Gap | None) -> str | None:
    """`+0.012 [-0.020, 0.044]`: above 0 is better."""
    if gap is None:
        return None
    digits = places((gap.high - gap.low) / 4)
    text = f"+{number(gap.value, digits)}" if gap.value > 0 else number(gap.value, digits)
    return text if gap.low == gap.high else f"{text} [{number(gap.low, digits)}, {number(gap.high, digits)}]"


def _print_minimal(small: Minimal, scale: Scale) -> None:
    say()
    if small.nodes == small.nodes_before and small.characters == small.characters_before:
        tried = f"{counted(small.evaluations, 'evaluation')}{'' if small.complete else ', not everything was tried'}"
        say(f"Nothing can be left out ({tried}).", "bold")
        return
    sizes = f"{small.nodes_before} to {small.nodes} nodes, {small.characters_before} to {small.characters} characters"
    end = "nothing more can be left out" if small.complete else "not everything was tried: --evaluations"
    say(f"Without what it does not need: {sizes} ({counted(small.evaluations, 'evaluation')}; {end}).", "bold")
    before, after = scale.measured(*small.before), scale.measured(*small.after)
    exam = f"valid, {counted(small.confirmed.count, 'instance')}"
    say(f"{scale.metric} {before} before, {after} after, better by {_gap(small.confirmed)} ({exam} that chose no cut).")
    if small.needed:
        say()
        rows = [[one.what, _loss(one)] for one in small.needed]
        what = Column("what", "what is left, and the cheapest change of it", cut=True)
        columns = [what, Column("loss", "better by, then", cut=True)]
        print_rows(columns, rows, Format.TABLE)
    say()
    print_code(small.text, "python")


def _loss(part: Part) -> str:
    return part.reason if part.gap is None else str(_gap(part.gap))
