"""The stand-in: an edit of the program in the prompt, in the form that is asked for, honest about what it is."""

from __future__ import annotations

import ast
import json

import numpy as np
import pytest

from heuresis.agent.reply.blocks import blocks
from heuresis.agent.reply.diff import apply_diff
from heuresis.agent.reply.full import full_text
from heuresis.agent.reply.thought import thought_name_code
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.evaluators.signature import EntryPoint, Parameter
from heuresis.program import Program
from heuresis.prompts.exhibit import exhibit
from heuresis.prompts.render import render
from heuresis.testing.answers import Text
from heuresis.testing.exchange import Received
from heuresis.testing.fake import FAULTS, NAME, SAID, changed_lines, reply, stand_in
from heuresis.testing.reading import Form, read

BEST_FIT = '''import numpy as np


def priority(item, bins):
    """Best fit."""
    return -(bins - item)
'''
SIGNATURE = "    priority(item: float, bins: float[n]) -> float[n]\n"
PROMPT = f"Improve the last program.\n\n{SIGNATURE}\n```python\ndef old(): ...\n```\n\n```python\n{BEST_FIT}```\n"


def body(prompt: str, **more: object) -> dict[str, object]:
    system = {"role": "system", "content": "You write programs."}
    return {"messages": [system, {"role": "user", "content": prompt}], **more}


def code_of(text: str) -> str:
    [block] = [block for block in blocks(text) if block.language == "python"]
    return block.text


def run(text: str) -> object:
    names: dict[str, object] = {}
    exec(compile(text, "reply", "exec"), names)
    with np.errstate(all="ignore"):
        return names["priority"](5.0, np.array([5.0, 7.0, 100.0]))  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(20))
def test_a_program_comes_back_whole_and_changed(seed):
    child = code_of(reply(body(PROMPT, seed=seed)))
    assert child != BEST_FIT
    assert "def priority(item, bins):" in child
    ast.parse(child)


def test_most_edits_of_a_program_with_a_signature_give_programs_that_run():
    shapes = [np.shape(run(code_of(reply(body(PROMPT, seed=seed))))) for seed in range(40)]
    assert shapes.count((3,)) >= 35


def test_the_first_line_says_what_it_is():
    for prompt in (PROMPT, PROMPT + "<<<<<<< SEARCH", PROMPT + '{"thought": "", "code": ""}', "Hello?"):
        assert SAID in reply(body(prompt)).split("\n")[0]


def test_the_reply_follows_from_prompt_and_seed():
    assert reply(body(PROMPT, seed=1)) == reply(body(PROMPT, seed=1))
    assert len({reply(body(PROMPT, seed=seed)) for seed in range(20)}) > 10
    assert reply(body(PROMPT, seed=1), seed=0) != reply(body(PROMPT, seed=1), seed=3)


@pytest.mark.parametrize(
    "asked",
    [
        body(PROMPT + 'Answer with {"thought": "...", "name": "...", "code": "..."}.'),
        body(PROMPT, response_format={"type": "json_object"}),
    ],
    ids=["in words", "by format"],
)
def test_json_comes_where_it_is_asked_for(asked):
    answer = json.loads(reply(asked))
    assert list(answer) == ["thought", "name", "code"]
    assert answer["code"] != BEST_FIT
    assert "def priority(item, bins):" in answer["code"]


@pytest.mark.parametrize("seed", range(20))
def test_an_edit_comes_where_it_is_asked_for_and_fits_one_place(seed):
    text = reply(body(PROMPT + "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE", seed=seed))
    search, _, rest = text.partition("<<<<<<< SEARCH\n")[2].partition("=======\n")
    replacement = rest.partition(">>>>>>> REPLACE")[0]
    assert BEST_FIT.count(search) == 1
    assert search != replacement
    ast.parse(BEST_FIT.replace(search, replacement))


def test_an_edit_quotes_as_many_lines_as_make_it_unique():
    assert changed_lines("a\nb\nx\na\nb\n", "a\nb\nx\na\nc\n") == ("x\na\nb\n", "x\na\nc\n")
    assert changed_lines("a\nb\n", "n\na\nb\n") == ("a\n", "n\na\n")
    assert changed_lines("a\na\n", "a\n") == ("a\na\n", "a\n")


def test_without_a_program_there_is_a_sentence():
    assert reply(body("What did you learn?")).startswith(SAID)
    assert "```" not in reply(body("What did you learn?"))


def test_where_no_code_is_wanted_there_is_a_sentence():
    assert "```" not in reply(body(PROMPT + "Say in two sentences what is wrong with it. Write no code."))
    assert "```" in reply(body(PROMPT + "Write no code outside the fence."))


def test_a_signature_alone_gives_a_new_program():
    assert np.shape(run(code_of(reply(body(f"Write one file that defines:\n{SIGNATURE}"))))) == (3,)


