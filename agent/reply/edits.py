"""The SEARCH/REPLACE edits of a reply, as written; whether they fit a program is not asked here.

<<<<<<< SEARCH
lines as they are
=======
lines as they shall be
>>>>>>> REPLACE
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from heuresis.agent.reply.draft import Unusable
from heuresis.agent.reply.files import path_in
from heuresis.agent.reply.text import CUT

MOST_EDITS = 64
MOST_DIVIDERS = 10
FORM = "<<<<<<< SEARCH / lines as they are / ======= / lines as they shall be / >>>>>>> REPLACE"

_START = re.compile(r"^\s*<{5,9}\s*(?:SEARCH|ORIGINAL|HEAD)?\s*:?\s*$", re.IGNORECASE)
_DIVIDER = re.compile(r"^\s*={5,9}\s*$")
_END = re.compile(r"^\s*>{5,9}\s*(?:REPLACE|UPDATED|END)?\s*:?\s*`{0,3}$", re.IGNORECASE)
_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})\s*(\S*.{0,180})$")
_LONGEST_MARK = 200


@dataclass(frozen=True)
class Edit:
    """Lines to find and lines to put in their place."""

    number: int
    """Counted from 1 over the reply."""
    path: str | None
    """The file that the line above names."""
    readings: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """(search, replacement); several only when lines of code look like the divider."""


@dataclass(frozen=True)
class Written:
    edits: tuple[Edit, ...]
    prose: str
    """The lines outside the edits, fences left out."""


def edits(text: str, truncated: bool) -> Written:
    """The edits in text order. Raises Unusable for one that is not complete, and for more than MOST_EDITS."""
    lines = text.split("\n")
    found: list[Edit] = []
    prose: list[str] = []
    index = 0
    while index < len(lines):
        if not _is(_START, lines[index]):
            prose.append(lines[index])
            index += 1
            continue
        if len(found) == MOST_EDITS:
            raise Unusable(f"The reply has more than {MOST_EDITS} edits. Write fewer, larger ones.")
        end = _end(lines, index, len(found) + 1, truncated)
        found.append(_edit(lines[index + 1 : end], len(found) + 1, _path_above(lines, index)))
        index = end + 1
    return Written(tuple(found), "\n".join(line for line in prose if not _is(_FENCE, line)).strip())


def _is(pattern: re.Pattern[str], line: str) -> bool:
    return len(line) <= _LONGEST_MARK and pattern.match(line) is not None


def _end(lines: Sequence[str], start: int, number: int, truncated: bool) -> int:
    """Index of the line that ends the edit."""
    for index in range(start + 1, len(lines)):
        if _is(_END, lines[index]):
            return index
        if _is(_START, lines[index]):
            break
    if truncated:
        raise Unusable(CUT.replace("a shorter program", "fewer, shorter edits"))
    raise Unusable(f"Edit {number} has no line `>>>>>>> REPLACE` at its end. Each edit is: {FORM}.")


def _edit(inside: Sequence[str], number: int, path: str | None) -> Edit:
    dividers = [index for index, line in enumerate(inside) if _is(_DIVIDER, line)]
    if not dividers:
        raise Unusable(f"Edit {number} has no line `=======` between its two parts. Each edit is: {FORM}.")
    if len(dividers) > MOST_DIVIDERS:
        raise Unusable(f"Edit {number} has {len(dividers)} lines of equals signs; only one may divide its two parts.")
    parts = [(_unfenced(inside[:at]), _unfenced(inside[at + 1 :])) for at in dividers]
    if not any(line.strip() for search, _ in parts for line in search):
        raise Unusable(
            f"The SEARCH part of edit {number} is empty. To add lines, quote the lines beside them and repeat those "
            "in the REPLACE part."
        )
    return Edit(number, path, tuple(parts))


def _unfenced(part: Sequence[str]) -> tuple[str, ...]:
    """Without a code fence around the part."""
    filled = [index for index, line in enumerate(part) if line.strip()]
    if len(filled) >= 2 and _is(_FENCE, part[filled[0]]) and _is(_FENCE, part[filled[-1]]):
        return tuple(part[filled[0] + 1 : filled[-1]])
    return tuple(part)


def _path_above(lines: Sequence[str], start: int) -> str | None:
    """The file named on the line above the edit, a fence between them aside, or behind that fence's language."""
    for line in reversed(lines[max(0, start - 3) : start]):
        fence = _FENCE.match(line) if len(line) <= _LONGEST_MARK else None
        named = path_in(line if fence is None else (fence[1].split() or [""])[-1].rpartition(":")[2])
        if named is not None:
            return named
        if line.strip() and fence is None:
            return None
    return None
