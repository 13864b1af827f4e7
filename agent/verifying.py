"""Verifying: a stored verdict made again from stored code and seeds, compared instance by instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from heuresis.agent import measuring
from heuresis.agent.judging import campaign_of
from heuresis.archive.ranks import rank_of, ranking_score
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.evaluators.partition import blocks
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.recording import Transcript
from heuresis.evaluators.referee import means
from heuresis.program import Program


@dataclass(frozen=True)
class Compared:
    """One instance, as stored and as played again."""

    tier: Tier
    index: int
    stored: Mapping[str, float]
    """Metrics and measures."""
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
    transcript: Transcript = field(default_factory=Transcript)
    """What crossed the wall of the jail; empty unless it was asked for."""


def verify(record: CampaignRecord, entry: Entry, record_bytes: int = 0) -> Verification:
    """Play the entry's program again on the instances of its verdict, in the same blocks. Stores nothing.

    With `record_bytes`, what crosses the wall is written down, up to so many compressed bytes. Raises ConfigError when
    the problem is not what it was, Unavailable without a sandbox.
    """
    campaign, program, seen = campaign_of(record), entry.proposal.program, entry.evaluation
    if campaign.problem.hash != record.problem_hash:
        raise ConfigError(
            "problem",
            "its code, parameters and instances as when the campaign was started",
            "others",
            "Verdicts of two problems differ.",
        )
    if program is None or seen.status is Status.REFUSED:
        raise ConfigError("id", "a program that was run", f"one that was refused: {seen.reason}")
    plays = str(entry.tags.get(measuring.PLAYS, ""))
    with Pool(campaign.setup(record), 1) as pool:
        if seen.score is None and seen.status is not Status.STOPPED:
            return _failed(seen, pool.submit(_failing(program, plays)).result())
        again = _Again(pool, campaign.problem, program, record_bytes, plays)
        pairs = list(again.play(seen.results))
    return replace(_compared(campaign.problem, seen, pairs), transcript=again.transcript)


def verify_kept(store: Store, campaign: str, entry: Entry, record_bytes: int = 0) -> Verification:
    """`verify`, and whether the program is ranked by the score of its verdict. Raises what `verify` raises."""
    record = store.campaign(campaign)
    if record is None:
        raise ConfigError("campaign", "the name of a campaign", campaign)
    done, program = verify(record, entry, record_bytes), entry.proposal.program
    ranked = store.score_of(campaign, program.id) if program is not None else None
    if entry.rank is None and ranked is not None:  # a later verdict on the program has taken its place
        return done
    score, rank = ranking_score(entry.evaluation), rank_of(entry.proposal.operator, entry.evaluation)
    if (ranked, entry.rank) == (score, rank):
        return done
    words = f"it is ranked by {ranked!r} ({entry.rank!r}), which is not its stored score"
    return replace(done, differences=(*done.differences, words))


def _failed(seen: Evaluation, again: Evaluation) -> Verification:
    """Of a program that had no score its status is compared. Its reason is not: limits name what was reached first,
    and a traceback names addresses and lines of libraries, which are not the program's."""
    same = seen.status is again.status
    words = () if same else (f"it ended {seen.status.value} then and {again.status.value} now",)
    return Verification((), seen, again.status, again.score, words)


def _failing(program: Program, plays: str) -> jobs.Job:
    """What it failed at: the whole way, or the fresh instances on which it was measured last."""
    files = dict(program.files)
    return jobs.Job(files, Tier.VALID, tuple(measuring.indices(plays))) if plays else jobs.Job(files)


class _Again:
    """Plays stored results again and remembers what crossed the wall, as long as there is room for it."""

    def __init__(self, pool: Pool, problem: Problem, program: Program, record_bytes: int, plays: str) -> None:
        self._pool, self._problem, self._program = pool, problem, program
        self._room, self._plays = record_bytes, plays
        self.transcript = Transcript()

    def play(self, results: Sequence[InstanceResult]) -> Iterator[tuple[InstanceResult, Result | None]]:
        """Each stored result beside the one made now. A block is played as a whole, as it was."""
        for tier in dict.fromkeys(row.tier for row in results):
            rows = {row.index: row for row in results if row.tier is tier}
            starts = measuring.starts(self._problem, self._plays) if tier is Tier.VALID else ()
            for indices in blocks(self._problem, tier, list(rows), starts):
                block = [rows[index] for index in indices]
                fresh = {row.index: row.result for row in self._block(tier, block).results}
                yield from ((row, fresh.get(row.index)) for row in block)

    def _block(self, tier: Tier, block: Sequence[InstanceResult]) -> Evaluation:
        indices = tuple(row.index for row in block)
        done = self._pool.record(jobs.Job(dict(self._program.files), tier, indices, record_bytes=self._room)).result()
        made = replace(done.transcript, calls=done.evaluation.calls)
        self._room = max(0, self._room - len(made.data)) if made.kept == made.calls else 0  # one gap, at the end
        self.transcript += made
        return done.evaluation


def _compared(
    problem: Problem, seen: Evaluation, again: Sequence[tuple[InstanceResult, Result | None]]
) -> Verification:
    rows = tuple(
        Compared(
            row.tier,
            row.index,
            _numbers(row.result),
            None if now is None else _numbers(now),
            now is not None and dict(row.result.artifacts) == dict(now.artifacts),
        )
        for row, now in again
    )
    valid = [now for row, now in again if row.tier is Tier.VALID]
    results = [now for now in valid if now is not None]
    if seen.status is Status.STOPPED:  # no score, no sums: it was stopped after these instances
        played = all(now is not None for _, now in again)
        words = tuple(_differences(rows, seen, None))
        return Verification(rows, seen, seen.status if played else Status.CRASHED, None, words)
    whole = bool(valid) and len(results) == len(valid)
    score = problem.aggregate(results) if whole else None
    status = Status.SCORED if score is not None else Status.CRASHED
    differences = [*_differences(rows, seen, score), *(_sums_differ(problem, seen, results) if whole else ())]
    return Verification(rows, seen, status, score, tuple(differences))


def _numbers(result: Result) -> dict[str, float]:
    return {**result.metrics, **result.measures}


def _sums_differ(problem: Problem, seen: Evaluation, results: Sequence[Result]) -> Iterator[str]:
    """Of the stored numbers over all instances."""
    stored, again = {**seen.metrics, **seen.measures}, {**problem.summarize(results), **means(results)}
    for name in dict.fromkeys((*stored, *again)):
        if stored.get(name) != again.get(name):
            yield f"over all instances: {name} {stored.get(name)!r} then, {again.get(name)!r} now"


def _differences(rows: Sequence[Compared], seen: Evaluation, score: Score | None) -> Iterator[str]:
    for row in rows:
        if row.again is None:
            yield f"{row.tier.value} {row.index}: the program failed now"
        elif not row.equal:
            names = [name for name in row.stored if row.stored[name] != row.again.get(name)]
            told = ", ".join(f"{name} {row.stored[name]!r} then, {row.again.get(name)!r} now" for name in names)
            yield f"{row.tier.value} {row.index}: {told or 'what it saved differs'}"
    if score != seen.score and seen.score is not None:
        yield f"the score stored is {_told(seen.score)}, now {'none' if score is None else _told(score)}"


def _told(score: Score) -> str:
    return f"{score.value!r} ± {score.standard_error:g} ({score.count})"
