"""Every way to make a program a little smaller: one statement or one operation less, or a number with fewer digits.

`simplify` takes only cuts that keep an expression's type, since it pays for each with search time; here the referee
says which ones the program bears. A cut rewrites one statement of a function (or of the file) and splices it into the
text, so everything else stays byte for byte, and nothing outside the marked blocks changes.
"""

from __future__ import annotations

import ast
import copy
import itertools
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heuresis.agent.syntax import blocks, parse, statement_span
from heuresis.agent.syntax_constants import number_value

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SHOWN = 60
"""Characters of a part in words."""
_WORTH_A_NUMBER = 3
"""Nodes from which an expression may give way to 0 or 1."""
_DIGITS = (1, 2, 3)
_MODULES = frozenset(("np", "numpy", "math", "scipy"))
"""No values, so they stand in for nothing."""


@dataclass(frozen=True)
class Cut:
    """One way to make a text smaller, not carried out yet."""

    saved: int
    """Nodes of the syntax tree."""
    part: str
    """What goes."""
    instead: str
    """What stands there then; empty when it is left out."""
    unit: int
    """Number of the statement it lies in."""
    place: int
    """Of the node, in the order of `ast.walk` over that statement; -1 for whole statements."""
    child: int = -1
    """Place of the node that takes its place; -1 for none."""
    value: float | int | None = None
    """The number that takes its place."""
    length: int = 1
    """Whole statements, from the unit on."""
    inside: str = ""
    """Of a compound statement: the field whose statements take its place."""

    @property
    def words(self) -> str:
        shown = f"`{_short(self.part)}`"
        return f"{shown} left out" if not self.instead else f"{shown} becomes `{_short(self.instead)}`"


@dataclass(frozen=True)
class _Unit:
    """A statement directly in the file, in a function or in a class; or such a function or class as a whole."""

    statement: ast.stmt
    block: int
    """Number of the block it stands in."""
    siblings: int
    """Statements in that block, this one included."""
    open: bool
    """Whether its inside is its own; a function's statements are units themselves."""


def cuts(text: str) -> list[Cut]:
    """All of them, the largest first; numbers with fewer digits last. Raises SyntaxError."""
    units = _units(text)
    found = [cut for number, unit in enumerate(units) for cut in _cuts_of(units, number, unit)]
    return sorted(found, key=lambda cut: (-cut.saved, cut.unit, cut.place, cut.child))


def carried_out(text: str, cut: Cut) -> str | None:
    """The smaller text; None when what is left is no program, or not shorter."""
    units = _units(text)
    first, last = units[cut.unit], units[cut.unit + cut.length - 1]
    if cut.place < 0:
        emptied: list[ast.stmt] = [] if first.siblings > cut.length else [ast.Pass()]
        after = _spliced(text, first.statement, last.statement, emptied)
    else:
        after = _spliced(text, first.statement, first.statement, _changed(first.statement, cut))
    try:
        smaller = measure(after) < measure(text) and len(after) <= len(text)
    except SyntaxError:
        return None
    return after if smaller else None


def measure(text: str) -> tuple[int, int]:
    """What is to become small: nodes of the syntax tree, then characters."""
    return nodes(parse(text)), len(text)


def nodes(tree: ast.AST) -> int:
    """Expressions and statements."""
    return sum(isinstance(one, (ast.expr, ast.stmt, ast.keyword, ast.alias)) for one in ast.walk(tree))


def _units(text: str) -> list[_Unit]:
    editable = blocks(text)
    found: list[_Unit] = []
    numbers = itertools.count()

    def visit(body: Sequence[ast.stmt]) -> None:
        block = next(numbers)
        for statement in body:
            span = statement_span(text, statement)
            inner = isinstance(statement, (*_FUNCTIONS, ast.ClassDef))
            if any(one.holds(span) for one in editable):
                found.append(_Unit(statement, block, len(body), not inner))
            if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
                visit(statement.body)

    visit(parse(text).body)
    return found


def _cuts_of(units: Sequence[_Unit], number: int, unit: _Unit) -> Iterator[Cut]:
    if not isinstance(unit.statement, ast.Pass):
        yield from _whole(units, number, unit)
    if unit.open:
        walked = list(ast.walk(unit.statement))
        places = {id(node): place for place, node in enumerate(walked)}
        for place, node in enumerate(walked):
            yield from _within(number, place, node, places)


