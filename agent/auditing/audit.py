"""An audit: a stored program is played against variations of its instances, its text is read, and what it can do
without is left out. Nothing that an audit plays is ever ranked, shown to a model, or of a held-out tier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from heuresis.agent.auditing.bounds import beyond
from heuresis.agent.auditing.comparing import drop_of, gap_of, lead_of, value_of
from heuresis.agent.auditing.findings import EVENT, Audit, Finding, Gap, Kind, Line, Minimal, payload
from heuresis.agent.auditing.minimise import Watch, minimise
from heuresis.agent.auditing.tables import tables
from heuresis.agent.judging import campaign_of
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.transformations import Expected, Transformation
from heuresis.program import Program

AUDIT_FROM = 1_000_000
"""Index of the first valid instance that audits play: far behind everything that selection plays."""
LEAST = 20
"""Instances that an audit plays at least, so that small differences are seen."""
CONFIRM_FROM = 2_000_000
"""Of the first one on which a smaller program is compared once more."""
_WORDS = {
    Expected.SAME: "the same score",
    Expected.NOISE: "within noise",
    Expected.GRACEFUL: "not behind {}",
}


@dataclass(frozen=True)
class _Seed:
    """The seed that did best in the campaign: what a program without any fitting can do."""

    name: str
    program: Program
    stored: Evaluation


@dataclass(frozen=True)
class _Claim:
    """What must hold, and against what it is measured."""

    expected: str = ""
    against: str = ""


class Bout:
    """Programs against instances of one campaign, over a pool of referees."""

    def __init__(self, pool: Pool, problem: Problem) -> None:
        self._pool = pool
        self.problem = problem

    def indices(self, first: int, times: int = 1) -> tuple[int, ...]:
        """Of fresh valid instances; a user's own instances are all there are, and of a single one there is no other."""
        count = self.problem.tier_size(Tier.VALID)
        if self.problem.own_instances is not None:
            return tuple(range(count))
        return tuple(range(first, first + (times * max(count, LEAST) if count > 1 else 1)))

    def play(self, programs: Sequence[Program], indices: tuple[int, ...], transformation: str = "") -> list[Evaluation]:
        """Their verdicts. Raises Unavailable when a part of ours stays gone."""
        asked = [jobs.Job(dict(one.files), Tier.VALID, indices, transformation=transformation) for one in programs]
        return [future.result() for future in [self._pool.submit(job) for job in asked]]


def audit(store: Store, record: CampaignRecord, entry: Entry, *, workers: int, evaluations: int, watch: Watch) -> Audit:
    """Everything there is to see of a scored program. Stores nothing.

    With 0 evaluations the program is not made smaller. Raises ConfigError for a program that has no score, or when the
    problem has changed; Unavailable without a jail.
    """
    program, problem = _checked(record, entry)
    seed = _best_seed(store, record, problem)
    with Pool(campaign_of(record).setup(record), workers) as pool:
        bout = Bout(pool, problem)
        lines, findings = _played(bout, record, entry, program, seed)
        small = _minimal(bout, program, evaluations, watch) if evaluations else None
    return Audit(program.id, record.name, lines, [*tables(program), *findings], small)


