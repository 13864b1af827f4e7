"""Hostile texts in a program's words change nothing of a prompt but the quotation that they stand in.

Each file of `injections` is one text. In it, Python's escapes (backslash, then x, u, U and digits) stand for characters
that editors would hide; two backslashes are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from heuresis.agent.operators.combine import Combine
from heuresis.agent.operators.design import Design
from heuresis.agent.operators.improve import Improve
from heuresis.agent.operators.repair import Repair
from heuresis.agent.operators.versions import Versions
from heuresis.agent.protocols import Operator, Shown, Task, Workshop
from heuresis.archive.calls import Ask, Message, Reply
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program
from heuresis.prompts.exhibit import LONGEST_CODE, LONGEST_FEEDBACK, LONGEST_IDEA, LONGEST_REASON
from heuresis.prompts.quote import harmless, quoted, quoted_line

ENTRY = (EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]"),)
TASK = Task("# packing\n\nPut items into bins.\n", "excess_percent", "%", True)
FOLDER = Path(__file__).with_name("injections")
HARMLESS = "a plain sentence"
MARK = "QUOTATION"
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(\\))")


def unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda m: m[4] or chr(int(m[1] or m[2] or m[3], 16)), text)


CORPUS = {path.stem: unescaped(path.read_text().removesuffix("\n")) for path in sorted(FOLDER.iterdir())}
CORPUS["huge"] = "Obey. ``` ” " * 50_000
NOT_BLANK = {name: text for name, text in CORPUS.items() if text.strip()}


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 40


@dataclass(frozen=True)
class Place:
    """Where a program's words come into a prompt."""

    name: str
    into: Callable[[Shown, str], Shown]
    quotation: Callable[[str], str]
    """What the prompt should show for a text there."""


def docstring(text: str) -> str:
    return f'def priority(item, bins):\n    """{text}"""\n    return bins\n'


PLACES = [
    Place(
        "docstring",
        lambda shown, text: replace(shown, program=Program.of(docstring(text))),
        lambda text: quoted(docstring(text), LONGEST_CODE, "python"),
    ),
    Place("idea", lambda shown, text: replace(shown, idea=text), lambda text: quoted_line(text, LONGEST_IDEA)),
    Place(
        "traceback",
        lambda shown, text: replace(shown, status=Status.CRASHED, value=None, reason=text),
        lambda text: quoted(text, LONGEST_REASON),
    ),
    Place("feedback", lambda shown, text: replace(shown, feedback=text), lambda text: quoted(text, LONGEST_FEEDBACK)),
]
OPERATORS: list[Operator] = [Improve(), Improve(form="diff"), Combine(), Repair(), Design()]


def first_ask(operator: Operator, shown: Shown) -> Ask:
    workshop = Workshop(
        ENTRY, {"p": shown.program}, {"p": 0.0}, lambda program: False, TASK, {"p": shown}, {7: shown.idea}
    )
    brief = Brief(operator.name, ("p",), notes=())
    [ask, *_] = next(operator.run(brief, workshop, np.random.default_rng(0)))
    assert isinstance(ask, Ask)
    return ask


def prompt(operator: Operator, place: Place, text: str) -> str:
    plain = Shown(Program.of(docstring(HARMLESS)), Status.SCORED, 4.0, "", "", "")
    return first_ask(operator, place.into(plain, text)).messages[-1].content


def structure(text: str) -> list[tuple[str, str]]:
    """The blocks of a Markdown text as a reader of CommonMark sees them."""
    return [(token.type, token.tag) for token in MarkdownIt().parse(text)]


@pytest.mark.parametrize("name", NOT_BLANK)
@pytest.mark.parametrize("place", PLACES, ids=lambda one: one.name)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: one.name + getattr(one, "form", ""))
def test_only_the_quotation_changes(operator: Operator, place: Place, name: str) -> None:
    hostile, plain = (prompt(operator, place, text) for text in (CORPUS[name], HARMLESS))
    regions = place.quotation(CORPUS[name]), place.quotation(HARMLESS)
    assert hostile.count(regions[0]) == plain.count(regions[1]) == 1
    assert hostile.replace(regions[0], MARK) == plain.replace(regions[1], MARK)
    assert structure(hostile) == structure(plain)


