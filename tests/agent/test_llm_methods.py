"""The methods that need a language model: pure, resumable, and drawn with the probabilities that they say."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from heuresis.agent.catalog import load_method
from heuresis.agent.methods.funsearch import FunSearch, clustered, successive
from heuresis.agent.methods.meta_agent import MetaAgent
from heuresis.agent.methods.random import Random
from heuresis.agent.methods.sequential import Sequential
from heuresis.agent.protocols import Method, Turn
from heuresis.archive.populations import Best, apply
from heuresis.archive.records import Brief, Entry, Member, Proposal
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program

SEEDS = tuple(Program.of(f"def f(x):\n    return {n}\n") for n in range(3))
BEST_FIT = "def f(x):\n    # EVOLVE-BLOCK-START\n    return x\n    # EVOLVE-BLOCK-END\n"


def judged(program: Program) -> Evaluation:
    """A score, and a behaviour that one program in three shares with another; one in eight crashes."""
    number = int(program.id[:6], 16)
    if program not in SEEDS and number % 8 == 0:
        return Evaluation(Status.CRASHED, None, reason="it crashed")
    value = float(number % 97) / 10
    rows = (InstanceResult(Tier.VALID, 0, Result({"error": value})),)
    return Evaluation(Status.SCORED, Score(value, 0.1, 1), results=rows)


@dataclass
class Desk:
    """A campaign in memory, with a model that writes programs without end."""

    method: Method
    seed: int = 0
    has_model: bool = True
    next_number: int = 3
    in_flight: Sequence[Brief] = ()
    seeds: Sequence[str] = tuple(program.id for program in SEEDS)
    marks: Mapping[str, object] = field(default_factory=dict)
    briefs: list[Brief] = field(default_factory=list)
    programs: dict[str, Program] = field(default_factory=dict)
    folded: dict[str, dict[str, Member]] = field(default_factory=dict)
    entries: int = 0

    def __post_init__(self) -> None:
        self.folded = {population.name: {} for population in (Best(), *self.method.populations())}
        for program in SEEDS:
            self._judge(program, Brief("seed"))

    def members(self, population: str) -> Mapping[str, Member]:
        return self.folded[population]

    def program(self, program_id: str) -> Program:
        return self.programs[program_id]

    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.next_number])

    def step(self) -> None:
        step = self.method.next(self, self.marks, self.rng())
        assert isinstance(step.action, Brief)
        self.marks = json.loads(json.dumps(step.marks))
        self.briefs.append(step.action)
        if step.action.operator == "copy":
            written = [self.programs[one] for one in step.action.parents]
        else:
            count = int(step.action.tags.get("samples", 1))
            texts = [f"def f(x):\n    return {self.seed} + {self.next_number} * x ** {n}\n" for n in range(count)]
            written = [Program.of(text) for text in texts]
        for program in written:
            self._judge(program, step.action)
        self.next_number += 1

    def run(self, briefs: int) -> Desk:
        for _ in range(briefs):
            self.step()
        return self

    def _judge(self, program: Program, brief: Brief) -> None:
        self.programs[program.id] = program
        self.entries += 1
        entry = Entry(self.entries, "campaign", 0, 0, Proposal(program, brief.operator), judged(program), brief.tags)
        for population in (Best(), *self.method.populations()):
            apply(self.folded[population.name], population.place(self.folded[population.name], entry)[1])


SMALL = FunSearch(islands=4, capacity=12, reset_every=120)
METHODS: list[Method] = [SMALL, MetaAgent(), Sequential(), Random()]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


# the contract


@by_name
def test_the_same_view_marks_and_rng_give_the_same_step(method: Method) -> None:
    desk = Desk(method)
    for _ in range(100):
        before = json.dumps(desk.marks)
        one, two = (method.next(desk, desk.marks, desk.rng()) for _ in range(2))
        assert one == two
        assert json.dumps(desk.marks) == before
        desk.step()


@by_name
def test_marks_are_small_plain_json(method: Method) -> None:
    desk = Desk(method).run(300)
    step = method.next(desk, desk.marks, desk.rng())
    assert json.loads(json.dumps(step.marks)) == step.marks
    assert len(json.dumps(step.marks)) < 500


@by_name
def test_resumed_in_a_new_process_a_method_goes_on_the_same_way(method: Method) -> None:
    whole = Desk(method, seed=5).run(120)
    half = Desk(method, seed=5).run(47)
    half.method = replace(method)  # type: ignore[type-var]
    assert half.run(73).briefs == whole.briefs


@pytest.mark.parametrize("method", METHODS[:3], ids=lambda method: method.name)
def test_without_a_scored_seed_a_method_waits_for_those_in_flight_and_then_gives_up(method: Method) -> None:
    desk = Desk(method, seeds=())
    desk.folded = {name: {} for name in desk.folded}
    assert method.next(desk, {}, desk.rng()).action is Turn.DONE
    desk.in_flight = [Brief("seed")]
    assert method.next(desk, {}, desk.rng()).action is Turn.WAIT


def test_methods_say_whether_they_need_a_model_or_use_one() -> None:
    said = {name: load_method(name, {}) for name in ("funsearch", "meta_agent", "random", "sequential", "genetic")}
    needs = {name for name, method in said.items() if getattr(method, "needs_model", False)}
    uses = {name for name, method in said.items() if getattr(method, "uses_model", False)}
    assert needs == {"funsearch", "meta_agent"}
    assert uses == needs | {"random", "sequential"}


def test_sequential_improves_with_a_model_and_mutates_without() -> None:
    assert {brief.operator for brief in Desk(Sequential()).run(20).briefs} == {"improve"}
    assert {brief.operator for brief in Desk(Sequential(), has_model=False).run(20).briefs} == {"mutate"}


# funsearch


def test_every_island_starts_with_all_seeds() -> None:
    desk = Desk(SMALL).run(4)
    assert [brief.operator for brief in desk.briefs] == ["copy"] * 4
    assert [brief.tags["island"] for brief in desk.briefs] == [0, 1, 2, 3]
    assert {brief.parents for brief in desk.briefs} == {tuple(desk.seeds)}
    assert len(desk.members("islands")) == 4 * 3


def test_before_its_founders_arrive_an_island_continues_the_seeds() -> None:
    desk = Desk(SMALL)
    step = SMALL.next(desk, {"founded": 4, "asked": [0] * 4}, desk.rng())
    assert isinstance(step.action, Brief)
    assert step.action.operator == "versions"
    assert len(set(step.action.parents)) == 2
    assert set(step.action.parents) <= set(desk.seeds)


def member(name: str, score: float, size: int = 10, signature: str = "", sequence: int = 0) -> Member:
    return Member(name, score, size, sequence, signature or name)


def draws(method: FunSearch, members: Sequence[Member], age: int, count: int = 20_000) -> dict[tuple[str, ...], float]:
    rng = np.random.default_rng(0)
    counted = Counter(tuple(method.draw(members, age, rng)) for _ in range(count))
    return {drawn: seen / count for drawn, seen in counted.items()}


def softmax(logits: Sequence[float]) -> list[float]:
    weights = [np.exp(logit - max(logits)) for logit in logits]
    return [float(weight / sum(weights)) for weight in weights]


def test_clusters_and_programs_are_drawn_as_often_as_the_paper_says() -> None:
    """Brute force over all ordered pairs of clusters, and over the programs in each, from the paper's formulas."""
    clusters = {"a": (0.3, [10, 30]), "b": (0.1, [50]), "c": (0.0, [8, 16, 24])}
    members = [member(f"{key}{size}", score, size, key) for key, (score, sizes) in clusters.items() for size in sizes]
    method = FunSearch(scale="raw", temperature=0.2, period=100)
    heat = 0.2 * (1 - 25 / 100)

    def of_cluster(keys: Sequence[str]) -> dict[str, float]:
        return dict(zip(keys, softmax([clusters[key][0] / heat for key in keys]), strict=True))

    def of_program(key: str) -> dict[str, float]:
        sizes = clusters[key][1]
        lengths = [(size - min(sizes)) / (max(sizes) + 1e-6) for size in sizes]
        return dict(zip([f"{key}{size}" for size in sizes], softmax([-length for length in lengths]), strict=True))

    expected: dict[tuple[str, ...], float] = {}
    for first, second in itertools.permutations(clusters, 2):
        pair = of_cluster(list(clusters))[first] * of_cluster([key for key in clusters if key != first])[second]
        for (one, p), (two, q) in itertools.product(of_program(first).items(), of_program(second).items()):
            expected[one, two] = pair * p * q
    assert sum(expected.values()) == pytest.approx(1.0)
    seen = draws(method, members, age=125)  # 125 mod 100 = 25
    for drawn, share in expected.items():
        error = 5 * np.sqrt(share * (1 - share) / 20_000)
        assert seen.get(drawn, 0.0) == pytest.approx(share, abs=error)


