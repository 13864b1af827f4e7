"""Tables, JSON and CSV from the same rows; and the console that everything is printed on."""

from __future__ import annotations

import csv
import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heuresis.cli.options import Format
from heuresis.cli.visible import visible

_PIPED_COLUMNS = 160
"""Width of a table that nobody's window limits."""
_GAP = 2
_NARROWEST = 8
"""Of a column that may be cut."""


@dataclass(frozen=True)
class Column:
    """One column of a listing."""

    key: str
    """In JSON and CSV; empty: only in the table."""
    title: str = ""
    """In the table; empty: only in JSON and CSV."""
    show: Callable[[Any], str] = str
    right: bool = False
    cut: bool = False
    """Text that may be cut when the window is narrow."""


def print_rows(columns: Sequence[Column], rows: Sequence[Sequence[object]], form: Format, empty: str = "") -> None:
    """Rows in the order of the columns. `empty` is said instead of a table without rows."""
    keys = [one.key for one in columns]
    if form is Format.JSON:
        print_json([{key: cell for key, cell in zip(keys, row, strict=True) if key} for row in rows])
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(filter(None, keys))
        kept = ([cell for key, cell in zip(keys, row, strict=True) if key] for row in rows)
        writer.writerows(["" if cell is None else cell for cell in row] for row in kept)
    elif rows:
        print_table(_table(columns, rows))
    else:
        say(empty)


def counted(count: int, noun: str) -> str:
    """`1 instance`, `1,200 instances`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def say(text: object = "", style: str | None = None) -> None:
    """A line for people; long ones are wrapped by the terminal, so that they can be copied."""
    console().print(visible(str(text)), style=style, soft_wrap=True)


def remark(text: str) -> None:
    """A line beside the result, on stderr: it never gets into a pipe."""
    print(visible(text), file=sys.stderr)


def plain_table() -> Table:
    """An empty table in our style: no frame, a rule under the head."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def print_table(table: Table) -> None:
    """In a pipe without the blanks that fill the last column."""
    if console().is_terminal:
        console().print(table)
        return
    with console().capture() as captured:
        console().print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> Table:
    """Columns that may be cut share what the window leaves; with too little left they are not shown."""
    shown = {number: _texts(one, [row[number] for row in rows]) for number, one in enumerate(columns) if one.title}
    widths = {number: max(map(cell_len, texts)) for number, texts in shown.items()}
    cut = [number for number in shown if columns[number].cut]
    fixed = sum(width + _GAP for number, width in widths.items() if number not in cut)
    room = (console().width - fixed) // max(len(cut), 1) - _GAP
    for number in cut:
        if room < _NARROWEST:
            del shown[number]
        widths[number] = min(widths[number], room)
    table = plain_table()
    for number in shown:
        table.add_column(columns[number].title, justify="right" if columns[number].right else "left", no_wrap=True)
    for line in range(1, len(rows) + 1):
        table.add_row(*[Text(_cropped(texts[line], widths[number])) for number, texts in shown.items()])
    table.width = sum(widths[number] + _GAP for number in shown) - _GAP
    return table


def _texts(column: Column, cells: Sequence[object]) -> list[str]:
    """Title and cells as text."""
    return [column.title, *(visible(" ".join(column.show(cell).split())) if cell is not None else "" for cell in cells)]


def _cropped(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"


@functools.cache
def console() -> Console:
    """Of standard output. Narrow windows cut, pipes do not."""

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_COLUMNS
    # Texts of programs and people stay as they are: no `:smile:` becomes a picture, no `[bold]` a style.
    return _Console(file=sys.stdout, width=width, highlight=False, emoji=False, markup=False)
