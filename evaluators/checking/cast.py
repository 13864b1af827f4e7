"""The programs of a check, played on the base set of `valid`: seeds, the problem's sentinels, and automatic ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from heuresis.evaluators.checking import programs
from heuresis.evaluators.checking.report import Played
from heuresis.evaluators.checking.stage import Bench, Stage, Timed
from heuresis.evaluators.nouns import Evaluation, Status, Tier
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.sentinel import KNOWN_GOOD, NO_OP, RANDOM, Sentinel

SEED, SENTINEL, AUTOMATIC, CHEAT = "seed", "sentinel", "automatic", "cheat"

_CONSTANTS = {"zeros": "all zeros", "ones": "all ones", "halves": "all one half"}
_EXTREMES = ("infinity", "minus infinity", "huge", "minus huge")


@dataclass(frozen=True)
class Actor:
    """A program and how it was judged."""

    name: str
    role: str
    source: str
    timed: Timed

    @property
    def evaluation(self) -> Evaluation:
        return self.timed.evaluation

    @property
    def score(self) -> float:
        """For comparing; nothing is below a program without a score."""
        return -float("inf") if self.evaluation.score is None else self.evaluation.score.value

    def played(self, problem: Problem) -> Played:
        seen = self.evaluation
        value = None if seen.score is None else problem.describe_value(seen.score.value) + 0.0
        return Played(self.name, self.role, seen.status, seen.score, value, seen.reason, self.timed.seconds)


@dataclass(frozen=True)
class Cast:
    """Everybody who was played, by what they are for."""

    seeds: tuple[Actor, ...]
    sentinels: tuple[Actor, ...]
    """The problem's own, without cheats, the lowest first."""
    cheats: tuple[Actor, ...]
    no_op: Actor
    random: Actor
    constants: tuple[Actor, ...]
    """Each answers one number to everything."""
    known_good: Actor

    @property
    def all(self) -> tuple[Actor, ...]:
        unique = {actor.name: actor for actor in (*self.seeds, *self.sentinels, self.no_op, self.random)}
        return (*unique.values(), *self.constants, *self.cheats)

    @property
    def best(self) -> Actor:
        """What a cheat has to beat: the highest of the known good, the seeds and the other sentinels."""
        return max((self.known_good, *self.seeds, *self.sentinels), key=lambda actor: actor.score)

    @property
    def lazy(self) -> tuple[Actor, ...]:
        """Programs that have looked at nothing."""
        return (self.no_op, self.random, *self.constants)


def play_seeds(bench: Bench, stage: Stage) -> list[Actor]:
    return [_play(bench, stage, name, SEED, source) for name, source in bench.problem.seeds.items()]


def play_rest(bench: Bench, stage: Stage, seeds: Sequence[Actor]) -> Cast:
    """Raises nothing for a program that fails; at least one seed must have a score."""
    best = max(seeds, key=lambda actor: actor.score)
    own = [_own(bench, stage, name, given) for name, given in bench.problem.sentinels.items()]
    named = {actor.name: actor for actor in own}
    constants = list(_constants(bench, stage, best.source))
    no_op = named.get(NO_OP) or _best(NO_OP, [constants[0], *_variants(bench, stage, best.source, NO_OP)])
    random = named.get(RANDOM) or _best(RANDOM, list(_variants(bench, stage, best.source, RANDOM)))
    cheats = [actor for actor in own if actor.role == CHEAT]
    return Cast(
        tuple(seeds),
        tuple(actor for actor in own if actor.role != CHEAT),
        tuple(cheats) + tuple(_extremes(bench, stage, best.source)),
        no_op,
        random,
        tuple(constants),
        named.get(KNOWN_GOOD, best),
    )


def _own(bench: Bench, stage: Stage, name: str, given: Sentinel | str) -> Actor:
    sentinel = Sentinel(given) if isinstance(given, str) else given
    return _play(bench, stage, name, CHEAT if sentinel.cheat else SENTINEL, sentinel.source)


def _constants(bench: Bench, stage: Stage, seed: str) -> Iterator[Actor]:
    for filler, name in _CONSTANTS.items():
        yield _play(bench, stage, name, AUTOMATIC, programs.filled(bench.problem.required, seed, filler))


def _variants(bench: Bench, stage: Stage, seed: str, name: str) -> Iterator[Actor]:
    """Of a no-op, or of a random program: where an answer may be an order, one that is."""
    entries, is_random = bench.problem.required, name == RANDOM
    if is_random:
        yield _play(bench, stage, name, AUTOMATIC, programs.filled(entries, seed, "random"))
    if programs.is_permutation(entries):
        order = "shuffled" if is_random else "rising"
        source = programs.filled(entries, seed, "random" if is_random else "zeros", order)
        yield _play(bench, stage, name, AUTOMATIC, source)


def _extremes(bench: Bench, stage: Stage, seed: str) -> Iterator[Actor]:
    for filler in _EXTREMES:
        source = programs.filled(bench.problem.required, seed, filler)
        yield _play(bench, stage, f"answers {filler}", CHEAT, source, screened=True)


def _best(name: str, variants: Iterable[Actor]) -> Actor:
    best = max(variants, key=lambda actor: actor.score)
    return Actor(name, best.role, best.source, best.timed)


def _play(bench: Bench, stage: Stage, name: str, role: str, source: str, screened: bool = False) -> Actor:
    """On the base set; with `screened` not at all where the first training instance is failed already."""
    bench.told(f"playing {role} {name}" if role != AUTOMATIC else f"playing {name}")
    if screened and bench.train:
        first = stage.play(source, Tier.TRAIN, bench.train[:1])
        if first.evaluation.status is not Status.SCORED:
            return Actor(name, role, source, first)
    return Actor(name, role, source, stage.play(source, Tier.VALID, bench.valid))
