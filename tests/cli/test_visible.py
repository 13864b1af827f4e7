"""Nothing that a candidate writes moves the cursor or rewrites a line of ours."""

from __future__ import annotations

import pytest

from heuresis.cli.options import Format
from heuresis.cli.output import Column, console, plain_table, print_rows, print_table, say
from heuresis.cli.visible import visible

STORED = "try [:x:] and :smile:, [bold]as it is[/bold] (jail:x:65534)"


@pytest.fixture
def printed(capsys):
    """A console of this test's own standard output."""
    console.cache_clear()
    yield capsys
    console.cache_clear()


def test_a_line_keeps_what_looks_like_a_picture_or_a_style(printed):
    say(STORED)
    assert printed.readouterr().out == f"{STORED}\n"


def test_a_listing_keeps_what_looks_like_a_picture_or_a_style(printed):
    print_rows([Column("idea", "idea", cut=True)], [[STORED]], Format.TABLE)
    assert STORED in printed.readouterr().out.splitlines()


def test_a_table_of_plain_texts_keeps_what_looks_like_a_picture_or_a_style(printed):
    table = plain_table()
    table.add_column("instance", no_wrap=True)
    table.add_row(STORED)
    print_table(table)
    assert STORED in printed.readouterr().out.splitlines()


@pytest.mark.parametrize("text", ["\x1b[1A\x1b[2Kexcess_percent 0.00", "a\rb", "\x9b2J", "\x07", "\u202e0.00", "\x00"])
def test_control_characters_are_shown_as_escapes(text):
    shown = visible(text)
    assert shown.isprintable()
    assert "\\" in shown


def test_ordinary_text_stays_as_it_is():
    text = "ä ± → 0.67 %\n\tindented\n"
    assert visible(text) == text
