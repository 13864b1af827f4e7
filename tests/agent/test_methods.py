"""Methods are pure, resume where they were killed, and each setting changes what they do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from heuresis.agent.catalog import load_operator
from heuresis.agent.methods.genetic import Genetic, weaker_half
from heuresis.agent.methods.random import Random
from heuresis.agent.methods.sequential import Sequential
from heuresis.agent.protocols import Method, Turn, Workshop
from heuresis.agent.syntax_normal import normal_hash, skeleton_hash
from heuresis.archive.populations import Best, apply
from heuresis.archive.records import Brief, Entry, Member, Proposal
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program

ENTRY = (EntryPoint.parse("target(x: float, y: float[n]) -> float[n]"),)
HEAD = "import numpy as np\n\n\ndef target(x, y):\n    return "
SEEDS = (Program.of(HEAD + "y\n"), Program.of(HEAD + "x - y\n"))
Y = np.array([1.0, 2.0, 5.0, 9.0])


def judged(program: Program) -> Evaluation:
    """How near the program comes to 3.7 y y - x (log of the squared error), over four instances."""
    scope: dict[str, object] = {}
    exec(program.text, scope)
    errors = []
    for x in (0.5, 2.0, 4.0, 7.0):
        try:
            with np.errstate(all="ignore"):
                difference = np.asarray(scope["target"](x, Y)) - (3.7 * Y * Y - x)  # type: ignore[operator]
                errors.append(float(np.log10(1e-6 + np.mean(difference**2))))
        except ZeroDivisionError as error:
            return Evaluation(Status.CRASHED, None, reason=repr(error))
    if not np.isfinite(errors).all():
        return Evaluation(Status.INVALID, None, reason="not finite")
    rows = tuple(InstanceResult(Tier.VALID, i, Result({"error": error})) for i, error in enumerate(errors))
    return Evaluation(Status.SCORED, Score(-float(np.mean(errors)), 0.1, 4), results=rows)


@dataclass
class Desk:
    """A campaign in memory: the view that a method sees, and the little of the loop that feeds it."""

    method: Method
    seed: int = 0
    next_number: int = 2
    in_flight: Sequence[Brief] = ()
    seeds: Sequence[str] = ()
    marks: Mapping[str, object] = field(default_factory=dict)
    briefs: list[Brief] = field(default_factory=list)
    programs: dict[str, Program] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    has_model: bool = False
    evaluated: Counter[str] = field(default_factory=Counter)
    folded: dict[str, dict[str, Member]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folded = {population.name: {} for population in (Best(), *self.method.populations())}
        for program in SEEDS:
            self._judge(Proposal(program, "seed"), Brief("seed"))
        self.seeds = [program.id for program in SEEDS]

    def members(self, population: str) -> Mapping[str, Member]:
        return self.folded[population]

    def program(self, program_id: str) -> Program:
        return self.programs[program_id]

    def rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.next_number, purpose])

    def step(self) -> bool:
        """One brief: decided, carried out, remembered as JSON, as the store does."""
        step = self.method.next(self, self.marks, self.rng(0))
        if isinstance(step.action, Turn):
            return False
        self.marks = json.loads(json.dumps(step.marks))
        self.briefs.append(step.action)
        ids = (*step.action.parents, *step.action.inspirations)
        shop = Workshop(
            ENTRY,
            {one: self.programs[one] for one in ids},
            {one: self.scores[one] for one in ids if one in self.scores},
            lambda program: normal_hash(program) in self.known,
        )
        generator = load_operator(step.action.operator).run(step.action, shop, self.rng(1))
        batch = next(generator, ())
        while batch:
            try:
                batch = generator.send([self._judge(proposal, step.action) for proposal in batch])
            except StopIteration:
                batch = ()
        self.next_number += 1
        return True

    def run(self, briefs: int) -> Desk:
        while briefs > 0 and self.step():
            briefs -= 1
        return self

    @property
    def best(self) -> float:
        return max(self.scores.values())

    def _judge(self, proposal: Proposal, brief: Brief) -> Entry:
        if proposal.program is None:
            evaluation = Evaluation(Status.REFUSED, None, reason=proposal.refusal)
        else:
            evaluation = judged(proposal.program)
            self.programs[proposal.program.id] = proposal.program
            self.known.add(normal_hash(proposal.program))
            self.evaluated[proposal.operator] += 1
            if evaluation.score is not None:
                self.scores[proposal.program.id] = evaluation.score.value
        entry = Entry(sum(self.evaluated.values()), "campaign", brief.number, 0, proposal, evaluation, brief.tags)
        for population in (Best(), *self.method.populations()):
            apply(self.folded[population.name], population.place(self.folded[population.name], entry)[1])
        return entry


SMALL = Genetic(islands=3, capacity=8, founders=2, tune_evaluations=20, reset_every=90)
METHODS: list[Method] = [SMALL, Random(), Sequential()]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@by_name
def test_the_same_view_marks_and_rng_give_the_same_step(method: Method) -> None:
    desk = Desk(method)
    for _ in range(150):
        before = json.dumps(desk.marks)
        one, two = (method.next(desk, desk.marks, desk.rng(0)) for _ in range(2))
        assert one == two
        assert json.dumps(desk.marks) == before
        desk.step()


@by_name
def test_marks_are_small_plain_json(method: Method) -> None:
    desk = Desk(method).run(200)
    step = method.next(desk, desk.marks, desk.rng(0))
    assert json.loads(json.dumps(step.marks)) == step.marks
    assert len(json.dumps(step.marks)) < 20_000


@by_name
def test_resumed_in_a_new_process_a_method_goes_on_the_same_way(method: Method) -> None:
    whole = Desk(method, seed=5).run(160)
    half = Desk(method, seed=5).run(77)
    half.method = replace(method)  # type: ignore[type-var]
    assert half.run(83).briefs == whole.briefs


@by_name
def test_without_a_scored_seed_a_method_waits_for_those_in_flight_and_then_gives_up(method: Method) -> None:
    if method.name == "random":
        pytest.skip("random needs no seed")
    desk = Desk(method)
    desk.seeds = []
    desk.folded = {name: {} for name in desk.folded}
    assert method.next(desk, {}, desk.rng(0)).action is Turn.DONE
    desk.in_flight = [Brief("seed")]
    assert method.next(desk, {}, desk.rng(0)).action is Turn.WAIT


def test_sequential_always_edits_the_best() -> None:
    desk = Desk(Sequential())
    for _ in range(100):
        best = desk.best
        desk.step()
        assert desk.scores[desk.briefs[-1].parents[0]] == best


def test_random_asks_for_inventions_whatever_was_found() -> None:
    desk = Desk(Random()).run(50)
    assert len({repr(replace(brief, bar="")) for brief in desk.briefs}) == 1  # they race against the best so far
    assert desk.evaluated["invent"] == 50


@pytest.mark.slow
def test_genetic_beats_random_and_hill_climbing_with_as_many_evaluations() -> None:
    def mean(method: Method) -> float:
        found = []
        for seed in range(3):
            desk = Desk(method, seed)
            while sum(desk.evaluated.values()) < 400 and desk.next_number < 600:
                desk.step()
            found.append(desk.best)
        return float(np.mean(found))

    genetic = mean(SMALL)
    assert genetic > mean(Sequential())
    assert genetic > mean(Random())


def test_tuning_keeps_to_its_share_and_never_tunes_a_form_twice() -> None:
    desk = Desk(replace(SMALL, tune_share=0.25)).run(400)
    assert 0 < desk.evaluated["tune"] <= 0.25 * sum(desk.evaluated.values()) + 20
    forms = [skeleton_hash(desk.programs[b.parents[0]].text) for b in desk.briefs if b.operator == "tune"]
    assert len(forms) == len(set(forms)) > 2


@pytest.mark.parametrize("elite", [1, 3])
def test_only_the_elite_is_tuned(elite: int) -> None:
    desk = Desk(replace(SMALL, islands=1, elite=elite, tune_share=0.9, reset_every=10_000))
    ranked = [Program.of(f"{HEAD}y * {'(y + 1) * ' * length}2.5\n") for length in range(5)]
    desk.programs |= {program.id: program for program in ranked}
    desk.folded["islands"] = {f"0/{slot}": Member(one.id, -slot, 10, slot) for slot, one in enumerate(ranked)}
    desk.next_number, tuned = 1000, []
    for _ in range(10):
        step = desk.method.next(desk, desk.marks, desk.rng(0))
        desk.marks = step.marks
        if isinstance(step.action, Brief) and step.action.operator == "tune":
            tuned.append(step.action.parents[0])
    assert tuned == [program.id for program in ranked[:elite]]


def test_the_weaker_half_of_the_islands_starts_anew() -> None:
    desk = Desk(SMALL)
    while not any(brief.tags.get("reset") for brief in desk.briefs):
        before = [
            [m for niche, m in desk.members("islands").items() if niche.startswith(f"{island}/")] for island in range(3)
        ]
        desk.step()
    [weakest] = weaker_half(before)
    assert desk.briefs[-1].tags["island"] == weakest
    assert desk.briefs[-1].operator == "mutate"


def test_the_weaker_half_is_rounded_down_and_counts_empty_islands_as_weakest() -> None:
    def island(*scores: float) -> list[Member]:
        return [Member(str(score), score, 10, 0) for score in scores]

    assert weaker_half([island(3.0, 1.0), island(2.0), [], island(9.0), island(4.0)]) == [2, 1]
    assert weaker_half([island(1.0)]) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"islands": 2},
        {"capacity": 4},
        {"founders": 5},
        {"tournament": 1},
        {"crossover": 0.9},
        {"migration": 0.9},
        {"tune_share": 0.0},
        {"tune_evaluations": 10},
        {"reset_every": 50},
        {"fresh": 1.0},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_setting_of_genetic_changes_the_search(changed: dict[str, int | float]) -> None:
    briefs = [Desk(method).run(200).briefs for method in (SMALL, replace(SMALL, **changed))]  # type: ignore[arg-type]
    assert briefs[0] != briefs[1]


@pytest.mark.parametrize(
    ("key", "value"),
    [("islands", 0), ("capacity", 1), ("founders", 0), ("tournament", 0), ("crossover", 1.1), ("migration", -0.1),
     ("tune_share", 1.0), ("tune_evaluations", 1), ("elite", 0), ("reset_every", 0), ("fresh", 2.0), ("costly", 0.0)],
)  # fmt: skip
def test_a_setting_out_of_bounds_is_named(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"genetic.{key}"):
        replace(SMALL, **{key: value})  # type: ignore[arg-type]


def test_programs_that_mix_array_elements_are_rarely_parents() -> None:
    method = replace(SMALL, tune_share=0.0, reset_every=10_000, founders=1)
    desk = Desk(method)
    slow, quick = Program.of(HEAD + "y - np.mean(y)\n"), Program.of(HEAD + "y - 3.25\n")
    desk.programs |= {slow.id: slow, quick.id: quick}
    desk.folded["islands"] = {
        f"{island}/{slot}": Member(program.id, 1.0, 10, slot)
        for island in range(3)
        for slot, program in enumerate((slow, quick))
    }
    desk.next_number = 100

    def share(method: Method) -> float:
        steps = [method.next(desk, {}, np.random.default_rng(i)) for i in range(300)]
        return float(np.mean([isinstance(s.action, Brief) and s.action.parents[0] == slow.id for s in steps]))

    assert 0 < share(method) < 0.1
    assert share(replace(method, costly=1.0)) > 0.4
