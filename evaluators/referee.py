"""The referee: holds the exam, plays programs against it, and says how it ended.

    gate -> smoke (train 0) -> screening (train) -> full (valid)        `judge`; no smoke for cheap problems
                                                   -> promotions (more valid), above the best one known
    a race against a bar is looked at between these: STOPPED when clearly behind
    gate -> one tier, chosen instances                                  `examine`

Every block of instances runs in a fresh jailed child. A failure is a status with a reason; `Unavailable` (a part of
ours is gone) and ConfigError go up.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from heuresis.errors import Unavailable
from heuresis.evaluators.gate import refusal
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Status, Tier
from heuresis.evaluators.partition import Stage, blocks, stages
from heuresis.evaluators.player import Player, ProgramFailed
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.racing import Bar, Race, is_above
from heuresis.evaluators.recording import Place, Tape
from heuresis.evaluators.tiers import PUBLIC_SECRET, instance_rng, instance_seed
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Ending, JailEnded, Session, Usage, Worker

STATUS_OF = {
    Ending.RETURNED: Status.CRASHED,
    Ending.CRASHED: Status.CRASHED,
    Ending.WALL: Status.TIMED_OUT,
    Ending.CPU: Status.TIMED_OUT,
    Ending.MEMORY: Status.OUT_OF_MEMORY,
    Ending.OUTPUT: Status.VIOLATION,
    Ending.VIOLATION: Status.VIOLATION,
}
_NO_MODULE = "ModuleNotFoundError: No module named '"
_FEEDBACK_CHARACTERS = 4_000
_REASON_CHARACTERS = 2_000
_TOLD_STAGES = ("gate", "smoke", "screening", Tier.TRAIN.value, Tier.VALID.value)
"""Where the reason of a failure is told in full. A campaign's valid instances are played in the stage `full`; the stage
`valid` is that of `examine`, outside a search."""


@dataclass(frozen=True)
class _Exam:
    """The services of one run (`Exam`)."""

    rng: np.random.Generator
    limits: Limits
    device: str
    shared: Any = None
    artifacts: dict[str, bytes] = field(default_factory=dict)
    curve: list[tuple[int, float]] = field(default_factory=list)

    def save(self, name: str, data: bytes) -> None:
        self.artifacts[name] = data

    def report(self, step: int, value: float) -> None:
        self.curve.append((step, value))


@dataclass
class _Tally:
    """What an evaluation has gathered so far."""

    results: list[InstanceResult] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    output: str = ""

    def add_usage(self, usage: Usage, output: str) -> None:
        mine = self.usage
        self.usage = Usage(
            mine.wall_seconds + usage.wall_seconds,
            mine.cpu_seconds + usage.cpu_seconds,
            max(mine.memory_bytes, usage.memory_bytes),
            mine.output_bytes + usage.output_bytes,
            mine.calls + usage.calls,
        )
        self.output = self.output or output


class Referee:
    """Judges programs on one problem. Not thread-safe: one referee, one warm worker, one process."""

    def __init__(self, problem: Problem, worker: Worker, secret: bytes) -> None:
        self.problem = problem
        self.worker = worker
        self._secret = secret
        self._public = secret == PUBLIC_SECRET
        """Whether everybody can draw the same instances: then what a program prints gives nothing away."""
        self._instances: dict[tuple[Tier, int], Any] = {}
        self._transformation = ""
        self.tape: Tape | None = None
        """Where there is one, everything that crosses the wall is written down on it."""

    def judge(self, program: Program, champion: Bar | None = None, bar: Bar | None = None) -> Evaluation:
        """The way every candidate goes. SCORED from `valid`; a failure names its stage.

        One that scores above `champion`, on what both have played, goes on to fresh valid instances, as far as
        `Problem.promotions` say and as long as it stays above; its score is over all it has played. So the best of many
        is not the luckiest of many. One that is clearly behind `bar` is STOPPED; until then its results are what they
        are without a bar.
        """
        race = None if bar is None else Race(self.problem, bar, lambda index: self._instance(Tier.VALID, index))
        return self._evaluate(program, stages(self.problem), Tier.VALID, champion, race)

    def examine(self, program: Program, tier: Tier, indices: Iterable[int], transformation: str = "") -> Evaluation:
        """One tier only, on these instances; the score is that tier's.

        With the name of one of the problem's transformations, on what it makes of them.
        """
        self._transformation = transformation
        try:
            return self._evaluate(program, [(tier.value, tier, list(indices))], tier)
        finally:
            self._transformation = ""

    def _evaluate(
        self,
        program: Program,
        stages: Sequence[Stage],
        scored: Tier,
        champion: Bar | None = None,
        race: Race | None = None,
    ) -> Evaluation:
        tally = _Tally()
        refused = refusal(program, self.problem.required)
        if refused is not None:
            return self._verdict(tally, Status.REFUSED, "gate", reason=refused)
        stage = ""
        try:
            for name, tier, indices in stages:
                stage = name
                self._play(program, tier, indices, tally)
                if race is not None and (behind := race.evidence(tally.results)):
                    return self._verdict(tally, Status.STOPPED, stage, reason=behind)
            verdict = self._score(tally, stage, scored)
            return verdict if champion is None else self._promote(program, verdict, champion, tally)
        except ProgramFailed as failure:
            return self._failed(tally, failure.status, stage, failure.reason, failure.feedback)
        except JailEnded as ended:
            if ended.ending is Ending.UNAVAILABLE:
                raise Unavailable(ended.reason) from ended
            tally.add_usage(ended.usage, ended.output if self._may_tell(stage) else "")
            return self._failed(tally, STATUS_OF[ended.ending], stage, ended.reason)

    def _failed(self, tally: _Tally, status: Status, stage: str, reason: str, feedback: str = "") -> Evaluation:
        """Where instances are secret, a program must not carry them out in the text of its failure."""
        if not self._may_tell(stage):
            reason, feedback = f"{status.value} on an instance that is kept secret (details withheld)", ""
        reason = _with_imports(reason, self.problem.runtime)
        return self._verdict(tally, status, stage, reason=reason[:_REASON_CHARACTERS], feedback=feedback)

    def _may_tell(self, stage: str) -> bool:
        """Whoever reports its own score sees the whole exam anyway."""
        return self.problem.self_reported or stage in _TOLD_STAGES

    def _promote(self, program: Program, verdict: Evaluation, champion: Bar, tally: _Tally) -> Evaluation:
        """More valid instances, step by step, while it stands above the champion on those that both have played."""
        for count in self.problem.promotion_steps:
            if verdict.score is None or not is_above(self.problem, tally.results, champion):
                break
            self._play(program, Tier.VALID, range(verdict.score.count, count), tally)
            verdict = self._score(tally, "full", Tier.VALID)
        return verdict

    def _play(self, program: Program, tier: Tier, indices: Sequence[int], tally: _Tally) -> None:
        for block in blocks(self.problem, tier, indices):
            tally.results += self._block(program, tier, block, tally)

    def _block(self, program: Program, tier: Tier, indices: Sequence[int], tally: _Tally) -> list[InstanceResult]:
        """A fresh child, these instances in lock-step, and the child is gone."""
        limits = self.problem.limits
        seed = instance_seed(self._secret, tier, indices[0], "jail")
        instances = [self._instance(tier, index) for index in indices]
        with self._session(program, limits, seed, Place(tier, indices)) as session:
            try:
                player = Player(self.problem, session)
                device = self.worker.device
                block_exam = _Exam(instance_rng(self._secret, tier, indices[0], "prepare"), limits, device)
                shared = player.prepare(instances, block_exam)
                rngs = [instance_rng(self._secret, tier, index, "exam") for index in indices]
                exams = [_Exam(rng, limits, device, shared) for rng in rngs]
                results = player.play(instances, exams)
            finally:
                tally.add_usage(session.usage, session.output if self._public or self._is_open(tier) else "")
        return [
            InstanceResult(tier, index, _kept(result, exam), self.problem.instance_name(instance))
            for index, instance, exam, result in zip(indices, instances, exams, results, strict=True)
        ]

    def _session(self, program: Program, limits: Limits, seed: int, place: Place) -> Session:
        names = [entry.name for entry in self.problem.entries]
        session = self.worker.start(self.problem.staged(program), names, limits, seed)
        return session if self.tape is None else self.tape.listen(session, place, seed)

    def _instance(self, tier: Tier, index: int) -> Any:
        instance = self._given(tier, index)
        if not self._transformation:
            return instance
        change = next(one for one in self.problem.transformations if one.name == self._transformation)
        return change.apply(instance, instance_rng(self._secret, tier, index, "transformation"))

    def _given(self, tier: Tier, index: int) -> Any:
        if tier is Tier.VALID and self.problem.own_instances is not None:
            return self.problem.own_instances[index]
        key = (tier, index)
        if key not in self._instances:
            try:
                self._instances[key] = self.problem.generate(tier, index, instance_rng(self._secret, tier, index))
            except Exception as error:  # the problem's own code, as in `run`
                reason = f"{type(self.problem).__name__}.generate({tier.value}, {index}) failed: {_place(error)}"
                raise ProgramFailed(Status.INVALID, reason) from error
        return self._instances[key]

    def _score(self, tally: _Tally, stage: str, scored: Tier) -> Evaluation:
        results = [row.result for row in tally.results if row.tier is scored]
        try:
            metrics = _guard_metrics(self.problem.summarize, results)
            score = self.problem.aggregate(results)
        except (OverflowError, ValueError) as error:  # finite each, but their sum or spread is not
            raise ProgramFailed(Status.INVALID, f"results too large to be summed up ({error})") from error
        except ProgramFailed:
            raise
        except Exception as error:  # the problem's own code: its author is told where, no more
            reason = f"{type(self.problem).__name__} could not sum up the results: {_place(error)}"
            return self._verdict(tally, Status.INVALID, stage, reason=reason)
        return self._verdict(
            tally,
            Status.SCORED,
            stage,
            metrics=metrics,
            score=score,
            measures=means(results),
            quarantine=self.problem.quarantine(metrics),
        )

    def _is_open(self, tier: Tier) -> bool:
        """Whether what happened on its instances may be told in detail."""
        return tier is Tier.TRAIN or self.problem.self_reported

    def _verdict(self, tally: _Tally, status: Status, stage: str, **parts: Any) -> Evaluation:
        shown = [row.result.feedback for row in tally.results if self._is_open(row.tier) and row.result.feedback]
        feedback = "\n".join([parts.pop("feedback", ""), *shown, tally.output]).strip()[:_FEEDBACK_CHARACTERS]
        return Evaluation(
            status,
            parts.pop("score", None),
            results=tuple(tally.results),
            feedback=feedback,
            stage=stage,
            wall_seconds=tally.usage.wall_seconds,
            cpu_seconds=tally.usage.cpu_seconds,
            calls=tally.usage.calls,
            isolation=self.worker.isolation if status is not Status.REFUSED else "",
            self_reported=self.problem.self_reported,
            **parts,
        )


def _place(error: Exception) -> str:
    """`KeyError in my_problem.py, line 12`: not its text, which may hold an instance."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _kept(result: Result, exam: _Exam) -> Result:
    """The result with what the run saved and reported through its exam."""
    curve = "\n".join(f"step {step}: {value:.6g}" for step, value in exam.curve)
    if not exam.artifacts and not curve:
        return result
    feedback = "\n".join(part for part in (result.feedback, curve) if part)
    return replace(result, feedback=feedback, artifacts={**result.artifacts, **exam.artifacts})


def _guard_metrics(summarize: Callable[[Sequence[Result]], Any], results: Sequence[Result]) -> dict[str, float]:
    metrics = {name: float(value) for name, value in summarize(results).items()}
    bad = [name for name, value in metrics.items() if not np.isfinite(value)]
    if bad:
        raise ProgramFailed(Status.INVALID, f"the metric {bad[0]} over all instances is not finite")
    return metrics


def means(results: Sequence[Result]) -> dict[str, float]:
    """Of each measure over these instances."""
    names = results[0].measures if results else {}
    return {name: float(np.mean([result.measures[name] for result in results])) for name in names}


def _with_imports(reason: str, runtime: Sequence[str]) -> str:
    """A reason that names a module which is not there says beside it what may be imported."""
    if _NO_MODULE not in reason:
        return reason
    first, newline, rest = reason.partition("\n")
    return f"{first}. It may import {' and '.join(['the standard library', *runtime])}, nothing else{newline}{rest}"