def test_scaled_by_their_spread_scores_of_any_unit_are_drawn_alike() -> None:
    members = [member(str(n), float(n)) for n in range(9)]
    large = [replace(one, score=1000 * one.score) for one in members]
    assert draws(FunSearch(), members, 0, 500) == draws(FunSearch(), large, 0, 500)
    raw = FunSearch(scale="raw", temperature=2.0)
    assert draws(raw, members, 0, 500) != draws(raw, large, 0, 500)


@pytest.mark.parametrize("scores", [[1.0], [2.0, 2.0, 2.0], [0.0, 5.0, 5.0, 5.0, 5.0], [-1e300, 0.0, 1e300]])
def test_scores_without_a_spread_or_with_an_enormous_one_are_drawn_all_the_same(scores: list[float]) -> None:
    members = [member(str(n), score) for n, score in enumerate(scores)]
    for drawn in draws(FunSearch(), members, 29_999, 50):
        assert len(set(drawn)) == min(2, len(scores))


def test_late_in_its_period_an_island_draws_its_best_clusters_only() -> None:
    members = [member(str(n), n / 10) for n in range(10)]
    early, late = (draws(FunSearch(scale="raw"), members, age, 2_000) for age in (0, 29_900))
    assert late.get(("9", "8"), 0.0) > 0.99 > early.get(("9", "8"), 0.0)


