"""Fenced blocks as models write them."""

from __future__ import annotations

from heuresis.agent.reply.blocks import blocks, outside, widest


def test_a_block_has_its_info_its_lines_and_its_place() -> None:
    (block,) = blocks("Idea\n```python title='x.py'\na\n\nb\n```\nend")
    assert (block.info, block.language, block.text) == ("python title='x.py'", "python", "a\n\nb\n")
    assert (block.first, block.last, block.closed) == (1, 5, True)


def test_a_longer_fence_holds_shorter_ones_and_tildes_hold_backticks() -> None:
    assert [block.text for block in blocks("````\n```python\nx\n```\n````\n")] == ["```python\nx\n```\n"]
    assert [block.text for block in blocks("~~~\n```python\nx\n```\n~~~\n")] == ["```python\nx\n```\n"]


def test_a_fence_with_a_language_inside_an_open_block_begins_a_new_one() -> None:
    found = blocks("```python\na\n```python\nb\n```")
    assert [(block.text, block.closed) for block in found] == [("a\n", False), ("b\n", True)]


def test_a_block_that_is_never_closed_reaches_to_the_end() -> None:
    (block,) = blocks("x\n```python\na\nb")
    assert (block.text, block.closed, block.last) == ("a\nb\n", False, 3)


def test_indentation_and_quote_marks_of_the_fence_are_taken_from_its_lines() -> None:
    assert blocks("  ```\n  a\n    b\n  ```")[0].text == "a\n  b\n"
    assert blocks("> ```\n> a\n>\n>  b\n> ```")[0].text == "a\n\n b\n"


def test_the_prose_is_what_no_block_holds() -> None:
    text = "one\n```\na\n```\ntwo\n```\nb\n```"
    assert outside(text, blocks(text)) == "one\ntwo"
    assert outside("only prose", ()) == "only prose"


def test_code_in_the_middle_of_a_line_is_no_block() -> None:
    assert blocks("use `x` or ```y``` here") == ()


def test_the_widest_block_reaches_from_the_first_fence_of_python_to_the_last_fence() -> None:
    assert widest("```python\na\n```\nb\n```\nend") == "a\n```\nb\n"
    assert widest("```json\n{}\n```") is None or widest("```json\n{}\n```") == ""
    assert widest("prose") is None
