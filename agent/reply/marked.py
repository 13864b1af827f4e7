"""A reply's text for a program of which only marked blocks may change."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from heuresis.agent.reply.code import NotPython, defined, fault
from heuresis.agent.reply.draft import Unusable
from heuresis.agent.syntax import END_MARKER, START_MARKER, blocks, changed_outside_blocks

RULE = f"Only the lines between {START_MARKER} and {END_MARKER} may change."


@dataclass(frozen=True)
class Sections:
    """A marked text in parts: `around[0] + inside[0] + around[1] + ... + around[-1]`; the markers are in `around`."""

    around: tuple[str, ...]
    inside: tuple[str, ...]

    def joined(self, inside: Sequence[str]) -> str:
        """The text with other insides."""
        parts = [part for pair in zip(self.around[:-1], inside, strict=True) for part in pair]
        return "".join([*parts, self.around[-1]])


def sections(text: str) -> Sections:
    """The parts of a text that has a start marker."""
    data, position = text.encode(), 0
    around, inside = [], []
    for span in blocks(text):
        around.append(data[position : span.start].decode())
        inside.append(data[span.start : span.end].decode())
        position = span.end
    return Sections((*around, data[position:].decode()), tuple(inside))


def placed(parent: str, text: str) -> str:
    """The parent's text with what the reply's text says about the insides of its marked blocks.

    The reply may give the whole file, with or without markers, the marked block with its markers, or its inside.
    Spacing outside the blocks is not held against it. Raises Unusable when anything else differs there.
    """
    if START_MARKER not in parent:
        return text
    result = _placed(sections(parent), text)
    if changed_outside_blocks(parent, result):
        raise Unusable(f"The reply has a marker where the program has none. {RULE}")
    return result


def _placed(old: Sections, text: str) -> str:
    if START_MARKER in text:
        return _from_marked(old, sections(text))
    if len(old.inside) != 1:
        raise Unusable(
            f"The program has {len(old.inside)} marked blocks, the reply has no markers. {RULE} "
            "Write the whole file with its markers."
        )
    inside = _without_outside(old, text)
    _check_names(old, inside)
    return old.joined([_fitted(inside, old)])


def _from_marked(old: Sections, new: Sections) -> str:
    if _normal(new.around) == _normal(old.around):
        return old.joined(new.inside)
    if len(old.inside) == len(new.inside) == 1 and all(_only_marker(part) for part in new.around):
        return old.joined([_fitted(new.inside[0], old)])
    raise Unusable(f"The reply changes the program outside its marked blocks{_difference(old, new)}. {RULE}")


def _normal(around: Sequence[str]) -> list[list[str]]:
    return [[line.rstrip() for line in part.split("\n") if line.strip()] for part in around]


def _only_marker(part: str) -> bool:
    lines = [line.strip() for line in part.split("\n") if line.strip()]
    return all(line.startswith((START_MARKER, END_MARKER)) for line in lines)


def _difference(old: Sections, new: Sections) -> str:
    """The first line outside that was added or lost, in words."""
    before = [line for part in _normal(old.around) for line in part]
    after = [line for part in _normal(new.around) for line in part]
    added = next((line for line in after if line not in set(before)), None)
    if added is not None:
        return f" (it adds the line `{added.strip()[:100]}`)"
    lost = next((line for line in before if line not in set(after)), None)
    return f" (the line `{lost.strip()[:100]}` is gone)" if lost is not None else ""


def _without_outside(old: Sections, text: str) -> str:
    """The text without the parent's lines before and after its marked block, if it has them all."""
    lines = text.rstrip("\n").split("\n")
    before, after = ([line for line in part if _is_code(line)] for part in _normal(old.around))
    start = _prefix_end(lines, before)
    end = len(lines) - _prefix_end(lines[::-1], after[::-1])
    if (before and not start) or (after and end == len(lines)) or start > end:
        return text
    return "".join(line + "\n" for line in lines[start:end])


def _is_code(line: str) -> bool:
    return not line.lstrip().startswith((START_MARKER, END_MARKER))


def _prefix_end(lines: Sequence[str], wanted: Sequence[str]) -> int:
    """After how many lines the wanted ones have all been seen at the start, blank lines aside; 0 when they are not."""
    seen = 0
    for index, line in enumerate(lines):
        if seen == len(wanted):
            return index
        if line.strip():
            if line.rstrip() != wanted[seen]:
                return 0
            seen += 1
    return len(lines) if seen == len(wanted) else 0


def _check_names(old: Sections, inside: str) -> None:
    """What is defined outside must not be defined once more inside, and what the block is for must be there."""
    text = textwrap.dedent(inside)
    if isinstance(fault(text), NotPython):
        return
    functions = _functions(text)
    outside = "".join(old.around)
    again = sorted(functions & _functions(outside)) if fault(outside) is None else []
    if again:
        raise Unusable(f"The reply defines `{again[0]}` again, which stands outside the marked block. {RULE}")
    expected = _functions(textwrap.dedent(old.inside[0]))
    if expected and not functions & expected:
        raise Unusable(
            f"The marked block defines {', '.join(sorted(expected)[:10])}; the reply defines "
            f"{', '.join(sorted(functions)[:10]) or 'no function'}. Write the whole inside of the block."
        )


def _functions(text: str) -> set[str]:
    if fault(text) is not None:
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {name for name, statement in defined(text).items() if isinstance(statement, kinds)}


def _fitted(inside: str, old: Sections) -> str:
    """The inside at the indentation of the start marker."""
    marker = old.around[0].rstrip("\n").rpartition("\n")[2]
    indentation = marker[: len(marker) - len(marker.lstrip())]
    return textwrap.indent(textwrap.dedent(inside).strip("\n") + "\n", indentation)
