"""`heuresis test`: open the held-out tiers, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heuresis.cli import exam
from heuresis.cli.comparison import difference
from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, Format, Formats, OwnCampaign, Storage
from heuresis.cli.show import ProgramId
from heuresis.cli.stores import open_store, short, tell_campaign

if TYPE_CHECKING:
    from heuresis.agent.looking import Compared, Ledger
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
    shift: other sizes, families or horizons. Every look is stored with who and
    when, and intervals are corrected for the number of programs looked at; a
    program that was looked at before is shown from the store.
    """
    with open_store(storage) as store:
        entry = store.entry(campaign, program_id)
        tell_campaign(store, entry.campaign, program_id)
        record, program = store.campaign(entry.campaign), entry.proposal.program
        assert record is not None
        assert program is not None
        opened = open_exam(store, record, program)
        exam.print_exam(opened, form)
        if form is Format.TABLE:
            exam.print_gap(opened, entry.evaluation, store.totals(record.name).evaluated)
    return ExitCode.OK if all(row.evaluation.score for row in opened.rows if row.asked) else ExitCode.PROGRAM_FAILED


@dataclass(frozen=True)
class ExamRow:
    """One program on one held-out tier."""

    tier: str
    who: str
    """The asked program's short id, or a seed's name."""
    program: str
    asked: bool
    evaluation: Evaluation
    comparisons: int = 1
    """What the interval of its score is corrected for; 1 for a seed."""
    compared: Compared | None = None
    """How the asked program differs from it; None for itself, and where one of them has no score."""


@dataclass(frozen=True)
class Exam:
    """Held-out results of a program and of the seeds on the same instances."""

    problem: Problem
    campaign: str
    rows: Sequence[ExamRow]
    ledger: Ledger


def open_exam(store: Store, record: CampaignRecord, program: Program) -> Exam:
    """Look where nobody has looked yet, and read the rest from the store."""
    from heuresis.agent import judging
    from heuresis.agent.looking import ledger_of
    from heuresis.evaluators.nouns import HELD_OUT

    problem = judging.campaign_of(record).problem
    named = _seeds(problem)
    named.setdefault(program.id, (short(program.id), program))
    seen = _looked(store, record, problem, [one for _, one in named.values()])
    ledger = ledger_of(store, record.name)
    order = [program.id, *(identity for identity in named if identity != program.id)]
    rows = [
        _row(problem, tier, named[one][0], one, program.id, seen, ledger)
        for tier in HELD_OUT
        for one in order
        if (one, tier) in seen
    ]
    return Exam(problem, record.name, rows, ledger)


def _seeds(problem: Problem) -> dict[str, tuple[str, Program]]:
    from heuresis.program import Program

    programs = [(name, Program.of(text)) for name, text in problem.seeds.items()]
    return {program.id: (name, program) for name, program in programs}


def _looked(
    store: Store, record: CampaignRecord, problem: Problem, programs: Sequence[Program]
) -> dict[tuple[str, Tier], Evaluation]:
    """What each program shows on each held-out tier. The same program on the same instances is not run again.

    But for one that timed out: that may have been the machine's fault.
    """
    from heuresis.agent import judging
    from heuresis.evaluators.nouns import HELD_OUT, Status
    from heuresis.library.planning import cores

    seen = {
        (look.program, look.tier): look.evaluation
        for look in store.looks(record.name)
        if look.evaluation and look.count == problem.tier_size(look.tier)
    }
    kept = {place: one for place, one in seen.items() if one.status is not Status.TIMED_OUT}
    there = [tier for tier in HELD_OUT if problem.tier_size(tier)] or HELD_OUT  # with none at all that is told
    wanted = [(one, tier) for one in programs for tier in there if (one.id, tier) not in kept]
    if wanted:
        fresh = judging.open_held_out(store, record, wanted, min(len(wanted), cores()))
        kept |= {(look.program, look.tier): look.evaluation for look in fresh if look.evaluation}
    return kept


def _row(
    problem: Problem,
    tier: Tier,
    who: str,
    identity: str,
    asked: str,
    seen: Mapping[tuple[str, Tier], Evaluation],
    ledger: Ledger,
) -> ExamRow:
    from heuresis.agent.looking import compared

    mine, theirs = seen[asked, tier], seen[identity, tier]
    own = ledger.comparisons(tier, identity)
    if identity == asked or mine.score is None or theirs.score is None:
        return ExamRow(tier.value, who, identity, identity == asked, theirs, own)
    sign, among = problem.objectives[0].sign, ledger.comparisons(tier, asked)
    found = compared(difference(problem, mine, theirs), sign, among)
    return ExamRow(tier.value, who, identity, False, theirs, own, found)
