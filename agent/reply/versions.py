"""Programs that carry a version in their functions' names, as FunSearch asks for them.

The prompt shows `priority_v0` and `priority_v1` and asks for `priority_v2` (Romera-Paredes et al. 2024,
https://doi.org/10.1038/s41586-023-06924-6, Methods); what is kept is called `priority` again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from heuresis.agent.reply.draft import Unusable
from heuresis.agent.syntax import Span, parse, splice
from heuresis.evaluators.signature import EntryPoint

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def unversioned(text: str, version: str, entry_points: Sequence[EntryPoint]) -> str:
    """The text with `name_VERSION` renamed to `name` for each entry point; older versions stay only if they are called.

    The text is valid Python; strings and comments stay as they are. A text without versioned names comes back as it
    is. Raises Unusable when an older version is called that the reply does not define, or when names collide.
    """
    for entry in entry_points if version else ():
        text = _one(text, entry.name, f"{entry.name}_{version}")
    return text


def _one(text: str, name: str, versioned: str) -> str:
    functions = {node.name: node for node in parse(text).body if isinstance(node, _FUNCTIONS)}
    if versioned not in functions:
        return text
    if name in functions and versioned in _used(functions[name]):
        return text  # the model's own `priority` already calls its `priority_v2`
    older = {other for other in functions if other != versioned and _is_version(other, name)}
    text = _without(text, older - _needed(parse(text), older))
    _check(text, name, versioned)
    return _renamed(text, versioned, name)


def _is_version(other: str, name: str) -> bool:
    return other == name or re.fullmatch(rf"{re.escape(name)}_v\d+", other) is not None


def _used(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}


def _needed(module: ast.Module, older: Collection[str]) -> set[str]:
    """Those of the older versions that are reached from what is no older version."""
    uses = {node.name: _used(node) for node in module.body if isinstance(node, _FUNCTIONS) and node.name in older}
    rest = [node for node in module.body if not (isinstance(node, _FUNCTIONS) and node.name in older)]
    waiting = {name for node in rest for name in _used(node)} & uses.keys()
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting |= uses[name] & uses.keys() - needed
    return needed


def _without(text: str, names: Collection[str]) -> str:
    """The text without these top-level functions; one that shares a line with another statement stays."""
    body, lines = parse(text).body, text.split("\n")
    taken = [line for node in body for line in {_first_line(node), node.end_lineno or node.lineno}]
    gone: set[int] = set()
    for node in body:
        if isinstance(node, _FUNCTIONS) and node.name in names:
            span = range(_first_line(node), (node.end_lineno or node.lineno) + 1)
            shared = sum(line in (span[0], span[-1]) for line in taken) > len({span[0], span[-1]})
            gone |= set() if shared else set(_with_blank_lines(lines, span))
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in gone).lstrip("\n")


def _with_blank_lines(lines: Sequence[str], span: range) -> range:
    """The lines (counted from 1) with the blank ones that follow."""
    end = span.stop
    while end <= len(lines) and not lines[end - 1].strip():
        end += 1
    return range(span.start, end)


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _FUNCTIONS) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _check(text: str, name: str, versioned: str) -> None:
    module = parse(text)
    names = {node.name for node in module.body if isinstance(node, _FUNCTIONS)}
    if name in names:
        raise Unusable(f"Both `{name}` and `{versioned}` are defined and used. Define `{versioned}` alone.")
    absent = sorted(used for used in _used(module) if _is_version(used, name) and used not in names | {name})
    if absent:
        raise Unusable(f"`{versioned}` calls `{absent[0]}`, which the reply does not define: write it out as well.")
    for node in ast.walk(module):
        if isinstance(node, _FUNCTIONS) and versioned in _used(node) and name in _named(node):
            raise Unusable(f"`{node.name}` uses the name `{name}` as well as `{versioned}`. Call the former otherwise.")


def _named(node: ast.AST) -> set[str]:
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names | {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}


def _renamed(text: str, old: str, new: str) -> str:
    lines = text.encode().split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans = {}
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Name) and node.id == old:
            column = node.col_offset
        elif isinstance(node, _FUNCTIONS) and node.name == old:
            column = _name_column(lines[node.lineno - 1], node)
        else:
            continue
        start = starts[node.lineno - 1] + column
        spans[Span(start, start + len(old.encode()))] = new
    return splice(text, spans)


def _name_column(line: bytes, node: _Function) -> int:
    """Byte column of the function's own name: behind `def`, on the same line."""
    column = line.find(node.name.encode(), node.col_offset)
    if column < 0:
        raise Unusable(f"Write `def {node.name}(...)` on one line.")
    return column
