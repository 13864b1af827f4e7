"""Each operator that asks a language model: what it shows, and what it makes of the replies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from heuresis.agent.catalog import load_operator
from heuresis.agent.operators.combine import Combine
from heuresis.agent.operators.design import Design
from heuresis.agent.operators.improve import Improve
from heuresis.agent.operators.invent import Invent
from heuresis.agent.operators.reflect import Reflect
from heuresis.agent.operators.repair import Repair
from heuresis.agent.operators.versions import Versions
from heuresis.agent.operators.versions_copy import Copy
from heuresis.agent.operators.versions_names import with_version
from heuresis.agent.protocols import Operator
from heuresis.archive.records import Brief, Lesson
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation
from heuresis.program import Program


def test_a_diff_is_made_in_the_program_that_was_shown_also_when_it_is_mended(lab: Any) -> None:
    def edit(new: str) -> str:
        return f"<<<<<<< SEARCH\n    return -bins\n=======\n    return {new}\n>>>>>>> REPLACE\n"

    log = lab.run(Improve(form="diff", repairs=1), [edit("bins / 0"), edit("item - bins")], judge=lab.crashed)
    assert [one.program for one in log.proposals] == [
        Program.of(lab.head + f"{new}\n") for new in ("bins / 0", "item - bins")
    ]
    assert all("<<<<<<< SEARCH" in text for text in log.prompts)


def test_a_diff_that_does_not_match_is_told_never_passed_over(lab: Any) -> None:
    reply = "<<<<<<< SEARCH\n    return elsewhere\n=======\n    return 1\n>>>>>>> REPLACE\n"
    log = lab.run(Improve(form="diff", repairs=1), [reply])
    assert log.proposals[0].program is None
    assert log.proposals[0].refusal.split()[0] in log.prompts[1]


def test_feedback_is_shown_unless_it_is_switched_off(lab: Any) -> None:
    [on], [off] = (lab.run(Improve(feedback=value), [lab.code("bins")]).prompts for value in (True, False))
    assert "5 bins for 9 items" in on
    assert "5 bins for 9 items" not in off


@pytest.mark.parametrize("operator", [Improve(), Combine()], ids=lambda one: one.name)
def test_the_notes_of_the_brief_are_quoted_as_lessons(lab: Any, operator: Operator) -> None:
    shop = replace(lab.shop, notes={7: "Full bins\nfirst. ``` “ignore”"})
    [prompt] = lab.run(operator, [lab.code("item - bins")], shop=shop, brief=replace(lab.brief, notes=(7,))).prompts
    assert '\n- “Full bins first. ``` "ignore"”\n' in prompt


def test_combine_starts_from_the_first_parent_and_shows_all(lab: Any) -> None:
    log = lab.run(Combine(), [lab.code("item - bins")])
    assert log.prompts[0].index("return -bins") < log.prompts[0].index("Programs to take ideas from")
    assert log.prompts[0].index("Programs to take ideas from") < log.prompts[0].index("return bins")
    assert log.proposals[0].parents == (lab.good.id, lab.poor.id)


def test_invent_shows_no_program(lab: Any) -> None:
    [prompt] = lab.run(Invent(), [lab.code("item - bins")]).prompts
    assert "return" not in prompt.replace("Return", "")


def test_invent_fills_the_marked_block_of_its_parent(lab: Any) -> None:
    shop = lab.workshop(lab.shown(lab.marked))
    log = lab.run(Invent(), [lab.code("item - bins")], shop=shop, brief=Brief("invent", (lab.marked.id,)))
    assert "EVOLVE-BLOCK-START\ndef priority" in log.prompts[0]
    assert "an idea" not in log.prompts[0]
    [proposal] = log.proposals
    assert proposal.program is not None
    assert proposal.program.text.startswith("import numpy as np\n# EVOLVE-BLOCK-START\n")
    assert "return item - bins\n# EVOLVE-BLOCK-END\n" in proposal.program.text


def test_versions_are_shown_worst_first_and_the_next_one_loses_its_suffix(lab: Any) -> None:
    log = lab.run(Versions(), [lab.code("item - bins", "priority_v2")])
    assert log.prompts[0].index("def priority_v0(item, bins):\n    return bins") < log.prompts[0].index(
        "def priority_v1(item, bins):\n    return -bins"
    )
    assert "    priority_v2(item: float, bins: float[n]) -> float[n]\n" in log.prompts[0]
    assert {one.program for one in log.proposals} == {Program.of(lab.head + "item - bins\n")}
    assert {one.parents for one in log.proposals} == {(lab.good.id, lab.poor.id)}


@pytest.mark.parametrize("samples", [1, 4, 7])
def test_versions_asks_one_prompt_several_times_at_once(lab: Any, samples: int) -> None:
    replies = [lab.code(f"bins / {n}", "priority_v2") for n in range(1, 9)]
    log = lab.run(Versions(), replies, brief=replace(lab.brief, tags={"samples": samples}))
    assert log.batches == [["Ask"] * samples, ["Proposal"] * samples]
    assert len(set(log.prompts)) == 1
    assert len({ask.seed for ask in log.asks}) == samples


def test_a_brief_that_does_not_say_how_many_versions_gets_one(lab: Any) -> None:
    assert len(lab.run(Versions(), [lab.code("bins", "priority_v2")]).asks) == 1


def test_side_by_side_only_what_failed_goes_back(lab: Any) -> None:
    def judge(program: Program) -> Evaluation:
        return lab.crashed(program) if "/ 2" in program.text else lab.scored(program)

    replies = [lab.code(f"bins / {n}", "priority_v2") for n in range(1, 9)]
    log = lab.run(Versions(repairs=1), replies, judge=judge, brief=replace(lab.brief, tags={"samples": 3}))
    assert log.batches == [["Ask"] * 3, ["Proposal"] * 3, ["Ask"], ["Proposal"]]


def test_one_program_is_version_zero(lab: Any) -> None:
    log = lab.run(Versions(), [lab.code("item - bins", "priority_v1")], brief=Brief("versions", (lab.good.id,)))
    assert "def priority_v0" in log.prompts[0]
    assert log.proposals[0].program == Program.of(lab.head + "item - bins\n")


def test_a_version_is_put_on_names_only(lab: Any) -> None:
    text = '"""f is f."""\ndef f(x):\n    return g.f(x) + f(x - 1)  # f\n'
    assert with_version(text, ["f"], "v1") == '"""f is f."""\ndef f_v1(x):\n    return g.f(x) + f_v1(x - 1)  # f\n'
    assert with_version("def f(:\n", ["f"], "v1") in ("def f(:\n", "def f_v1(:\n")
    assert with_version("x = '''\n", ["x"], "v1") == "x = '''\n"


def test_repair_says_why_its_parent_failed(lab: Any) -> None:
    log = lab.run(Repair(), [lab.code("bins")], brief=Brief("repair", (lab.broken.id,)))
    assert "No score: it raised an error." in log.prompts[0]
    assert "```text\nNameError: bin\n```" in log.prompts[0]
    assert log.proposals[0].parents == (lab.broken.id,)


@pytest.mark.parametrize("order", [1, -1])
def test_reflect_tells_the_better_from_the_worse_and_keeps_a_lesson(lab: Any, order: int) -> None:
    log = lab.run(
        Reflect(), ["<think>hm</think>\nPrefer full bins."], brief=Brief("reflect", (lab.good.id, lab.poor.id)[::order])
    )
    assert log.prompts[0].index("The worse program") < log.prompts[0].index("return bins")
    assert log.prompts[0].index("return bins") < log.prompts[0].index("The better program")
    assert log.lessons == [Lesson("Prefer full bins.", (lab.poor.id, lab.good.id))]
    assert log.proposals == []


def test_a_program_without_a_score_is_the_worse_one(lab: Any) -> None:
    log = lab.run(Reflect(), ["Define names."], brief=Brief("reflect", (lab.broken.id, lab.poor.id)))
    assert log.lessons[0].programs == (lab.broken.id, lab.poor.id)


@pytest.mark.parametrize("repairs", [0, 2])
def test_a_reflection_without_words_is_asked_for_anew(lab: Any, repairs: int) -> None:
    log = lab.run(Reflect(repairs=repairs), ["<think>never ends"], brief=lab.pair(Reflect()))
    assert len(log.asks) == len(log.proposals) == repairs + 1
    assert log.lessons == []


def test_the_length_of_a_lesson_is_a_setting(lab: Any) -> None:
    [prompt] = lab.run(Reflect(words=12), ["Yes."], brief=lab.pair(Reflect())).prompts
    assert "At most 12 words" in prompt


@pytest.mark.parametrize("reflections", [0, 1, 2, 4])
def test_design_reflects_before_anything_is_judged(lab: Any, reflections: int) -> None:
    log = lab.run(
        Design(reflections=reflections), [lab.thought.replace("item -", f"{n} * item -") for n in range(1, 9)]
    )
    assert log.batches == [["Ask"]] * (reflections + 1) + [["Proposal"]]
    [proposal] = log.proposals
    assert proposal.program is not None
    assert f"{reflections + 1} * item" in proposal.program.text, "the last reply is judged"
    assert proposal.idea == "Negative: use the negative"
    assert [ask.purpose for ask in log.asks] == ["design"] + ["reflect"] * reflections


def test_design_does_not_reflect_again_when_it_mends(lab: Any) -> None:
    log = lab.run(Design(), [lab.thought], judge=lab.crashed)
    assert log.batches == [["Ask"]] * 3 + [["Proposal"]] + [["Ask"], ["Proposal"]] * 3
    assert '"thought"' in log.prompts[-1]


def test_design_shows_parents_then_inspirations_or_nothing(lab: Any) -> None:
    [with_two, *_] = lab.run(Design(), [lab.thought]).prompts
    [nothing, *_] = lab.run(Design(), [lab.thought], brief=Brief("design")).prompts
    assert with_two.index("return -bins") < with_two.index("return bins")
    assert "Program 1" not in nothing


def test_design_puts_its_code_between_the_markers(lab: Any) -> None:
    shop = lab.workshop(lab.shown(lab.marked))
    log = lab.run(Design(), [lab.thought], shop=shop, brief=Brief("design", (lab.marked.id,)))
    assert "Only the lines between its markers" in log.prompts[0]
    assert log.proposals[0].program is not None
    assert log.proposals[0].program.text.startswith("import numpy as np\n# EVOLVE-BLOCK-START\ndef priority")


def test_copy_proposes_its_parents_as_they_are_and_asks_nobody(lab: Any) -> None:
    log = lab.run(Copy(), ["unused"], brief=Brief("copy", (lab.good.id, lab.poor.id)))
    assert log.batches == [["Proposal", "Proposal"]]
    assert [one.program for one in log.proposals] == [lab.good, lab.poor]


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("improve", {"improve.form": "patch"}, "improve.form: expected full or diff"),
        ("improve", {"improve.temperature": "3"}, "improve.temperature"),
        ("combine", {"combine.max_tokens": "0"}, "combine.max_tokens"),
        ("repair", {"repair.repairs": "-1"}, "repair.repairs"),
        ("versions", {"versions.samples": "2"}, "versions.samples"),
        ("design", {"design.reflections": "9"}, "design.reflections"),
        ("reflect", {"reflect.words": "0"}, "reflect.words"),
        ("copy", {"copy.repairs": "1"}, "no settings"),
    ],
)
def test_a_wrong_setting_is_named(lab: Any, name: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_operator(name, settings)
