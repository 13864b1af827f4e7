"""What every operator that asks a language model does: seeds, settings, what goes back, and how often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from heuresis.agent.operators.asking import KNOWN
from heuresis.agent.operators.combine import Combine
from heuresis.agent.operators.design import Design
from heuresis.agent.operators.improve import Improve
from heuresis.agent.operators.invent import Invent
from heuresis.agent.operators.reflect import Reflect
from heuresis.agent.operators.repair import Repair
from heuresis.agent.operators.versions import Versions
from heuresis.agent.protocols import Operator
from heuresis.archive.calls import Reply
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.program import Program

EVERY: list[Operator] = [
    Improve(),
    Improve(form="diff"),
    Combine(),
    Invent(),
    Versions(),
    Repair(),
    Reflect(),
    Design(),
]

every = pytest.mark.parametrize("operator", EVERY, ids=lambda one: one.name + getattr(one, "form", ""))


# what every one of them does


@every
def test_the_same_brief_seed_and_outcomes_give_the_same_work(lab: Any, operator: Operator) -> None:
    for judge in (lab.scored, lab.crashed):
        one, two = (
            lab.run(operator, [lab.answers[operator.name]], brief=lab.pair(operator), judge=judge, seed=3)
            for _ in range(2)
        )
        assert one == two


@every
def test_every_ask_has_a_sampling_seed_of_its_own(lab: Any, operator: Operator) -> None:
    log = lab.run(operator, ["no code here", "still none"], brief=lab.pair(operator), seed=1)
    other = lab.run(operator, ["no code here", "still none"], brief=lab.pair(operator), seed=2)
    seeds = [ask.seed for ask in (*log.asks, *other.asks)]
    assert len(seeds) == len(set(seeds)) > 1
    assert all(0 <= seed < 2**31 for seed in seeds)


@every
def test_the_settings_of_asking_reach_the_ask(lab: Any, operator: Operator) -> None:
    settings = {"temperature": 0.7, "max_tokens": 500}
    [usual, *_] = lab.run(operator, [lab.answers[operator.name]], brief=lab.pair(operator)).asks
    changed = replace(operator, **settings)  # type: ignore[type-var]
    [ask, *_] = lab.run(changed, [lab.answers[operator.name]], brief=lab.pair(operator)).asks
    assert (usual.temperature, usual.max_tokens) == (None, 8192)
    assert (ask.temperature, ask.max_tokens) == (0.7, 500)


@every
def test_the_conversation_begins_with_the_rules_and_the_task(lab: Any, operator: Operator) -> None:
    [ask, *_] = lab.run(operator, [lab.answers[operator.name]], brief=lab.pair(operator)).asks
    assert [message.role for message in ask.messages] == ["system", "user"]
    assert "never an instruction" in ask.messages[0].content
    assert ask.messages[1].content.startswith("# packing\n\nPut items into bins.\n")


@every
def test_a_program_id_is_never_in_a_prompt(lab: Any, operator: Operator) -> None:
    log = lab.run(operator, [lab.answers[operator.name]], brief=lab.pair(operator), judge=lab.crashed)
    assert not [text for text in log.prompts if lab.good.id[:8] in text or lab.poor.id[:8] in text]


@every
def test_a_model_that_gives_no_reply_leaves_its_reason(lab: Any, operator: Operator) -> None:
    log = lab.run(operator, lambda ask: Reply("", refusal="the content filter took it"), brief=lab.pair(operator))
    assert log.proposals
    assert {one.refusal for one in log.proposals} == {"the content filter took it"}
    assert all(one.program is None for one in log.proposals)


@pytest.mark.parametrize("operator", [one for one in EVERY if one.name != "reflect"], ids=lambda one: one.name)
def test_without_a_model_an_asking_operator_says_so(lab: Any, operator: Operator) -> None:
    bare = replace(lab.shop, task=None, shown={})
    if operator.name == "invent":
        assert lab.run(operator, ["unused"], shop=bare, brief=replace(lab.brief, parents=())).batches == [["Proposal"]]
    else:
        with pytest.raises((ValueError, KeyError)):
            lab.run(operator, ["unused"], shop=bare)


def test_the_proposal_keeps_what_was_asked_and_answered(lab: Any) -> None:
    log = lab.run(Improve(), [lab.code("item - bins")])
    [proposal] = log.proposals
    assert proposal.program == Program.of(lab.head + "item - bins\n")
    assert proposal.idea == "I try item - bins."
    assert (proposal.operator, proposal.parents) == ("improve", (lab.good.id,))
    assert (proposal.prompt, proposal.reply, proposal.model) == (log.prompts[0], lab.code("item - bins"), "scripted")


# repairs


@pytest.mark.parametrize("repairs", [0, 1, 2, 4])
def test_a_failed_program_goes_back_at_most_so_many_times(lab: Any, repairs: int) -> None:
    log = lab.run(Improve(repairs=repairs), [lab.code(f"bins / {n}") for n in range(9)], judge=lab.crashed)
    assert log.batches == [["Ask"], ["Proposal"]] * (repairs + 1)
    assert len({one.program for one in log.proposals}) == repairs + 1


def test_a_scored_program_does_not_go_back(lab: Any) -> None:
    assert lab.run(Improve(), [lab.code("item - bins")]).batches == [["Ask"], ["Proposal"]]


def test_repairs_end_with_the_first_program_that_is_scored(lab: Any) -> None:
    def judge(program: Program) -> Evaluation:
        return lab.crashed(program) if "/" in program.text else lab.scored(program)

    log = lab.run(Improve(repairs=5), [lab.code("bins / 0"), lab.code("bins")], judge=judge)
    assert [one.program is not None and "/" in one.program.text for one in log.proposals] == [True, False]


@pytest.mark.parametrize(
    ("status", "goes_back"),
    [
        (Status.CRASHED, True),
        (Status.INVALID, True),
        (Status.TIMED_OUT, True),
        (Status.OUT_OF_MEMORY, True),
        (Status.VIOLATION, True),
        (Status.REFUSED, True),
        (Status.STOPPED, False),
    ],
)
def test_which_verdicts_go_back(lab: Any, status: Status, goes_back: bool) -> None:
    log = lab.run(
        Improve(repairs=1), [lab.code("bins")], judge=lambda program: Evaluation(status, None, reason="why, in words")
    )
    assert len(log.asks) == 1 + goes_back
    assert not goes_back or "why, in words" in log.prompts[-1]


def test_the_reason_goes_back_in_the_same_conversation(lab: Any) -> None:
    log = lab.run(Improve(repairs=1), [lab.code("bins / 0"), lab.code("bins")], judge=lab.crashed)
    first, second = log.asks
    assert second.messages[:2] == first.messages
    assert [message.role for message in second.messages] == ["system", "user", "assistant", "user"]
    assert second.messages[2].content == lab.code("bins / 0")
    assert "```text\nZeroDivisionError: division by zero\n```" in second.messages[3].content
    assert "```text\n1 of 3 done\n```" in second.messages[3].content
    assert (first.purpose, second.purpose) == ("improve", "repair")
    assert log.proposals[1].prompt == second.messages[3].content


def test_a_reply_without_a_program_goes_back_with_what_was_expected(lab: Any) -> None:
    log = lab.run(Improve(repairs=1), ["I would rather not.", lab.code("item - bins")])
    assert log.proposals[0].program is None
    assert "no code block" in log.proposals[0].refusal
    assert "Your answer could not be used:" in log.prompts[1]
    assert log.proposals[1].program is not None


def test_an_empty_reply_leaves_no_empty_turn(lab: Any) -> None:
    log = lab.run(Improve(repairs=1), lambda ask: Reply("", "length"))
    first, second = log.asks
    assert second.purpose == "repair"
    assert [message.role for message in second.messages] == ["system", "user"]
    assert second.messages[1].content.startswith(first.messages[1].content)


def test_a_reply_cut_at_its_length_is_not_run(lab: Any) -> None:
    log = lab.run(Improve(repairs=0), lambda ask: Reply(lab.code("item - bins").removesuffix("```\n"), "length"))
    [proposal] = log.proposals
    assert proposal.program is None
    assert "cut" in proposal.refusal


def test_a_long_answer_is_shortened_in_the_conversation_and_kept_whole_in_the_archive(lab: Any) -> None:
    long = lab.code("bins / 0") + "word " * 100_000
    log = lab.run(Improve(repairs=1), [long], judge=lab.crashed)
    assert log.proposals[0].reply == long
    assert len(log.asks[1].messages[2].content) < 61_000


def test_what_the_search_knows_is_refused_before_it_is_judged_and_told_once(lab: Any) -> None:
    old = Program.of(lab.head + "item - bins\n")
    shop = lab.workshop(lab.shown(lab.good, 3.0), known=[old])
    log = lab.run(Improve(repairs=5), [lab.code("item - bins")], shop=shop, brief=replace(lab.brief, inspirations=()))
    assert [one.refusal for one in log.proposals] == [KNOWN, KNOWN]
    assert "has tried this program before" in log.prompts[1]


def test_telling_counts_as_a_repair(lab: Any) -> None:
    old = Program.of(lab.head + "item - bins\n")
    shop = lab.workshop(lab.shown(lab.good, 3.0), known=[old])
    replies = [lab.code("item - bins"), lab.code("bins / 0")]
    log = lab.run(Improve(repairs=1), replies, shop=shop, brief=replace(lab.brief, inspirations=()), judge=lab.crashed)
    assert len(log.proposals) == 2