def _whole(units: Sequence[_Unit], number: int, unit: _Unit) -> Iterator[Cut]:
    """The statement, and it with those that follow: two, four, ... as in delta debugging."""
    run = [unit]
    if unit.open:
        run = list(itertools.takewhile(lambda one: one.open and one.block == unit.block, units[number:]))
    length = 1
    while length <= len(run):
        parts = [one.statement for one in run[:length]]
        saved, words = sum(nodes(one) for one in parts), "; ".join(ast.unparse(one) for one in parts)
        yield Cut(saved, words, "", number, -1, length=length)
        length *= 2


def _within(unit: int, place: int, node: ast.AST, places: Mapping[int, int]) -> Iterator[Cut]:
    """Cuts inside a statement, at this node."""
    if isinstance(node, (ast.stmt, ast.keyword)):
        part, size = ast.unparse(node), nodes(node)
        if place > 0:
            yield Cut(size, part, "", unit, place)
        for field in ("body", "orelse"):
            inside: list[ast.stmt] = getattr(node, field, None) or []
            if inside:
                instead = "; ".join(ast.unparse(one) for one in inside)
                yield Cut(size - sum(map(nodes, inside)), part, instead, unit, place, inside=field)
    elif isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store):
        yield from _of_expression(unit, place, node, places)


def _of_expression(unit: int, place: int, node: ast.expr, places: Mapping[int, int]) -> Iterator[Cut]:
    part, size = ast.unparse(node), nodes(node)
    for child in _stand_ins(node):
        yield Cut(size - nodes(child), part, ast.unparse(child), unit, place, places[id(child)])
    for operand in node.values if isinstance(node, ast.BoolOp) and len(node.values) > 2 else ():
        yield Cut(nodes(operand), ast.unparse(operand), "", unit, places[id(operand)])
    if number_value(node) is None and size >= _WORTH_A_NUMBER:
        yield from (Cut(size - 1, part, str(value), unit, place, value=value) for value in (0, 1))
    if isinstance(node, ast.Constant):
        yield from (Cut(0, part, repr(value), unit, place, value=value) for value in _rounded(node.value))


def _stand_ins(node: ast.expr) -> Iterator[ast.expr]:
    """Parts of an expression that may take its place."""
    if isinstance(node, ast.Call):
        yield from (one for one in node.args if not isinstance(one, ast.Starred))
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if owner is not None and not (isinstance(owner, ast.Name) and owner.id in _MODULES):
            yield owner
    elif isinstance(node, (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.IfExp, ast.Subscript)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(child, (ast.Slice, ast.Tuple)):
                yield child


def _rounded(value: object) -> Iterator[float | int]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    seen = {value}
    for digits in _DIGITS:
        rounded = type(value)(float(f"{value:.{digits}g}"))
        if rounded not in seen and len(repr(rounded)) < len(repr(value)):
            seen.add(rounded)
            yield rounded


def _changed(statement: ast.stmt, cut: Cut) -> list[ast.stmt]:
    """What stands in the statement's place: a copy of it with the cut in it."""
    whole = copy.deepcopy(statement)
    walked = list(ast.walk(whole))
    old = walked[cut.place]
    new: list[ast.AST] = [walked[cut.child]] if cut.child >= 0 else []
    if cut.inside:
        new = getattr(old, cut.inside)
    elif cut.value is not None:
        new = [ast.Constant(cut.value)]
    if old is whole:
        return [one for one in new if isinstance(one, ast.stmt)]
    for parent in walked:
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new[0])
            elif isinstance(value, list) and any(one is old for one in value):
                rest = [kept for one in value for kept in (new if one is old else [one])]
                setattr(parent, field, rest or ([ast.Pass()] if field == "body" else []))
    return [whole]


def _spliced(text: str, first: ast.stmt, last: ast.stmt, made: Sequence[ast.stmt]) -> str:
    """The text with statements replaced by others; lines that become empty go."""
    data = text.encode()
    start, end = statement_span(text, first).start, statement_span(text, last).end
    line_start = data.rfind(b"\n", 0, start) + 1
    newline = data.find(b"\n", end)
    line_end = len(data) if newline < 0 else newline + 1
    indent = data[line_start:start].decode()
    alone = not indent.strip() and (not (rest := data[end:line_end].strip()) or rest.startswith(b"#"))
    if not alone:
        words = "; ".join(ast.unparse(one) for one in made) or "pass"
        return (data[:start] + words.encode() + data[end:]).decode()
    lines = "".join(f"{textwrap.indent(ast.unparse(ast.fix_missing_locations(one)), indent)}\n" for one in made)
    return (data[:line_start] + lines.encode() + data[line_end:]).decode()


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else f"{words[: _SHOWN - 3]}..."
