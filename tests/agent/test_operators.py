"""Operators without a model: children parse, keep the signature and the marked text, and repeat from their seed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.operators.cross import Cross
from heuresis.agent.operators.edits import EDITS, Material
from heuresis.agent.operators.invent import Invent
from heuresis.agent.operators.mutate import Mutate
from heuresis.agent.operators.simplify import Simplify
from heuresis.agent.operators.tune import Tune
from heuresis.agent.protocols import Operator, Workshop
from heuresis.agent.syntax import changed_outside_blocks, mixes, roots, size
from heuresis.agent.syntax_constants import constants
from heuresis.agent.syntax_kinds import Kind
from heuresis.agent.syntax_normal import normal_hash
from heuresis.agent.vocabulary import Vocabulary
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, Score, Status
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program

ENTRY = (EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]"),)
HEAD = "import numpy as np\n\n\ndef priority(item, bins):\n    return "
RULE = Program.of(HEAD + "np.where(bins - item < 2.5, -bins, bins / (3 + item))  # kept\n")
OTHER = Program.of("import numpy as np\n\n\ndef priority(size, rooms):\n    return np.square(rooms - 7 * size)\n")
MARKED = Program.of(
    "import numpy as np\n# EVOLVE-BLOCK-START\ndef priority(item, bins):\n    return bins - 2 * item\n"
    "# EVOLVE-BLOCK-END\ndef helper(x: float):\n    return x + 5\n"
)
OPERATORS: list[Operator] = [Mutate(), Cross(), Invent(), Tune(), Simplify()]

Judge = Callable[[Program], float | None]


def workshop(*programs: Program, scores: float = 0.0, known: set[str] | None = None) -> Workshop:
    seen = set() if known is None else known
    by_id = {program.id: program for program in programs}
    return Workshop(ENTRY, by_id, dict.fromkeys(by_id, scores), lambda program: normal_hash(program) in seen)


def brief(*programs: Program) -> Brief:
    first, *others = [program.id for program in programs]
    return Brief("any", (first,), tuple(others), number=4)


def entry(proposal: Proposal, value: float | None) -> Entry:
    score = None if value is None else Score(value, 0.1, 20)
    status, reason = (Status.CRASHED, "it crashed") if score is None else (Status.SCORED, "")
    return Entry(0, "campaign", 4, 0, proposal, Evaluation(status, score, reason=reason))


def rounds(
    operator: Operator, *programs: Program, judge: Judge, seed: int = 0, shop: Workshop | None = None
) -> list[list[Proposal]]:
    """All batches of one brief, judged by a function."""
    room = workshop(*programs, scores=judge(programs[0]) or 0.0) if shop is None else shop
    generator = operator.run(brief(*programs), room, np.random.default_rng(seed))
    batches = [list(next(generator))]
    while True:
        answers = [entry(p, judge(p.program) if p.program else None) for p in batches[-1]]
        try:
            batches.append(list(generator.send(answers)))
        except StopIteration:
            return batches


def texts(batches: list[list[Proposal]]) -> list[str]:
    return [proposal.program.text for batch in batches for proposal in batch if proposal.program is not None]


def value_of(program: Program) -> list[float]:
    return [number.value for number in constants(roots(program.text, ENTRY))]


def flat(program: Program) -> float | None:
    return 0.0


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
@given(seed=st.integers(0, 2**32))
def test_children_parse_and_keep_the_signature(operator: Operator, seed: int) -> None:
    for text in texts(rounds(operator, RULE, OTHER, judge=flat, seed=seed)):
        [function] = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        assert function.name == "priority"
        assert [argument.arg for argument in function.args.args] == ["item", "bins"]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
@given(seed=st.integers(0, 2**32))
def test_children_change_nothing_outside_the_markers(operator: Operator, seed: int) -> None:
    for text in texts(rounds(operator, MARKED, RULE, judge=flat, seed=seed)):
        assert text != MARKED.text
        assert not changed_outside_blocks(MARKED.text, text)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_the_same_brief_and_seed_give_the_same_proposals(operator: Operator) -> None:
    assert rounds(operator, RULE, OTHER, judge=flat, seed=3) == rounds(operator, RULE, OTHER, judge=flat, seed=3)


@pytest.mark.parametrize("operator", [Tune(), Simplify()], ids=lambda operator: operator.name)
def test_run_again_after_a_crash_an_operator_of_many_batches_makes_the_same_ones(operator: Operator) -> None:
    again = replace(workshop(RULE, scores=_noisy(RULE) or 0.0), known=lambda program: True)
    assert rounds(operator, RULE, judge=_noisy) == rounds(operator, RULE, judge=_noisy, shop=again)


@pytest.mark.parametrize("operator", [Mutate(), Cross(), Invent()], ids=lambda operator: operator.name)
def test_what_the_campaign_knows_is_not_proposed_again(operator: Operator) -> None:
    known: set[str] = set()
    for seed in range(40):
        [[proposal]] = rounds(operator, RULE, OTHER, judge=flat, seed=seed, shop=workshop(RULE, OTHER, known=known))
        if proposal.program is not None:
            assert normal_hash(proposal.program) not in known
            known.add(normal_hash(proposal.program))
    assert len(known) > 30


@pytest.mark.parametrize("operator", [Mutate(), Cross(), Invent()], ids=lambda operator: operator.name)
def test_when_everything_is_known_the_brief_ends_with_a_reason(operator: Operator) -> None:
    room = replace(workshop(RULE, OTHER), known=lambda program: True)
    [[proposal]] = rounds(operator, RULE, OTHER, judge=flat, shop=room)
    assert proposal.program is None
    assert "20 tries" in proposal.refusal


@pytest.mark.parametrize("edit", [edit for _, edit in EDITS], ids=lambda edit: edit.__name__)
def test_every_edit_changes_a_rule_and_keeps_its_comment(edit: Callable[[Material], object]) -> None:
    rng = np.random.default_rng(0)
    found = [edit(Material(RULE.text, roots(RULE.text, ENTRY), Vocabulary(), 2, 0.3, rng)) for _ in range(30)]
    changed = {one.text for one in found if one is not None}  # type: ignore[attr-defined]
    assert len(changed - {RULE.text}) >= 4
    assert all("# kept" in text for text in changed)


def test_most_random_children_run() -> None:
    children = [text for seed in range(200) for text in texts(rounds(Mutate(), RULE, judge=flat, seed=seed))]
    assert sum(runs(text) for text in children) > 0.9 * len(children)


def runs(text: str) -> bool:
    scope: dict[str, object] = {}
    exec(text, scope)
    try:
        with np.errstate(all="ignore"):
            return np.shape(scope["priority"](3.0, np.array([5.0, 7.0, 100.0]))) == (3,)  # type: ignore[operator]
    except ArithmeticError:
        return False


def test_crossing_brings_a_part_of_the_donor_under_the_parents_names() -> None:
    crossed = [
        text for seed in range(60) for text in texts(rounds(Cross(whole=0.0), RULE, OTHER, judge=flat, seed=seed))
    ]
    assert any("np.square(bins - 7 * item)" in text for text in crossed)
    assert not any("rooms" in text for text in crossed)


def test_tune_finds_the_optimum_of_a_quadratic() -> None:
    def judge(program: Program) -> float | None:
        first, second = value_of(program)
        return -((first - 4.0) ** 2) - (second - 2.0) ** 2

    batches = rounds(Tune(evaluations=300, patience=50), RULE, judge=judge)
    best = max(
        (p.program for batch in batches for p in batch if p.program is not None), key=lambda one: judge(one) or 0
    )
    assert value_of(best) == pytest.approx([4.0, 2.0], abs=0.05)
    assert all(text.endswith("# kept\n") for text in texts(batches))


def test_tune_learns_from_failures_that_they_are_the_worst() -> None:
    def judge(program: Program) -> float | None:
        first, second = value_of(program)
        return None if first > 2.6 else first - abs(second - 3)

    batches = rounds(Tune(evaluations=200, patience=50), RULE, judge=judge)
    late = [p.program for batch in batches[-5:] for p in batch if p.program is not None]
    assert np.mean([judge(one) is not None for one in late]) > 0.4
    assert max(value_of(one)[0] for one in late if judge(one) is not None) == pytest.approx(2.6, abs=0.02)


def test_tune_stops_without_progress_and_within_its_evaluations() -> None:
    assert len(rounds(Tune(patience=3), RULE, judge=flat)) == 3
    assert len(texts(rounds(Tune(evaluations=17, patience=100), RULE, judge=flat))) == 17


def test_a_brief_may_say_how_much_to_tune() -> None:
    generator = Tune(patience=100).run(
        replace(brief(RULE), tags={"evaluations": 4}), workshop(RULE), np.random.default_rng(0)
    )
    assert len(next(generator)) == 4


def test_tune_refuses_a_program_without_constants() -> None:
    [[proposal]] = rounds(Tune(), Program.of(HEAD + "bins - item\n"), judge=flat)
    assert "no constants" in proposal.refusal


def test_simplify_leaves_out_what_the_score_does_not_need() -> None:
    long = Program.of(HEAD + "bins * 1.2345 + np.abs(item) * (0 * bins)\n")

    def judge(program: Program) -> float | None:
        return 1.0 if "bins" in program.text.partition("return")[2] else 0.0

    shortest = min(texts(rounds(Simplify(), long, judge=judge)), key=len)
    assert shortest == HEAD + "bins\n"


def test_simplify_keeps_what_the_score_needs() -> None:
    def judge(program: Program) -> float | None:
        return 1.0 if program == RULE else 0.5

    batches = rounds(Simplify(batch=4), RULE, judge=judge)
    assert all(size(text) <= size(RULE.text) for text in texts(batches))
    assert len(set(texts(batches))) == len(texts(batches))


def _draws(operator: Operator, judge: Judge = flat, count: int = 30) -> list[list[str]]:
    return [texts(rounds(operator, RULE, OTHER, judge=judge, seed=seed)) for seed in range(count)]


def _noisy(program: Program) -> float | None:
    return float(int(program.id[:4], 16) % 7) / 40


ZERO = Program.of(HEAD + "bins * 0.0\n")


@pytest.mark.parametrize(
    ("usual", "changed", "judge"),
    [
        (Mutate(), Mutate(depth=4), flat),
        (Mutate(), Mutate(more=0.0), flat),
        (Mutate(), Mutate(jitter=1.0), flat),
        (Mutate(), Mutate(size_limit=20), flat),
        (Mutate(), Mutate(reductions=0.9), flat),
        (Cross(), Cross(whole=1.0), flat),
        (Cross(), Cross(size_limit=20), flat),
        (Invent(), Invent(depth=1), flat),
        (Invent(), Invent(reductions=0.9), flat),
        (Tune(), Tune(evaluations=7), flat),
        (Tune(), Tune(step=0.1), flat),
        (Tune(), Tune(most_constants=1), flat),
        (Tune(), Tune(patience=1), flat),
        (Simplify(), Simplify(evaluations=3), flat),
        (Simplify(), Simplify(batch=2), flat),
        (Simplify(tolerance=0.0), Simplify(tolerance=9.0), _noisy),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, tuple(type(one) for one in OPERATORS)) else "",
)
def test_every_setting_changes_the_proposals(usual: Operator, changed: Operator, judge: Judge) -> None:
    assert _draws(usual, judge) != _draws(changed, judge)


@pytest.mark.parametrize("kind", [Mutate, Cross, Invent])
def test_tries_decide_when_a_brief_is_given_up(kind: type[Mutate | Cross | Invent]) -> None:
    def asked(tries: int) -> int:
        count = 0

        def known(program: Program) -> bool:
            nonlocal count
            count += 1
            return True

        rounds(kind(tries=tries), RULE, OTHER, judge=flat, shop=replace(workshop(RULE, OTHER), known=known))
        return count

    assert asked(3) <= 3 < asked(100)


def test_the_magnitude_of_zero_is_a_setting() -> None:
    small, large = (texts(rounds(Tune(zero_step=z), ZERO, judge=flat)) for z in (1.0, 100.0))
    assert small != large


@pytest.mark.parametrize(
    ("usual", "changed"),
    [
        (Vocabulary(), Vocabulary(reductions=0.5)),
        (Vocabulary(), Vocabulary(numbers=0.0)),
        (Vocabulary(), Vocabulary(small_integers=1.0)),
        (Vocabulary(), Vocabulary(smallest=1.0)),
        (Vocabulary(), Vocabulary(largest=10.0)),
        (Vocabulary(), Vocabulary(choices=0.6)),
        (Vocabulary(), Vocabulary(functions=0.7)),
    ],
)
def test_every_rate_of_the_vocabulary_changes_what_is_invented(usual: Vocabulary, changed: Vocabulary) -> None:
    def expressions(vocabulary: Vocabulary) -> list[str]:
        names = {"item": Kind(), "bins": Kind(1)}
        return [vocabulary.expression(Kind(1), names, 4, np.random.default_rng(seed)) for seed in range(30)]

    assert expressions(usual) != expressions(changed)


def test_few_random_programs_mix_the_elements_of_an_array() -> None:
    invented = [text for seed in range(300) for text in texts(rounds(Invent(), RULE, judge=flat, seed=seed))]
    assert sum(mixes(text) for text in invented) < 0.05 * len(invented)


@pytest.mark.parametrize(
    ("build", "key"),
    [
        (lambda: Mutate(more=1.5), "mutate.more"),
        (lambda: Cross(whole=-1.0), "cross.whole"),
        (lambda: Invent(depth=0), "invent.depth"),
        (lambda: Tune(evaluations=0), "tune.evaluations"),
        (lambda: Simplify(tolerance=-0.1), "simplify.tolerance"),
    ],
)
def test_a_setting_out_of_bounds_is_named(build: Callable[[], Operator], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        build()


def test_a_seed_above_the_size_limit_still_has_children_and_they_do_not_outgrow_it() -> None:
    text = (
        "import numpy as np\n\n\ndef priority(item, bins):\n    return " + " + ".join(["item * 2.5 - bins"] * 30) + "\n"
    )
    assert size(text) > Mutate().size_limit
    rng = np.random.default_rng(3)
    children = [one for one in (Mutate().child(text, ENTRY, rng) for _ in range(60)) if one is not None]
    assert children
    assert all(size(one.text) <= size(text) for one in children)
