"""Replies of a million characters that were made to be slow: every reader ends soon, in a draft or a reason."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from heuresis.agent.reply.diff import apply_diff
from heuresis.agent.reply.draft import LONGEST_IDEA, LONGEST_NAME, LONGEST_REASON, Draft, Unusable
from heuresis.agent.reply.full import full_text
from heuresis.agent.reply.text import LONGEST_REPLY
from heuresis.agent.reply.thought import thought_name_code
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program

ENTRY_POINTS = (EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]"),)
SMALL = "def priority(item, bins):\n    return bins\n"
MEDIUM = Program.of("def priority(item, bins):\n" + "    a = a + b * c - d\n" * 1_990 + "    return a\n")
MARKED = Program.of(f"x = 1\n# EVOLVE-BLOCK-START\n{SMALL}# EVOLVE-BLOCK-END\n")
LONG = Program.of("def priority(item, bins):\n" + "    a = a + b * c - d\n" * 9_000 + "    return a\n")
SOON_SECONDS = 60.0
"""Quadratic work on a million characters takes hours; the slowest case here takes a few seconds on one slow core."""


def filled(unit: str, head: str = "", tail: str = "") -> str:
    """A reply of nearly the greatest length, made of one unit over and over."""
    return head + unit * ((LONGEST_REPLY - len(head) - len(tail)) // len(unit)) + tail


def an_edit(search: str, replacement: str = "x\n") -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replacement}>>>>>>> REPLACE\n"


HOSTILE = {
    "backticks": filled("`"),
    "fences": filled("```\n"),
    "fences with a language": filled("```python\n"),
    "empty blocks": filled("```python\n```\n"),
    "small programs": filled(f"```python\n{SMALL}```\n"),
    "blocks that nearly parse": filled("```python\n((((((((((\n```\n"),
    "one long line": filled("x", "```python\n", "\n```"),
    "spaces": filled(" ", "```python\n", "x\n```"),
    "spaces before fences": filled(" " * 190 + "```\n"),
    "line ends": filled("\n", "```python\n", "x\n```"),
    "open brackets": filled("(", "```python\n", "\n```"),
    "open braces": filled("{", "```python\n", "\n```"),
    "braces and colons": filled("{:", "```python\n", "\n```"),
    "open f-strings": filled("f'{", "```python\n", "\n```"),
    "minus signs": filled("-", "```python\nx = ", "1\n```"),
    "attributes": filled(".a", "```python\nx = a", "\n```"),
    "sums": filled("+a", "```python\nx = a", "\n```"),
    "nested blocks of code": "```python\n" + "".join(" " * n + "if x:\n" for n in range(1_000)) + "```",
    "digits": filled("9", "```python\nx = ", "\n```"),
    "entities": filled("&lt;", "```python\n", "\n```"),
    "comments with dots": filled("# ... a", "```python\n", "\n```"),
    "lines of dots": filled("# ... a\n", "```python\n", "\n```"),
    "indented imports": filled("import a\n" + " " * 50),
    "headings": filled("# " + "a" * 180 + "\n```\nx\n```\n"),
    "paths": filled("a/" * 90 + "\n```\nx\n```\n"),
    "files": "".join(f"```python f{n}.py\nx = 1\n```\n" for n in range(25_000)),
    "opening tags": filled("<think>\n"),
    "closing tags": filled("</think>\n"),
    "both tags": filled("<think>\n</think>\n"),
    "start marks": filled("<<<<<<< SEARCH\n"),
    "start marks with an end": filled("<<<<<<< SEARCH\n", "", ">>>>>>> REPLACE\n"),
    "dividers": filled("=======\n", "<<<<<<< SEARCH\n", ">>>>>>> REPLACE\n"),
    "small edits": filled(an_edit("a\n")),
    "edits that fit": an_edit("x = 1\n", "x = 1\nx = 1\n") * 60,
    "one long edit": an_edit("    a = a + b * c - d\n" * 40_000),
    "edits of half the text": an_edit("    a = a + b * c - d\n" * 4_500) * 8,
    "edits that nearly fit": an_edit("    a = a + b * c - e\n" * 60) * 60,
    "edits that nearly fit at the end": an_edit("    a = a + b * c - d\n" * 55 + "    return b\n", "    return a\n")
    * 60,
    "edits that fit nowhere": an_edit("a a a a a b b b b b\n" * 50) * 60,
    "edits that grow the text": (an_edit("    return a\n", "    b = a\n" * 8_000 + "    return a\n")) * 8,
    "braces before quotes": filled('{"'),
    "nested objects": filled('{"a":'),
    "nested lists": filled("[", '{"code":'),
    "keys": filled('"code": "'),
    "keys without values": filled('"code":    '),
    "backslashes": filled("\\", '{"code": "', '"}'),
    "escapes": filled("\\u0041", '{"code": "', '"}'),
    "quotes": filled('"', '{"code": "', "}"),
    "null characters": filled("\0"),
    "surrogates": filled("\ud800"),
    "markers": filled("# EVOLVE-BLOCK-START\n", "```python\n", "```"),
    "versions": "```python\n" + "".join(f"def priority_v{n}(): priority_v{n + 1}()\n" for n in range(4_000)) + "```",
}

READERS: dict[str, Callable[[str], Draft]] = {
    "full": lambda reply: full_text(reply, None, ENTRY_POINTS, False, "v2"),
    "full into marks": lambda reply: full_text(reply, MARKED, ENTRY_POINTS, False),
    "diff": lambda reply: apply_diff(reply, MARKED, False, ENTRY_POINTS),
    "diff of a long program": lambda reply: apply_diff(reply, LONG, False, ENTRY_POINTS),
    "diff of a medium program": lambda reply: apply_diff(reply, MEDIUM, False, ENTRY_POINTS),
    "thought": lambda reply: thought_name_code(reply, ENTRY_POINTS, False),
}


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_reply_of_the_greatest_length_is_done_with_soon(reader: str, kind: str) -> None:
    assert len(HOSTILE[kind]) <= LONGEST_REPLY
    ends_soon(reader, HOSTILE[kind])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_reply_is_read_or_refused(reader: str, kind: str) -> None:
    ends_soon(reader, HOSTILE[kind][:20_000] + HOSTILE[kind][-200:])


def ends_soon(reader: str, reply: str) -> None:
    start = time.process_time()
    with contextlib.suppress(Unusable):
        READERS[reader](reply)
    assert time.process_time() - start < SOON_SECONDS


@pytest.mark.parametrize("reader", READERS)
def test_a_reply_above_the_limit_is_not_read(reader: str) -> None:
    with pytest.raises(Unusable, match="too long: 1,000,001 characters, at most 1,000,000"):
        READERS[reader]("x" * (LONGEST_REPLY + 1))


def test_idea_name_and_reason_are_cut() -> None:
    draft = Draft(MARKED, "i" * 10_000, "n" * 10_000)
    assert (len(draft.idea), len(draft.name)) == (LONGEST_IDEA, LONGEST_NAME)
    assert len(str(Unusable("r" * 10_000))) == LONGEST_REASON
