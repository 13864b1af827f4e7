"""Nothing that a candidate writes moves the cursor or rewrites a line of ours."""

from __future__ import annotations

import pytest

from heuresis.cli.visible import visible


@pytest.mark.parametrize("text", ["\x1b[1A\x1b[2Kexcess_percent 0.00", "a\rb", "\x9b2J", "\x07", "\u202e0.00", "\x00"])
def test_control_characters_are_shown_as_escapes(text):
    shown = visible(text)
    assert shown.isprintable()
    assert "\\" in shown


def test_ordinary_text_stays_as_it_is():
    text = "ä ± → 0.67 %\n\tindented\n"
    assert visible(text) == text
