"""Programs as syntax trees: which text may change, where its expressions are, and how one is replaced.

Everything here is a pure function over text. An edit rebuilds one whole top-level expression (the value of a
`return` or an assignment, the test of an `if`) and splices it into the text, so comments, other statements and
everything outside the marked blocks stay byte for byte.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heuresis.agent.syntax_kinds import (
    ELEMENTWISE,
    FRESH,
    LOGICAL,
    PLAIN,
    Kind,
    Names,
    bound_names,
    kind_of,
    parameter_kinds,
)
from heuresis.evaluators import gate
from heuresis.evaluators.signature import EntryPoint

START_MARKER = "# EVOLVE-BLOCK-START"
END_MARKER = "# EVOLVE-BLOCK-END"

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Span:
    """Bytes of the UTF-8 text, end excluded."""

    start: int
    end: int

    def holds(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True)
class Root:
    """A whole expression of a statement: the unit of splicing."""

    span: Span
    expression: ast.expr
    function: str
    names: Names
    """Kinds of the names that can be read here."""


@dataclass(frozen=True)
class Site:
    """An expression that may be replaced by another of its kind."""

    root: Root
    node: ast.expr
    kind: Kind

    @property
    def text(self) -> str:
        return ast.unparse(self.node)


def parse(text: str) -> ast.Module:
    """The syntax tree; what the parser would warn of is the program's business. Raises SyntaxError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return gate.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"cannot be parsed: {error}") from error


def blocks(text: str) -> tuple[Span, ...]:
    """What may change: between the markers, line by line; the whole text when there are none.

    A start without its end reaches to the end of the text; an end without its start is ordinary text.
    """
    spans, position, start, marked = [], 0, -1, False
    for line in text.splitlines(keepends=True):
        following = position + len(line.encode())
        if start < 0 and line.strip().startswith(START_MARKER):
            start, marked = following, True
        elif start >= 0 and line.strip().startswith(END_MARKER):
            spans.append(Span(start, position))
            start = -1
        position = following
    if start >= 0:
        spans.append(Span(start, position))
    return tuple(spans) if marked else (Span(0, position),)


def changed_outside_blocks(parent: str, child: str) -> bool:
    """Does the child differ from its parent anywhere outside the marked blocks? Never, for a parent without markers."""
    return START_MARKER in parent and _outside(parent) != _outside(child)


def _outside(text: str) -> list[bytes]:
    data, position, parts = text.encode(), 0, []
    for span in blocks(text):
        parts.append(data[position : span.start])
        position = span.end
    return [*parts, data[position:]]


def roots(text: str, entry_points: Sequence[EntryPoint]) -> tuple[Root, ...]:
    """The editable top-level expressions of all functions and methods, in text order. Raises SyntaxError."""
    module = parse(text)
    starts, editable = _line_starts(text), blocks(text)
    found = []
    for function in functions(module):
        names = parameter_kinds(function, entry_points)
        for expression, visible in _expressions(function.body, dict(names)):
            span = _span(expression, starts)
            if any(block.holds(span) for block in editable):
                found.append(Root(span, expression, function.name, visible))
    return tuple(found)


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Module-level functions and the methods of module-level classes."""
    for statement in module.body:
        inside = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        yield from (node for node in inside if isinstance(node, _FUNCTIONS))


def sites(found: Sequence[Root]) -> tuple[Site, ...]:
    """Every sub-expression whose kind is known, outermost first."""
    return tuple(site for root in found for site in _sites(root, root.expression))


def _sites(root: Root, node: ast.expr) -> Iterator[Site]:
    kind = kind_of(node, root.names)
    if kind is not None:
        yield Site(root, node, kind)
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return
    for child in operands(node):
        yield from _sites(root, child)


def operands(node: ast.expr) -> Iterator[ast.expr]:
    """The sub-expressions that stand for values: not the called name, keywords, lengths, or what is subscripted."""
    if isinstance(node, ast.Call):
        yield from () if called(node) in FRESH | {"len", "range"} else node.args
        return
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        return
    yield from (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))


def replace(text: str, site: Site, replacement: str) -> str:
    """The text with the site's expression replaced by another one."""
    new = ast.parse(replacement, mode="eval").body
    return splice(text, {site.root.span: ast.unparse(substitute(site.root.expression, {id(site.node): new}))})


