"""`heuresis test`: open the held-out tiers, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heuresis.cli.comparison import difference, gain_text
from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, Format, Formats, OwnCampaign, Storage
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import Scale
from heuresis.cli.show import ProgramId
from heuresis.cli.stores import open_store, short, tell_campaign

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord
    from heuresis.archive.store import Store
    from heuresis.evaluators.nouns import Evaluation, Tier
    from heuresis.evaluators.problem import Problem
    from heuresis.program import Program


def judge_held_out(
    program_id: ProgramId,
    campaign: OwnCampaign = None,
    form: Formats = Format.TABLE,
    storage: Storage = DEFAULT_STORAGE,
) -> int:
    """Judge a program on the held-out tiers, beside the problem's seeds.

    test: the same generator, instances that the search has never seen.
    shift: other sizes, families or horizons. Every look is stored and counted;
    a program that was looked at before is shown from the store.
    """
    with open_store(storage) as store:
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        record, program = store.campaign(entry.campaign), entry.proposal.program
        assert record is not None
        assert program is not None
        exam = open_exam(store, record, program)
        print_exam(exam, form)
        if form is Format.TABLE:
            print_gap(exam, entry.evaluation, store.totals(record.name).evaluated)
    return ExitCode.OK if all(row.evaluation.score for row in exam.rows if row.asked) else ExitCode.PROGRAM_FAILED


@dataclass(frozen=True)
class ExamRow:
    """One program on one held-out tier."""

    tier: str
    who: str
    """The asked program's short id, or a seed's name."""
    program: str
    asked: bool
    evaluation: Evaluation
    against: str
    """How the asked program differs from it, in words."""
    difference: tuple[float, float] | None
    """Asked minus this one in the metric, paired; and its standard error."""


@dataclass(frozen=True)
class Exam:
    """Held-out results of a program and of the seeds on the same instances."""

    problem: Problem
    campaign: str
    rows: Sequence[ExamRow]
    looks: Mapping[str, int]
    """Tier -> looks so far in this campaign."""
    seed_looks: int
    """Of these, at the problem's own seeds."""


def open_exam(store: Store, record: CampaignRecord, program: Program) -> Exam:
    """Look where nobody has looked yet, and read the rest from the store."""
    from heuresis.agent import judging

    problem = judging.campaign_of(record).problem
    named = _seeds(problem)
    named.setdefault(program.id, (short(program.id), program))
    seen = _looked(store, record, problem, [one for _, one in named.values()])
    order = [program.id, *(identity for identity in named if identity != program.id)]
    rows = []
    for tier in judging.HELD_OUT:
        mine = seen[program.id, tier]
        for identity in order:
            asked, who = identity == program.id, named[identity][0]
            rows.append(_row(problem, tier.value, who, identity, asked, mine, seen[identity, tier]))
    looks = store.looks(record.name)
    counts = {tier.value: sum(look.tier is tier for look in looks) for tier in judging.HELD_OUT}
    return Exam(problem, record.name, rows, counts, sum(look.program in _seeds(problem) for look in looks))


def _seeds(problem: Problem) -> dict[str, tuple[str, Program]]:
    from heuresis.program import Program

    programs = [(name, Program.of(text)) for name, text in problem.seeds.items()]
    return {program.id: (name, program) for name, program in programs}


def _looked(
    store: Store, record: CampaignRecord, problem: Problem, programs: Sequence[Program]
) -> dict[tuple[str, Tier], Evaluation]:
    """What each program shows on each held-out tier. The same program on the same instances is not run again."""
    from heuresis.agent import judging
    from heuresis.library.planning import cores

    seen = {
        (look.program, look.tier): look.evaluation
        for look in store.looks(record.name)
        if look.evaluation and look.evaluation.score and look.count == problem.tier_size(look.tier)
    }
    wanted = [(one, tier) for one in programs for tier in judging.HELD_OUT if (one.id, tier) not in seen]
    if wanted:
        fresh = judging.open_held_out(store, record, wanted, min(len(wanted), cores()))
        seen |= {(look.program, look.tier): look.evaluation for look in fresh if look.evaluation}
    return seen


def _row(
    problem: Problem, tier: str, who: str, identity: str, asked: bool, mine: Evaluation, theirs: Evaluation
) -> ExamRow:
    if asked or mine.score is None or theirs.score is None:
        return ExamRow(tier, who, identity, asked, theirs, "", None)
    found = difference(problem, mine, theirs)
    text = gain_text(Scale.of_objective(problem.objectives[0]), found)
    return ExamRow(tier, who, identity, asked, theirs, text, (found.value, found.standard_error))


def print_exam(exam: Exam, form: Format) -> None:
    scale = Scale.of_objective(exam.problem.objectives[0])
    rows: list[list[object]] = []
    for row in exam.rows:
        score = row.evaluation.score
        figures = (scale.value(score.value), score.standard_error) if score else (None, None)
        text = scale.text(score) if score else f"{row.evaluation.status.value}: {row.evaluation.reason}"
        count = score.count if score else None
        found = (row.evaluation.status.value, *figures, row.evaluation.reason, *(row.difference or (None, None)))
        rows.append([exam.campaign, row.tier, count, row.who, row.program, row.asked, *found, text, row.against])
    if form is Format.TABLE:
        say(f"Held out, campaign {exam.campaign}; {scale.metric}, {scale.better}", "bold")
    asked = next(row.who for row in exam.rows if row.asked)
    if form is Format.TABLE and asked in exam.problem.seeds:
        say(f"{asked} is a seed of the problem, no program that was found.")
    print_rows(_columns(scale, asked), rows, form)


def _columns(scale: Scale, asked: str) -> list[Column]:
    silent = ("id", "asked", "status", scale.metric, "standard_error", "reason", "difference")
    return [
        Column("campaign"),
        Column("tier", "tier"),
        Column("count", "instances", right=True),
        Column("program", "program"),
        *(Column(key) for key in silent),
        Column("difference_standard_error"),
        Column("shown", scale.metric, right=True),
        Column("against", f"{asked}, paired", cut=True),
    ]


def print_gap(exam: Exam, valid: Evaluation, evaluated: int) -> None:
    """The best of many looks better than it is: by how much, and how worn the exam is."""
    scale = Scale.of_objective(exam.problem.objectives[0])
    mine = next(row.evaluation for row in exam.rows if row.asked)
    if valid.score and mine.score:
        chosen = f"{counted(valid.score.count, 'instance')}, chosen among {counted(evaluated, 'evaluation')}"
        say(f"valid said {scale.text(valid.score)} ({chosen});")
        say(f"test says  {scale.text(mine.score)} ({counted(mine.score.count, 'instance')}).")
    counts = ", ".join(f"{count} at {tier}" for tier, count in exam.looks.items())
    say(f"Looks so far: {counts}; {exam.seed_looks} of them at the problem's own seeds.", "dim")