def test_only_the_marked_lines_change():
    marked = BEST_FIT.replace("    return", "    # EVOLVE-BLOCK-START\n    return") + "    # EVOLVE-BLOCK-END\n"
    prompt = f"{SIGNATURE}\n```python\n{marked}```\n"
    for seed in range(20):
        assert not changed_outside_blocks(marked, code_of(reply(body(prompt, seed=seed))))


def test_a_program_that_is_no_python_is_not_edited():
    assert "```" not in reply(body("```python\ndef broken(:\n```"))


def test_what_arguments_are_is_told_by_a_signature():
    told = EntryPoint.parse(SIGNATURE)
    other = "    other(x: int) -> int\n"
    assert read(body(PROMPT + other)).entry_points == (told,)


def test_what_arguments_are_is_guessed_where_no_signature_tells():
    code = "def f(item, bins, weight: np.ndarray, count: int): ..."
    [guessed] = read(body(f"```python\n{code}\n```")).entry_points
    assert guessed.parameters == (
        *(Parameter("item", "float"), Parameter("bins", "float[n]")),
        *(Parameter("weight", "float[n]"), Parameter("count", "float")),
    )


def test_a_new_version_is_named_as_asked():
    older = BEST_FIT.replace("priority", "priority_v1")
    prompt = f"{SIGNATURE}\n```python\n{older}```\nWrite version v2:\n\n{SIGNATURE.replace('(', '_v2(', 1)}"
    [told] = read(body(prompt)).entry_points
    assert (told.name, told.parameters[1]) == ("priority_v1", Parameter("bins", "float[n]"))
    child = code_of(reply(body(prompt)))
    assert "def priority_v2(item, bins):" in child
    assert "priority_v1" not in child


def test_only_the_last_message_says_which_form_is_asked_for():
    first = {"role": "user", "content": PROMPT + "<<<<<<< SEARCH"}
    last = {"role": "user", "content": "Say it again without code."}
    assert read({"messages": [first]}).form is Form.EDIT
    assert read({"messages": [first, last]}).form is Form.WORDS


def test_the_programs_of_its_own_earlier_answers_are_not_edited():
    own = {"role": "assistant", "content": "```python\ndef priority(item, bins):\n    return item\n```"}
    asked = body(PROMPT)
    asked["messages"] = [*asked["messages"], own, {"role": "user", "content": "Once more."}]
    assert read(asked).program == BEST_FIT
    assert reply(asked) != reply(body(PROMPT))


@pytest.mark.parametrize("kind", ["full", "diff"])
def test_our_own_prompts_get_answers_that_our_readers_take(kind):
    task = f"# packing\n\nPack items.\n\n{SIGNATURE}"
    parent = exhibit("The program", "4.0 %", {"main.py": BEST_FIT})
    text = render("improve", task=task, parent=parent, notes=[], kind=kind)
    for seed in range(10):
        answer, entries = reply(body(text, seed=seed)), [EntryPoint.parse(SIGNATURE)]
        if kind == "diff":
            draft = apply_diff(answer, Program.of(BEST_FIT), False, entries)
        else:
            draft = full_text(answer, Program.of(BEST_FIT), entries, False)
        assert draft.program.text.strip() != BEST_FIT.strip()
        assert SAID in draft.idea


def test_our_own_prompt_for_json_and_for_a_lesson_are_understood():
    shown = exhibit("A program", "4.0 %", {"main.py": BEST_FIT})
    task = f"# packing\n\nPack items.\n\n{SIGNATURE}"
    designed = reply(body(render("design", task=task, programs=[shown])))
    draft = thought_name_code(designed, [EntryPoint.parse(SIGNATURE)], False)
    assert "def priority(item, bins):" in draft.program.text
    lesson = reply(body(render("reflect", task=task, worse=shown, better=shown, words=30)))
    assert "def " not in lesson


def received(number: int) -> Received:
    return Received("POST", "/v1/chat/completions", {}, body(PROMPT), number)


def test_as_a_script_it_names_itself_and_takes_its_time():
    answer = stand_in(seconds=0.5)(received(0))
    assert isinstance(answer, Text)
    assert (answer.model, answer.seconds, answer.text) == (NAME, 0.5, reply(body(PROMPT)))


def test_as_a_script_it_goes_wrong_as_often_as_told():
    def share(faults: float, seed: int = 0) -> float:
        script = stand_in(seed=seed, faults=faults)
        return sum(script(received(number)) in FAULTS for number in range(200)) / 200

    assert share(0.0) == 0.0
    assert share(1.0) == 1.0
    assert 0.2 < share(0.3) < 0.4  # 0.3 and three standard errors of 0.032
    assert {type(stand_in(faults=1.0)(received(n))) for n in range(200)} == {type(fault) for fault in FAULTS}
