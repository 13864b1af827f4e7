"""A whole program out of a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heuresis.agent.reply.blocks import Block, blocks, outside, widest
from heuresis.agent.reply.code import NotPython, in_words_missing, left_out, missing, python
from heuresis.agent.reply.draft import Draft, Unusable
from heuresis.agent.reply.files import named_path, safe, together
from heuresis.agent.reply.marked import placed
from heuresis.agent.reply.text import CUT, cleaned
from heuresis.agent.reply.versions import unversioned
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import MAIN_FILE, Program

MOST_BLOCKS = 64
"""The last so many are looked at."""
_FIRST_LINES = 8
"""At so many places an unfenced program may begin behind its prose."""
_BEGINS = re.compile(r"^(?:import \w|from [\w.]+ import|def \w+\(|class \w|@\w|#|\"\"\")", re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """What a reply is read against."""

    parent: Program | None
    entry_points: Sequence[EntryPoint]
    version: str = ""


def full_text(
    reply: str,
    parent: Program | None,
    entry_points: Sequence[EntryPoint],
    truncated: bool,
    version: str = "",
) -> Draft:
    """The program in the last block that can be read and defines every entry point. Raises Unusable.

    Blocks that name a file become that file; files of the parent that the reply does not name stay. `truncated` says
    that the model ran into its output limit: then only closed blocks count. With a version `v2` the function
    `priority_v2` is the entry point `priority`.
    """
    text = cleaned(reply)
    wanted = Wanted(parent, entry_points, version)
    found = blocks(text)[-MOST_BLOCKS:]
    if not found:
        return _unfenced(text, wanted, truncated)
    named = _named_files(found, text)
    usable = [block for block in found if block.may_be_python and (block.closed or not truncated)]
    main = _main(usable, named, text, wanted, truncated)
    return Draft(together(parent, _files(named, main)), idea(text, found))


def idea(text: str, found: Sequence[Block]) -> str:
    """The prose around the blocks; the braces that EoH's prompts ask for are taken off."""
    prose = outside(text, found)
    return prose[1:-1].strip() if prose.startswith("{") and prose.endswith("}") else prose


def _named_files(found: Sequence[Block], text: str) -> dict[Block, str]:
    """Blocks that name a file, of each file the last. One name alone is that of the program, whatever it is."""
    named = {safe(path): block for block in found if (path := named_path(block, text)) is not None}
    return {block: path for path, block in named.items()}


def _main(
    usable: Sequence[Block], named: Mapping[Block, str], text: str, wanted: Wanted, truncated: bool
) -> tuple[Block | None, str] | None:
    """The block that holds the main file, and its text; None when only other files of the parent are given."""
    reasons: list[str] = []
    for block in sorted(usable, key=lambda block: (named.get(block) == MAIN_FILE, block.first), reverse=True):
        result = _readable(block.text, wanted)
        if isinstance(result, str):
            return block, result
        reasons.append(result.reason)
    if not truncated and _only_other_files(named, wanted.parent):
        return None
    whole = widest(text)
    if whole is not None and not truncated and isinstance(result := _readable(whole, wanted), str):
        return None, result
    raise Unusable(_refusal(usable, reasons, truncated))


def _only_other_files(named: Mapping[Block, str], parent: Program | None) -> bool:
    """Does the reply change files that the parent has, and leave its main file alone?"""
    others = bool(named) and MAIN_FILE not in named.values()
    return others and parent is not None and all(path in parent.files for path in named.values())


def _refusal(usable: Sequence[Block], reasons: Sequence[str], truncated: bool) -> str:
    if truncated:
        return CUT
    if not reasons:
        return "The reply has no block of Python. Write the whole program in one ```python block."
    prefix = "" if usable[-1].closed else "The last block is not closed, so the reply may have been cut. "
    return prefix + reasons[0]


def _readable(text: str, wanted: Wanted) -> str | NotPython:
    """The main file that the text stands for, or why it stands for none, as a sentence to the model."""
    code = python(text)
    if isinstance(code, NotPython):
        return NotPython(f"The code cannot be read as Python: {code.reason}.")
    placeholder = left_out(code, wanted.parent.text if wanted.parent else "")
    if placeholder is not None:
        return NotPython(f"The comment `{placeholder}` leaves code out. Write the whole program, every line of it.")
    try:
        code = unversioned(code, wanted.version, wanted.entry_points)
        whole = placed(wanted.parent.text, code) if wanted.parent else code
    except Unusable as error:
        return NotPython(str(error))
    checked = python(whole)
    if isinstance(checked, NotPython):
        return NotPython(f"With this code between the markers the program cannot be read: {checked.reason}.")
    lacking = missing(whole, wanted.entry_points)
    return NotPython(in_words_missing(whole, lacking)) if lacking else whole


def _files(named: Mapping[Block, str], main: tuple[Block | None, str] | None) -> dict[str, str]:
    block, text = main if main is not None else (None, None)
    beside = {path: other.text for other, path in named.items() if other is not block and path != MAIN_FILE}
    unclosed = [path for other, path in named.items() if other is not block and not other.closed]
    if unclosed:
        raise Unusable(f"The file {unclosed[0]} is not complete: its block was never closed.")
    return beside if text is None else {**beside, MAIN_FILE: text}


def _unfenced(text: str, wanted: Wanted, truncated: bool) -> Draft:
    """A reply that is a program from some line on."""
    if truncated:
        raise Unusable(CUT)
    starts = [match.start() for _, match in zip(range(_FIRST_LINES), _BEGINS.finditer(text), strict=False)]
    reason = "The reply has no code block. Write the whole program in one ```python block."
    for start in dict.fromkeys([0, *starts]):
        result = _readable(text[start:], wanted)
        if isinstance(result, str):
            return Draft(together(wanted.parent, {MAIN_FILE: result}), text[:start])
        reason = result.reason if starts and start == starts[0] else reason
    raise Unusable(reason)