def test_programs_of_equal_behaviour_are_one_cluster_and_unknown_behaviour_is_its_own() -> None:
    members = [member("a", 1, signature="s"), member("b", 1, signature="s"), Member("c", 1, 5, 0), Member("d", 1, 5, 1)]
    assert [len(cluster) for cluster in clustered(members).values()] == [2, 1, 1]


def test_drawing_one_after_another_gives_no_index_twice() -> None:
    rng = np.random.default_rng(0)
    assert sorted(successive(np.array([1e9, 0.0, -1e9]), 3, rng)) == [0, 1, 2]
    assert successive(np.array([]), 2, rng) == []


def test_the_weaker_half_starts_anew_with_the_best_of_a_stronger_island() -> None:
    desk = Desk(replace(SMALL, reset_every=40)).run(4)
    while not any(brief.tags.get("reset") for brief in desk.briefs):
        before = dict(desk.members("islands"))
        desk.step()
    best = [max(m.score for niche, m in before.items() if niche.startswith(f"{island}/")) for island in range(4)]
    weakest = sorted(range(4), key=best.__getitem__)[:2]
    brief = desk.briefs[-1]
    assert brief.operator == "copy"
    assert brief.tags["island"] == weakest[0]
    founders = {
        max((m for n, m in before.items() if n.startswith(f"{i}/")), key=lambda m: m.score).program
        for i in (set(range(4)) - set(weakest))
    }
    assert set(brief.parents) <= founders
    own = [m.program for niche, m in desk.members("islands").items() if niche.startswith(f"{weakest[0]}/")]
    assert own == list(brief.parents)
    desk.step()
    assert desk.briefs[-1].tags.get("reset")
    assert desk.briefs[-1].tags["island"] == weakest[1]
    desk.step()
    assert not desk.briefs[-1].tags.get("reset")