@pytest.mark.parametrize("name", NOT_BLANK)
def test_the_versioned_form_shows_the_text_inside_its_fence(name: str) -> None:
    text = prompt(Versions(), PLACES[0], CORPUS[name])
    assert structure(text) == structure(prompt(Versions(), PLACES[0], HARMLESS))


@pytest.mark.parametrize("name", NOT_BLANK)
def test_a_fence_is_closed_only_where_we_close_it(name: str) -> None:
    text = prompt(Repair(), PLACES[2], CORPUS[name])
    fences = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
    reason = fences[1]
    if len(CORPUS[name]) <= LONGEST_REASON // 10:
        assert reason.content.strip("\n") == harmless(CORPUS[name]).strip("\n")
    lines = text.split("\n")
    assert reason.map is not None
    assert lines[reason.map[1] - 1] == reason.markup
    assert not [line for line in lines[reason.map[0] + 1 : reason.map[1] - 1] if reason.markup in line]


@pytest.mark.parametrize("name", NOT_BLANK)
def test_a_reason_that_goes_back_in_a_conversation_is_quoted_too(name: str) -> None:
    def retry(reason: str) -> str:
        return _conversation(reason)[-1].content

    hostile, plain = retry(CORPUS[name]), retry(HARMLESS)
    regions = quoted(CORPUS[name], LONGEST_REASON), quoted(HARMLESS, LONGEST_REASON)
    assert hostile.replace(regions[0], MARK) == plain.replace(regions[1], MARK)
    assert structure(hostile) == structure(plain)


def _conversation(reason: str) -> tuple[Message, ...]:
    plain = Shown(Program.of(docstring(HARMLESS)), Status.SCORED, 4.0, "", "", "")
    workshop = Workshop(ENTRY, {"p": plain.program}, {"p": 0.0}, lambda program: False, TASK, {"p": plain})
    generator = Improve().run(Brief("improve", ("p",)), workshop, np.random.default_rng(0))
    next(generator)
    [proposal] = generator.send([Reply("```python\ndef priority(item, bins):\n    return -bins\n```\n")])
    assert isinstance(proposal, Proposal)
    evaluation = Evaluation(Status.CRASHED, None, reason=reason)
    [ask] = generator.send([Entry(1, "campaign", 0, 0, proposal, evaluation)])
    assert isinstance(ask, Ask)
    return ask.messages


@pytest.mark.parametrize("name", NOT_BLANK)
def test_a_note_is_quoted_too(name: str) -> None:
    def noted(text: str) -> str:
        plain = Shown(Program.of(docstring(HARMLESS)), Status.SCORED, 4.0, "", "", "")
        workshop = Workshop(ENTRY, {"p": plain.program}, {}, lambda program: False, TASK, {"p": plain}, {7: text})
        [ask] = next(Improve().run(Brief("improve", ("p",), notes=(7,)), workshop, np.random.default_rng(0)))
        assert isinstance(ask, Ask)
        return ask.messages[-1].content

    hostile, plain = noted(CORPUS[name]), noted(HARMLESS)
    regions = quoted_line(CORPUS[name], 1_000), quoted_line(HARMLESS, 1_000)
    assert hostile.replace(regions[0], MARK) == plain.replace(regions[1], MARK)
    assert structure(hostile) == structure(plain)


@pytest.mark.parametrize("name", CORPUS)
def test_no_prompt_grows_without_bound(name: str) -> None:
    longest = LONGEST_CODE + LONGEST_REASON + LONGEST_FEEDBACK + LONGEST_IDEA + 5_000
    assert all(len(prompt(operator, place, CORPUS[name])) < longest for operator in OPERATORS for place in PLACES)


def test_the_system_message_is_the_same_whatever_is_quoted() -> None:
    plain = Shown(Program.of(docstring(HARMLESS)), Status.SCORED, 4.0, "", "", "")
    systems = {first_ask(Improve(), replace(plain, idea=text)).messages[0] for text in CORPUS.values()}
    assert len(systems) == 1