def keep(store: Store, seen: Audit) -> None:
    """Remember an audit: an event of the campaign, kept whole or not at all."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    with store.transaction(durable=True) as transaction:
        transaction.add_event(seen.campaign, EVENT, payload(seen, when))


def _checked(record: CampaignRecord, entry: Entry) -> tuple[Program, Problem]:
    problem, program, seen = campaign_of(record).problem, entry.proposal.program, entry.evaluation
    if program is None or seen.score is None:
        reason = " ".join(seen.reason.split())
        raise ConfigError("id", "a program that has a score", f"one that ended {seen.status.value}: {reason}")
    if problem.hash != record.problem_hash:
        raise ConfigError("problem", "the problem's code as when the campaign was started", "a changed problem")
    return program, problem


def _best_seed(store: Store, record: CampaignRecord, problem: Problem) -> _Seed:
    found = []
    for number, (name, text) in enumerate(problem.seeds.items()):
        entry = store.verdict_of(record.name, number, 0)
        if entry is not None and entry.evaluation.score is not None:
            found.append(_Seed(name, Program.of(text), entry.evaluation))
    if not found:
        raise ConfigError(f"campaign {record.name!r}", "a campaign whose seeds are judged", "none", "Run it first.")
    return max(found, key=lambda one: one.stored.score.value if one.stored.score is not None else 0.0)


def _played(
    bout: Bout, record: CampaignRecord, entry: Entry, program: Program, seed: _Seed
) -> tuple[list[Line], list[Finding]]:
    """Fresh instances first, then what each transformation makes of them."""
    fresh = bout.indices(AUDIT_FROM)
    mine, theirs = bout.play([program, seed.program], fresh)
    line, findings = _fresh(bout.problem, entry.evaluation, mine, theirs, seed)
    lines = [line]
    findings += beyond(bout.problem, record.secret, [mine])
    if mine.score is None:
        return lines, findings
    for change in bout.problem.transformations:
        changed = bout.play([program, seed.program], fresh, change.name)
        line, found = _varied(bout.problem, change, (mine, theirs), (changed[0], changed[1]), seed)
        lines.append(line)
        findings += found
    return lines, findings


def _line(problem: Problem, seen: Evaluation, what: str, claim: _Claim, gap: Gap | None, holds: bool) -> Line:
    value, error = value_of(problem, seen) if seen.score is not None else (None, None)
    reason = " ".join(seen.reason.split()) if seen.score is None else ""
    count = seen.score.count if seen.score is not None else 0
    return Line(what, claim.expected, count, value, error, claim.against, gap, holds, reason)


def _fresh(
    problem: Problem, stored: Evaluation, mine: Evaluation, theirs: Evaluation, seed: _Seed
) -> tuple[Line, list[Finding]]:
    """Does its lead over the best seed hold where it was not chosen?"""
    what, claim = "fresh instances", _Claim("the lead it was chosen for", f"its lead over {seed.name}")
    if mine.score is None:
        words = f"on fresh instances of the same distribution it ended {mine.status.value}"
        return _line(problem, mine, what, claim, None, False), [Finding(Kind.FRESH, words)]
    if theirs.score is None:
        return _line(problem, mine, what, _Claim(), None, True), []
    drop = drop_of(problem, (stored, seed.stored), (mine, theirs))
    lead = lead_of(problem, stored, seed.stored)
    if not (drop.high < 0 < lead and -drop.value > lead / 2):
        return _line(problem, mine, what, claim, drop, True), []
    words = (
        f"on fresh instances it loses {-100 * drop.value / lead:.0f} % of its lead over {seed.name}: "
        "it knows the instances that it was judged on"
    )
    return _line(problem, mine, what, claim, drop, False), [Finding(Kind.FRESH, words)]


def _varied(
    problem: Problem,
    change: Transformation,
    plain: tuple[Evaluation, Evaluation],
    changed: tuple[Evaluation, Evaluation],
    seed: _Seed,
) -> tuple[Line, list[Finding]]:
    """Each pair is (the program, the best seed)."""
    mine, theirs = changed
    many, expected = len(problem.transformations), _WORDS[change.expected].format(seed.name)
    if mine.score is None:
        bad = theirs.score is not None  # what even the seed cannot play says nothing
        words = f"{change.name}: it ended {mine.status.value}, {seed.name} does not: {change.broken}"
        found = [Finding(Kind.INVARIANCE, words)] if bad else []
        return _line(problem, mine, change.name, _Claim(expected), None, not bad), found
    behind = gap_of(problem, mine, theirs, many) if theirs.score is not None else None
    level = plain[1].score is None or gap_of(problem, *plain, many).high >= 0
    fallen = behind is not None and behind.high < 0 and level  # one that was behind before may stay behind
    if change.expected is Expected.GRACEFUL:
        words = f"{change.name}: it falls behind {seed.name}: {change.broken}"
        found = [Finding(Kind.INVARIANCE, words)] if fallen else []
        claim = _Claim(expected if level else "nothing (behind before)", seed.name) if behind is not None else _Claim()
        return _line(problem, mine, change.name, claim, behind, not fallen), found
    gap = gap_of(problem, mine, plain[0], many)
    found = []
    if gap.high < 0:
        metric, (was, _), (now, _) = problem.objectives[0].metric, value_of(problem, plain[0]), value_of(problem, mine)
        also = f", behind {seed.name}" if fallen else ""
        words = f"{change.name}: {metric} goes from {was:.4g} to {now:.4g}{also}: {change.broken}"
        found = [Finding(Kind.INVARIANCE, words)]
    return _line(problem, mine, change.name, _Claim(expected, "itself, unchanged"), gap, not found), found


def _minimal(bout: Bout, program: Program, evaluations: int, watch: Watch) -> Minimal:
    chosen, last = bout.indices(AUDIT_FROM), bout.indices(CONFIRM_FROM, 2)
    return minimise(
        bout.problem,
        program,
        lambda programs: bout.play(programs, chosen),
        lambda programs: bout.play(programs, last),
        evaluations,
        watch,
    )
