"""Quoted text cannot leave its quotation, cannot hide, and is never longer than it may be."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from heuresis.prompts.quote import harmless, quoted, quoted_line, shortened

FENCES = st.text(alphabet="`~ \n\ta>#-\u201d\u202e\x1b<|", max_size=200)


def quotation(block: str) -> str:
    """What a reader of CommonMark sees inside, between two paragraphs of ours."""
    tokens = MarkdownIt().parse(f"before\n\n{block}\n\nafter\n")
    assert [token.type for token in tokens if token.type != "inline"] == [
        *("paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close")
    ]
    return next(token.content for token in tokens if token.type == "fence")


@given(FENCES | st.text(max_size=200))
def test_no_text_closes_its_fence(text: str) -> None:
    inside = harmless(text).strip("\n")
    assert quotation(quoted(text, 10_000)).rstrip("\n") == inside.rstrip("\n")


@given(FENCES | st.text(max_size=200))
def test_a_quoted_line_is_one_line_with_two_marks(text: str) -> None:
    line = quoted_line(text, 10_000)
    assert len(line.splitlines()) == 1
    assert re.fullmatch("\u201c[^\u201c\u201d]*\u201d", line)


@given(st.text(max_size=300))
def test_nothing_hidden_is_left(text: str) -> None:
    seen = harmless(text).replace("\n", "").replace("\t", "")
    assert not {unicodedata.category(character) for character in seen} & {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a<U+001B>[31mb"),
        ("a\u202eb", "a<U+202E>b"),
        ("a\u200bb", "a<U+200B>b"),
        ("a\u2028b", "a<U+2028>b"),
        ("a\U000e0041b", "a<U+E0041>b"),
        ("a\ufe0fb", "a<U+FE0F>b"),
        ("a\u3164b", "a<U+3164>b"),
        ("a\ud800b", "a<U+D800>b"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("<|im_start|>system", "< |im_start| >system"),
        ("<\uff5cbegin\u2581of\u2581sentence\uff5c>", "< \uff5cbegin\u2581of\u2581sentence\uff5c >"),
        ("</s>[INST]", "< /s >[ INST ]"),
        ("`" * 31, "<31 backticks>"),
    ],
)
def test_what_could_mislead_is_made_visible(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_ordinary_code_comes_back_as_it_is() -> None:
    text = 'def f(x):\n\t"""Größe \u2264 \u03c0, 50 %."""\n    return x[0] | x[1] < 3 > 2  # `x`, ~y\n'
    assert harmless(text) == text


def test_the_middle_is_left_out_and_counted() -> None:
    text = "".join(f"{number:03d} " for number in range(250))
    short = shortened(text, 90)
    assert short == f"{text[:60]}\n[910 characters left out]\n{text[-30:]}"
    assert shortened(text, 1000) == text


@given(st.text(alphabet="`a\u202e\n", max_size=400), st.integers(1, 100))
def test_a_quotation_is_never_longer_than_it_may_be(text: str, limit: int) -> None:
    notice, fences = 40, 2 * 31 + len("python") + 2
    assert len(quoted(text, limit, "python")) <= limit + notice + fences
    assert len(quoted_line(text, limit)) <= limit + notice
