"""The referee: holds the exam, plays programs against it, and says how it ended.

    gate -> smoke (train 0) -> screening (train) -> full (valid)        `judge`; no smoke for cheap problems
    gate -> one tier, chosen instances                                  `examine`

Every block of instances runs in a fresh jailed child. A failure is a status with a reason; `Unavailable` (a part of
ours is gone) and ConfigError go up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heuresis.errors import Unavailable
from heuresis.evaluators.gate import refusal
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Status, Tier
from heuresis.evaluators.player import Player, ProgramFailed
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.tiers import instance_rng, instance_seed
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Ending, JailEnded, Usage, Worker

_STATUS = {
    Ending.RETURNED: Status.CRASHED,
    Ending.CRASHED: Status.CRASHED,
    Ending.WALL: Status.TIMED_OUT,
    Ending.CPU: Status.TIMED_OUT,
    Ending.MEMORY: Status.OUT_OF_MEMORY,
    Ending.OUTPUT: Status.VIOLATION,
    Ending.VIOLATION: Status.VIOLATION,
}
_FEEDBACK_CHARACTERS = 4_000
_CHEAP_SECONDS = 3.0
"""Up to this cost class a separate smoke run costs more than it saves: screening is the smoke run."""


@dataclass(frozen=True)
class _Exam:
    """The services of one run (`Exam`)."""

    rng: np.random.Generator
    limits: Limits
    shared: Any = None
    device: str = "cpu"
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
        self._instances: dict[tuple[Tier, int], Any] = {}

    def judge(self, program: Program) -> Evaluation:
        """The way every candidate goes. SCORED from `valid`; a failure names its stage."""
        train = self.problem.tier_size(Tier.TRAIN)
        smoke = 1 if train > 1 and self.problem.cost_seconds > _CHEAP_SECONDS else 0
        stages = [("smoke", Tier.TRAIN, range(smoke))] if smoke else []
        stages.append(("screening", Tier.TRAIN, range(smoke, train)))
        stages.append(("full", Tier.VALID, range(self.problem.tier_size(Tier.VALID))))
        return self._evaluate(program, stages, Tier.VALID)

    def examine(self, program: Program, tier: Tier, indices: Iterable[int]) -> Evaluation:
        """One tier only, on these instances; the score is that tier's."""
        return self._evaluate(program, [(tier.value, tier, list(indices))], tier)

    def _evaluate(
        self, program: Program, stages: Sequence[tuple[str, Tier, Sequence[int]]], scored: Tier
    ) -> Evaluation:
        tally = _Tally()
        refused = refusal(program, self.problem.entries)
        if refused is not None:
            return self._verdict(tally, Status.REFUSED, "gate", reason=refused)
        stage, size = "", self.problem.block_size
        try:
            for name, tier, indices in stages:
                stage = name
                for start in range(0, len(indices), size):
                    tally.results += self._block(program, tier, indices[start : start + size], tally)
            return self._score(tally, stage, scored)
        except ProgramFailed as failure:
            told = _without_details(failure) if stage == "full" else failure
            return self._verdict(tally, told.status, stage, reason=told.reason, feedback=told.feedback)
        except JailEnded as ended:
            if ended.ending is Ending.UNAVAILABLE:
                raise Unavailable(ended.reason) from ended
            withheld = f"{ended.ending} on a valid instance (details withheld)"
            return self._verdict(
                tally, _STATUS[ended.ending], stage, reason=withheld if stage == "full" else ended.reason
            )

    def _block(self, program: Program, tier: Tier, indices: Sequence[int], tally: _Tally) -> list[InstanceResult]:
        """A fresh child, these instances in lock-step, and the child is gone."""
        limits = self.problem.limits
        seed = instance_seed(self._secret, tier, indices[0], "jail")
        names = [entry.name for entry in self.problem.entries]
        instances = [self._instance(tier, index) for index in indices]
        with self.worker.start(program, names, limits, seed) as session:
            try:
                player = Player(self.problem, session)
                block_exam = _Exam(instance_rng(self._secret, tier, indices[0], "prepare"), limits)
                shared = player.prepare(instances, block_exam)
                exams = [_Exam(instance_rng(self._secret, tier, index, "exam"), limits, shared) for index in indices]
                results = player.play(instances, exams)
            finally:
                tally.add_usage(session.usage, session.output if tier is Tier.TRAIN else "")
        return [
            InstanceResult(tier, index, _kept(result, exam), self.problem.instance_name(instance))
            for index, instance, exam, result in zip(indices, instances, exams, results, strict=True)
        ]

    def _instance(self, tier: Tier, index: int) -> Any:
        if tier is Tier.VALID and self.problem.own_instances is not None:
            return self.problem.own_instances[index]
        key = (tier, index)
        if key not in self._instances:
            self._instances[key] = self.problem.generate(tier, index, instance_rng(self._secret, tier, index))
        return self._instances[key]

    def _score(self, tally: _Tally, stage: str, scored: Tier) -> Evaluation:
        results = [row.result for row in tally.results if row.tier is scored]
        metrics = _guard_metrics(self.problem.summarize, results)
        return self._verdict(
            tally,
            Status.SCORED,
            stage,
            metrics=metrics,
            score=self.problem.aggregate(results),
            measures=_means(results),
            quarantine=self.problem.quarantine(metrics),
        )

    def _verdict(self, tally: _Tally, status: Status, stage: str, **parts: Any) -> Evaluation:
        shown = [row.result.feedback for row in tally.results if row.tier is Tier.TRAIN and row.result.feedback]
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
            **parts,
        )


def _kept(result: Result, exam: _Exam) -> Result:
    """The result with what the run saved and reported through its exam."""
    curve = "\n".join(f"step {step}: {value:.6g}" for step, value in exam.curve)
    if not exam.artifacts and not curve:
        return result
    feedback = "\n".join(part for part in (result.feedback, curve) if part)
    return replace(result, feedback=feedback, artifacts={**result.artifacts, **exam.artifacts})


def _without_details(failure: ProgramFailed) -> ProgramFailed:
    """On the valid tier only the kind of failure is told: a message could carry an instance to the next prompt."""
    return ProgramFailed(failure.status, f"{failure.reason.split(':')[0]} (on a valid instance; details withheld)")


def _guard_metrics(summarize: Callable[[Sequence[Result]], Any], results: Sequence[Result]) -> dict[str, float]:
    metrics = {name: float(value) for name, value in summarize(results).items()}
    bad = [name for name, value in metrics.items() if not np.isfinite(value)]
    if bad:
        raise ProgramFailed(Status.INVALID, f"the metric {bad[0]} over all instances is not finite")
    return metrics


def _means(results: Sequence[Result]) -> dict[str, float]:
    names = results[0].measures if results else {}
    return {name: float(np.mean([result.measures[name] for result in results])) for name in names}
