"""Replies as models write them, each with the program it stands for or the words of its refusal.

A case in `corpus/*.txt` begins with `%% case: NAME | READER`, where READER is full, diff or thought and may be followed
by `| parent=NAME`, `| truncated`, `| version=v2` or `| no entry points`. Then come `%% reply` and what is expected:

- `%% program` (its text below) or `%% program: NAME`, one of those in `programs.txt`; `%% file: PATH` for others;
  `%% idea: TEXT` and `%% name: TEXT`, white space aside;
- or `%% unusable: PART; PART`, all of them parts of the reason.

`{{U+200B}}` in a reply stands for that character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heuresis.agent.reply.diff import apply_diff
from heuresis.agent.reply.draft import LONGEST_REASON, Draft, Unusable
from heuresis.agent.reply.full import full_text
from heuresis.agent.reply.thought import thought_name_code
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.evaluators.gate import refusal
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import MAIN_FILE, Program

CORPUS = Path(__file__).parent / "corpus"
ENTRY_POINTS = (EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]"),)


@dataclass
class Case:
    name: str
    reader: str
    parent: Program | None = None
    truncated: bool = False
    version: str = ""
    entry_points: tuple[EntryPoint, ...] = ENTRY_POINTS
    reply: str = ""
    program: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    idea: str | None = None
    title: str | None = None

    def read(self, reply: str, truncated: bool) -> Draft:
        if self.reader == "full":
            return full_text(reply, self.parent, self.entry_points, truncated, self.version)
        if self.reader == "thought":
            return thought_name_code(reply, self.entry_points, truncated)
        assert self.parent is not None
        return apply_diff(reply, self.parent, truncated, self.entry_points)


def sections(path: Path) -> Iterator[tuple[str, str, str]]:
    """(kind, what follows the colon, text below) of each section."""
    for section in re.split(r"^%% ", path.read_text(), flags=re.MULTILINE)[1:]:
        head, _, text = section.partition("\n")
        kind, _, rest = head.partition(":")
        yield kind.strip(), rest.strip(), text.rstrip("\n") + "\n"


PROGRAMS = {name: text for _, name, text in sections(CORPUS / "programs.txt")}
HELPED = {MAIN_FILE: PROGRAMS["helped"], "helper.py": PROGRAMS["helper"]}


def case(rest: str) -> Case:
    name, reader, *options = (part.strip() for part in rest.split("|"))
    made = Case(name, reader)
    for option in options:
        key, _, value = option.partition("=")
        if key == "parent":
            made.parent = Program(HELPED) if value == "helped" else Program.of(PROGRAMS[value])
        elif key == "version":
            made.version = value
        elif key == "no entry points":
            made.entry_points = ()
        else:
            assert key == "truncated", option
            made.truncated = True
    return made


def unescaped(reply: str) -> str:
    text = reply.removesuffix("\n")
    return re.sub(r"\{\{U\+([0-9A-F]{4,6})\}\}", lambda match: chr(int(match[1], 16)), text)


def cases(path: Path) -> Iterator[Case]:
    current: Case | None = None
    for kind, rest, text in sections(path):
        if kind == "case":
            if current is not None:
                yield current
            current = case(rest)
            continue
        assert current is not None
        fill(current, kind, rest, text)
    assert current is not None
    yield current


def fill(current: Case, kind: str, rest: str, text: str) -> None:
    if kind == "reply":
        current.reply = unescaped(text)
    elif kind == "program":
        current.program = PROGRAMS[rest] if rest else text
    elif kind == "file":
        current.files[rest] = text
    elif kind == "unusable":
        current.words = tuple(part.strip() for part in rest.split(";"))
    elif kind == "idea":
        current.idea = rest
    else:
        assert kind == "name", kind
        current.title = rest


CASES = [one for path in sorted(CORPUS.glob("*.txt")) if path.name != "programs.txt" for one in cases(path)]


def test_the_corpus_holds_a_hundred_different_replies_and_says_what_is_expected_of_each() -> None:
    assert len(CASES) >= 100
    assert len({one.name for one in CASES}) == len(CASES)
    assert [one.name for one in CASES if (one.program is None and not one.files) == (not one.words)] == []


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_a_reply_is_read_as_the_corpus_says(one: Case) -> None:
    draft = outcome(one, one.reply, one.truncated)
    if isinstance(draft, str):
        assert one.words, f"should be readable, but: {draft}"
        assert [word for word in one.words if word not in draft] == [], draft
        return
    assert not one.words, f"read as a program although it should be unusable:\n{draft.program.text}"
    assert ends(draft.program.files) == ends(expected(one))
    assert one.idea is None or " ".join(draft.idea.split()) == one.idea
    assert one.title is None or draft.name == one.title


def outcome(one: Case, reply: str, truncated: bool) -> Draft | str:
    """What the reader makes of a reply, a refusal as its reason."""
    try:
        return one.read(reply, truncated)
    except Unusable as error:
        return str(error)


def expected(one: Case) -> dict[str, str]:
    before = dict(one.parent.files) if one.parent else {}
    main = {MAIN_FILE: one.program} if one.program is not None else {}
    return {**before, **main, **one.files}


def ends(files: Mapping[str, str]) -> dict[str, str]:
    """With one newline at the end: a program that came as a JSON string often has none."""
    return {path: text.rstrip("\n") + "\n" for path, text in files.items()}


def holds(one: Case, reply: str, truncated: bool) -> None:
    """Whatever the reply is: a program that the gate lets pass and that keeps to its marks, or a reason in words."""
    draft = outcome(one, reply, truncated)
    if isinstance(draft, str):
        assert 0 < len(draft) <= LONGEST_REASON
        return
    assert refusal(draft.program, one.entry_points) is None
    if one.parent is not None:
        assert not changed_outside_blocks(one.parent.text, draft.program.text)


FENCES = ["```", "```python\n", "~~~\n", "<think>\n", "</think>\n", "# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n"]
EDITS = ["<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "# file: ../x.py\n", "helper.py\n", "priority_v2"]
QUOTES = [
    '"code": "',
    '"name": "',
    "{",
    "}",
    "\\",
    "\\ud83d",
    "'''",
    '"',
    "&lt;",
    "(",
    "def priority(item, bins): pass\n",
]
ODD = ["\0", "\ud800", "\u200b", "\r", "\t", "\x0c", "\x1c", "\x85", "\u2028", "\u00a0", " ", "\n"]
PIECES = st.sampled_from([*FENCES, *EDITS, *QUOTES, *ODD])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CASES), st.text() | st.lists(PIECES | st.text(max_size=5)).map("".join), st.booleans())
def test_any_text_is_read_or_refused(one: Case, reply: str, truncated: bool) -> None:
    holds(one, reply, truncated)


@settings(max_examples=1_000, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_a_reply_with_parts_lost_or_put_in_is_read_or_refused(one: Case, data: st.DataObject) -> None:
    reply = one.reply
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(reply)))
        end = min(len(reply), start + data.draw(st.integers(0, 40)))
        reply = reply[:start] + data.draw(PIECES | st.just("")) + reply[end:]
    holds(one, reply, data.draw(st.booleans()))


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_a_reply_that_stops_anywhere_is_read_or_refused(one: Case) -> None:
    for length in range(0, len(one.reply), max(1, len(one.reply) // 25)):
        holds(one, one.reply[:length], True)
        holds(one, one.reply[:length], False)