def substitute(node: ast.expr, replacements: Mapping[int, ast.expr]) -> ast.expr:
    """A copy of the expression in which nodes (by `id`) are exchanged. Untouched parts are shared, not copied."""
    if id(node) in replacements:
        return replacements[id(node)]
    copied = type(node)()
    for name, value in ast.iter_fields(node):
        setattr(copied, name, _substituted(value, replacements))
    return copied


def _substituted(value: object, replacements: Mapping[int, ast.expr]) -> object:
    if isinstance(value, ast.expr):
        return substitute(value, replacements)
    if isinstance(value, list):
        return [_substituted(item, replacements) for item in value]
    if isinstance(value, ast.keyword):
        return ast.keyword(arg=value.arg, value=substitute(value.value, replacements))
    return value


def splice(text: str, parts: Mapping[Span, str]) -> str:
    """The text with some spans replaced; spans do not overlap."""
    data = text.encode()
    for span in sorted(parts, key=lambda span: span.start, reverse=True):
        data = data[: span.start] + parts[span].encode() + data[span.end :]
    return data.decode()


def with_numpy(text: str) -> str:
    """The text with `import numpy as np` before its first editable function or class, if it is not there already."""
    module = parse(text)
    imports = [alias for node in module.body if isinstance(node, ast.Import) for alias in node.names]
    if any((alias.name, alias.asname) == ("numpy", "np") for alias in imports):
        return text
    starts, editable = _line_starts(text), blocks(text)
    for node in module.body:
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        place = Span(starts[first - 1], starts[first - 1])
        if any(block.holds(place) for block in editable):
            return splice(text, {place: "import numpy as np\n\n\n"})
    return text


def size(text: str) -> int:
    """Nodes of the syntax tree inside functions, docstrings not counted: the length that parsimony prefers short."""
    return sum(
        isinstance(node, (ast.expr, ast.stmt))
        for function in functions(parse(text))
        for statement in function.body
        if not _is_docstring(statement)
        for node in ast.walk(statement)
    )


def mixes(text: str) -> bool:
    """May an element of the result depend on other elements of an array? True if there is anything but arithmetic,
    comparisons and elementwise functions: a reduction, a sort, a subscript, a loop."""
    return any(_mixes(function) for function in functions(parse(text)))


def _mixes(node: ast.AST) -> bool:
    if isinstance(node, (ast.For, ast.While, ast.comprehension, ast.Subscript)):
        return True
    if isinstance(node, ast.Call):
        if called(node) not in ELEMENTWISE | LOGICAL | PLAIN:
            return True
        if called(node) in FRESH:
            return False  # `np.zeros(len(x))`: the length is the array's own
    return any(_mixes(child) for child in ast.iter_child_nodes(node))


def called(node: ast.Call) -> str:
    """The name of the function or method, without its owner."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _expressions(body: Sequence[ast.stmt], names: dict[str, Kind]) -> Iterator[tuple[ast.expr, Names]]:
    """Whole expressions in the order they run, each with what is bound before it. Loops' headers are left alone."""
    for statement in body:
        value = _value(statement)
        if value is not None:
            yield value, dict(names)
        names.update(bound_names(statement, names))
        for block in ("body", "orelse", "finalbody"):
            inner = getattr(statement, block, None)
            if isinstance(inner, list) and not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
                yield from _expressions(inner, dict(names))


def _value(statement: ast.stmt) -> ast.expr | None:
    if isinstance(statement, ast.If):
        return statement.test
    if isinstance(statement, (ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign)):
        return statement.value
    return None


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _line_starts(text: str) -> list[int]:
    """Byte offset of each line as the parser counts lines: a form feed, for one, does not end a line."""
    return [0, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", text.encode()))]


def statement_span(text: str, statement: ast.stmt) -> Span:
    """From its first decorator to its end."""
    starts = _line_starts(text)
    assert statement.end_lineno is not None
    assert statement.end_col_offset is not None
    first = min([statement, *getattr(statement, "decorator_list", [])], key=lambda one: one.lineno)
    begin = starts[statement.lineno - 1] + statement.col_offset
    if first is not statement:
        begin = starts[first.lineno - 1] + statement.col_offset  # the @ stands in the statement's own column
    return Span(begin, starts[statement.end_lineno - 1] + statement.end_col_offset)


def _span(node: ast.expr, starts: Sequence[int]) -> Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return Span(starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)
