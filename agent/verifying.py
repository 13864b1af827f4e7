"""Verifying: a stored verdict made again from stored code and seeds, compared instance by instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heuresis.agent.judging import campaign_of
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.errors import ConfigError
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.problem import Problem
from heuresis.program import Program


@dataclass(frozen=True)
class Compared:
    """One instance, as stored and as played again."""

    tier: Tier
    index: int
    stored: Mapping[str, float]
    """Metrics."""
    again: Mapping[str, float] | None
    """None when the program failed now."""
    artifacts_equal: bool

    @property
    def equal(self) -> bool:
        return self.again is not None and dict(self.stored) == dict(self.again) and self.artifacts_equal


@dataclass(frozen=True)
class Verification:
    """What came of verifying one entry."""

    rows: tuple[Compared, ...]
    stored: Evaluation
    again_status: Status
    again_score: Score | None
    """From the instances as played again."""
    differences: tuple[str, ...]
    """In words; empty when everything is as it was."""


def verify(record: CampaignRecord, entry: Entry) -> Verification:
    """Play the entry's program again on the instances of its verdict, in the same blocks. Stores nothing.

    Raises ConfigError when the problem is not what it was, Unavailable without a sandbox.
    """
    campaign, program, seen = campaign_of(record), entry.proposal.program, entry.evaluation
    if campaign.problem.hash != record.problem_hash:
        raise ConfigError(
            "problem",
            "the problem's code as when the campaign was started",
            "a changed problem",
            "Verdicts of two differ.",
        )
    if program is None or seen.status is Status.REFUSED:
        raise ConfigError("id", "a program that was run", f"one that was refused: {seen.reason}")
    with Pool(campaign.setup(record), 1) as pool:
        if seen.score is None:
            return _failed(seen, pool.submit(jobs.Job(dict(program.files))).result())
        again = list(_again(pool, campaign.problem, program, seen.results))
    return _compared(campaign.problem, seen, again)


def _failed(seen: Evaluation, again: Evaluation) -> Verification:
    same = seen.status is again.status
    words = () if same else (f"it ended {seen.status.value} then and {again.status.value} now",)
    return Verification((), seen, again.status, again.score, words)


def _again(
    pool: Pool, problem: Problem, program: Program, results: Sequence[InstanceResult]
) -> Iterator[tuple[InstanceResult, Result | None]]:
    """Each stored result beside the one made now. A block is played as a whole, as it was."""
    for tier in dict.fromkeys(row.tier for row in results):
        rows = [row for row in results if row.tier is tier]
        for block in _blocks(problem, tier, rows):
            job = jobs.Job(dict(program.files), tier, tuple(row.index for row in block))
            fresh = {row.index: row.result for row in pool.submit(job).result().results}
            yield from ((row, fresh.get(row.index)) for row in block)


def _blocks(problem: Problem, tier: Tier, rows: Sequence[InstanceResult]) -> Iterator[list[InstanceResult]]:
    """As the referee cut them: smoke and screening, the base set and each promotion were played apart."""
    cuts = {1} if tier is Tier.TRAIN else {problem.tier_size(tier), *problem.promotion_steps}
    start = 0
    for position in range(1, len(rows) + 1):
        if position == len(rows) or rows[position].index in cuts:
            yield list(rows[start:position])
            start = position


def _compared(
    problem: Problem, seen: Evaluation, again: Sequence[tuple[InstanceResult, Result | None]]
) -> Verification:
    rows = tuple(
        Compared(
            row.tier,
            row.index,
            row.result.metrics,
            None if now is None else now.metrics,
            now is not None and dict(row.result.artifacts) == dict(now.artifacts),
        )
        for row, now in again
    )
    valid = [now for row, now in again if row.tier is Tier.VALID]
    results = [now for now in valid if now is not None]
    score = problem.aggregate(results) if valid and len(results) == len(valid) else None
    status = Status.SCORED if score is not None else Status.CRASHED
    return Verification(rows, seen, status, score, tuple(_differences(rows, seen, score)))


def _differences(rows: Sequence[Compared], seen: Evaluation, score: Score | None) -> Iterator[str]:
    for row in rows:
        if row.again is None:
            yield f"{row.tier.value} {row.index}: the program failed now"
        elif not row.equal:
            names = [name for name in row.stored if row.stored[name] != row.again.get(name)]
            told = ", ".join(
                f"{name} {row.stored[name]:g} then, {row.again.get(name, float('nan')):g} now" for name in names
            )
            yield f"{row.tier.value} {row.index}: {told or 'what it saved differs'}"
    if score != seen.score and seen.score is not None:
        yield f"the score stored is {_told(seen.score)}, now {'none' if score is None else _told(score)}"


def _told(score: Score) -> str:
    return f"{score.value!r} ± {score.standard_error:g} ({score.count})"