def test_islands_start_anew_every_so_many_programs() -> None:
    desk = Desk(replace(SMALL, reset_every=40)).run(200)
    asked = sum(int(brief.tags.get("samples", 0)) for brief in desk.briefs)
    assert sum(bool(brief.tags.get("reset")) for brief in desk.briefs) == pytest.approx(2 * asked / 40, abs=2)


def test_an_island_that_starts_anew_is_as_hot_as_a_new_one() -> None:
    desk = Desk(replace(SMALL, reset_every=40)).run(4)
    while not any(brief.tags.get("reset") for brief in desk.briefs):
        desk.step()
    asked = desk.marks["asked"]
    assert isinstance(asked, list)
    assert asked[int(desk.briefs[-1].tags["island"])] == 0
    assert max(asked) > 0


def test_one_island_alone_never_starts_anew() -> None:
    desk = Desk(replace(SMALL, islands=1, reset_every=20)).run(100)
    assert not any(brief.tags.get("reset") for brief in desk.briefs)


def test_a_prompt_stays_on_its_island() -> None:
    desk = Desk(replace(SMALL, reset_every=10_000)).run(4)
    for _ in range(100):
        before = dict(desk.members("islands"))
        desk.step()
        island = desk.briefs[-1].tags["island"]
        own = {m.program for niche, m in before.items() if niche.startswith(f"{island}/")}
        assert set(desk.briefs[-1].parents) <= own


@pytest.mark.parametrize(
    "changed",
    [
        {"islands": 3},
        {"capacity": 4},
        {"versions": 3},
        {"samples": 2},
        {"temperature": 5.0},
        {"period": 8},
        {"scale": "raw"},
        {"reset_every": 60},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_setting_of_funsearch_changes_the_search(changed: dict[str, int | float | str]) -> None:
    briefs = [Desk(method).run(150).briefs for method in (SMALL, replace(SMALL, **changed))]  # type: ignore[arg-type]
    assert briefs[0] != briefs[1]


# meta_agent


@pytest.mark.parametrize(
    "changed",
    [{"context": "best"}, {"context_size": 3}, {"parents": 1}, {"capacity": 4}],
    ids=lambda changed: next(iter(changed)),
)
def test_every_setting_of_meta_agent_changes_what_is_shown(changed: dict[str, int | str]) -> None:
    briefs = [Desk(method).run(60).briefs for method in (MetaAgent(), replace(MetaAgent(), **changed))]  # type: ignore[arg-type]
    assert briefs[0] != briefs[1]


def test_the_first_generations_are_shown_the_seeds() -> None:
    desk = Desk(MetaAgent()).run(1)
    [brief] = desk.briefs
    assert brief.operator == "design"
    assert {*brief.parents, *brief.inspirations} == set(desk.seeds)


@pytest.mark.parametrize(("policy", "most"), [("all", 50), ("none", 0), ("best", 5), ("parents", 5), ("diverse", 5)])
def test_what_is_shown_is_capped_however_large_the_archive(policy: str, most: int) -> None:
    desk = Desk(MetaAgent(context=policy)).run(150)
    brief = desk.briefs[-1]
    assert len(brief.parents + brief.inspirations) == len({*brief.parents, *brief.inspirations}) == most
    assert brief.tags["context"] == policy


def test_where_only_a_block_may_change_the_first_seed_is_shown_even_without_context() -> None:
    desk = Desk(MetaAgent(context="none"))
    marked = Program.of(BEST_FIT)
    desk.programs[marked.id] = marked
    desk.seeds = (marked.id,)
    assert desk.run(1).briefs[0].parents == (marked.id,)


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("funsearch", {"islands": "0"}, "funsearch.islands"),
        ("funsearch", {"temperature": "0"}, "funsearch.temperature"),
        ("funsearch", {"scale": "noise"}, "funsearch.scale: expected iqr or raw"),
        ("funsearch", {"versions": "0"}, "funsearch.versions"),
        ("meta_agent", {"context": "some"}, "meta_agent.context: expected all, none, best, parents, diverse"),
        ("meta_agent", {"context_size": "51"}, "meta_agent.context_size"),
    ],
)
def test_a_setting_out_of_bounds_is_named(name: str, settings: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        load_method(name, settings)
