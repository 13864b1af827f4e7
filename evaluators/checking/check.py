"""`check`: a red team for a problem, from the first seed to the last cheat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from heuresis.evaluators import jobs
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.checking import cast as casting
from heuresis.evaluators.checking.cast import Actor
from heuresis.evaluators.checking.failing import check_failing
from heuresis.evaluators.checking.instances import check_tiers, drawn_otherwise, look
from heuresis.evaluators.checking.leaking import check_leaks, record
from heuresis.evaluators.checking.looking import Sighting
from heuresis.evaluators.checking.repeating import check_repeating
from heuresis.evaluators.checking.report import Finding, Level, Report
from heuresis.evaluators.checking.stage import Bench, Hangs, Stage
from heuresis.evaluators.checking.standing import check_standing
from heuresis.evaluators.nouns import Status, Tier
from heuresis.evaluators.tiers import PUBLIC_SECRET

_SLOW, _TOO_SLOW = 2.0, 10.0
"""Times the cost class: a warning, a failure. Machines differ, classes are a factor of four or five apart."""
_SMOKE_SECONDS = 30.0


def check(
    problem: str,
    settings: Mapping[str, str] | None = None,
    *,
    quick: bool = False,
    isolation: str = "auto",
    min_isolation: str = "",
    device: str = "auto",
    allow_none: bool = False,
    told: Callable[[str], None] = lambda words: None,
) -> Report:
    """Plays programs whose place is known through the real referee and jail; says what does not come out as it must.

    Stores nothing. `told` hears what is going on. Raises ConfigError for a mistake in the names, Unavailable without a
    jail; whatever is wrong with the problem itself is a finding.
    """
    loaded = load_problem(problem, settings)
    setup = jobs.Setup(
        problem,
        dict(settings or {}),
        PUBLIC_SECRET,
        isolation=isolation,
        allow_none=allow_none,
        device=device,
        min_isolation=min_isolation,
    )
    return _Check(Bench(loaded, setup, quick, told), time.monotonic()).run()


@dataclass
class _Check:
    """One check on its way."""

    bench: Bench
    started: float
    findings: list[Finding] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)

    def run(self) -> Report:
        with Stage(self.bench) as stage:
            try:
                for findings in self._steps(stage):
                    self.findings += findings
            except Hangs as error:
                reason = f"{error}: its own code hangs, or needs far longer than its cost class says."
                self.findings.append(Finding("hangs", Level.FAIL, reason))
            return self._report(stage.isolation)

    def _steps(self, stage: Stage) -> Iterator[list[Finding]]:
        """From what everything else rests on to what rests on it."""
        problem = self.bench.problem
        if problem.self_reported:
            yield [
                Finding("self-reported", Level.WARN, "What is scored runs beside what scores it: scores can be forged.")
            ]
        yield [self._smoke(stage)]
        self.actors += casting.play_seeds(self.bench, stage)
        seeds = [actor for actor in self.actors if actor.evaluation.status is Status.SCORED]
        yield [self._seeds()]
        if not seeds:
            return
        cast = casting.play_rest(self.bench, stage, self.actors)
        self.actors = list(cast.all)
        if cast.known_good.evaluation.score is None:
            seen = cast.known_good.evaluation
            yield [
                Finding(
                    "order", Level.FAIL, f"The known good sentinel has no score: {seen.status.value}, {seen.reason}."
                )
            ]
            return
        yield [self._cost(stage, cast.known_good)]
        sightings, findings = self._instances()
        yield findings
        yield check_repeating(self.bench, stage, cast, "tiers" if drawn_otherwise(sightings) else "")
        recorded = record(self.bench, stage, cast)
        yield check_leaks(self.bench, stage, cast, recorded, sightings)
        yield check_standing(problem, cast)
        yield [check_failing(self.bench, stage, cast, recorded.evaluation)]

    def _smoke(self, stage: Stage) -> Finding:
        """Seconds until the first program has been played at all, with the start of the referee."""
        name, source = next(iter(self.bench.problem.seeds.items()))
        self.bench.told(f"playing seed {name}")
        if self.bench.train:
            stage.play(source, Tier.TRAIN, self.bench.train[:1])
        seconds = time.monotonic() - self.started
        level = Level.PASS if seconds <= _SMOKE_SECONDS else Level.WARN
        return Finding(
            "first result", level, f"{seconds:.1f} s until the first program was played.", {"seconds": seconds}
        )

    def _seeds(self) -> Finding:
        failed = [actor for actor in self.actors if actor.evaluation.status is not Status.SCORED]
        figures = {"seeds": len(self.actors), "scored": len(self.actors) - len(failed)}
        if failed:
            seen = failed[0].evaluation
            reason = f"The seed `{failed[0].name}` has no score: {seen.status.value}, {seen.reason}."
            return Finding("seeds", Level.FAIL, reason, figures)
        entries = ", ".join(entry.name for entry in self.bench.problem.entries)
        return Finding("seeds", Level.PASS, f"All {len(self.actors)} seeds define {entries} and are scored.", figures)

    def _cost(self, stage: Stage, known_good: Actor) -> Finding:
        """Where it seems slow, again: the first evaluations pay for what is compiled or loaded once."""
        declared = self.bench.problem.cost_seconds
        whole = self.bench.problem.tier_size(Tier.VALID) / len(self.bench.valid)
        seconds = known_good.timed.seconds * whole
        if seconds > _SLOW * declared:
            self.bench.told("timing the known good")
            seconds = min(seconds, whole * stage.play(known_good.source, Tier.VALID, self.bench.valid).seconds)
        factor = seconds / declared
        level = Level.PASS if factor <= _SLOW else Level.WARN if factor <= _TOO_SLOW else Level.FAIL
        reason = (
            f"A full valid evaluation of the known good takes {seconds:.2g} s here; its cost class says {declared:g} s."
        )
        return Finding("cost", level, reason, {"seconds": seconds, "declared_seconds": declared})

    def _instances(self) -> tuple[list[Sighting], list[Finding]]:
        self.bench.told("comparing the instances of all tiers")
        try:
            seen = look(self.bench)
        except ValueError as error:
            return [], [Finding("tiers", Level.FAIL, f"generate fails: {error}.")]
        return seen, check_tiers(self.bench, seen)

    def _report(self, isolation: str) -> Report:
        played = tuple(actor.played(self.bench.problem) for actor in self.actors)
        seconds = time.monotonic() - self.started
        name = self.bench.setup.problem
        return Report(name, tuple(self.findings), played, isolation, seconds, self.bench.quick)
