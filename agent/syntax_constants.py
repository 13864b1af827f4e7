"""Numeric constants of a program: found, counted, replaced."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heuresis.agent.syntax import Root, operands, splice, substitute

SIGNIFICANT_DIGITS = 5


@dataclass(frozen=True)
class Number:
    """A number as written, its sign included."""

    root: Root
    node: ast.expr
    value: float


def constants(roots: Sequence[Root]) -> tuple[Number, ...]:
    """In text order. Subscripts, keyword arguments and lengths of fresh arrays are structure, not constants."""
    return tuple(number for root in roots for number in _numbers(root, root.expression))


def _numbers(root: Root, node: ast.expr) -> Iterator[Number]:
    value = number_value(node)
    if value is not None:
        yield Number(root, node, value)
        return
    for child in operands(node):
        yield from _numbers(root, child)


def number_value(node: ast.expr) -> float | None:
    """Of `3`, `-0.5`, `+2`; None for everything else, booleans included."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = number_value(node.operand) if isinstance(node.operand, ast.Constant) else None
        return None if inner is None else (-inner if isinstance(node.op, ast.USub) else inner)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    return None


def number(value: float) -> ast.expr:
    """The shortest expression for a value, rounded to `SIGNIFICANT_DIGITS`; a negative one carries its own minus."""
    rounded = float(f"{abs(value):.{SIGNIFICANT_DIGITS}g}")
    written = ast.Constant(int(rounded) if rounded.is_integer() and rounded < 1e15 else rounded)
    return ast.UnaryOp(ast.USub(), written) if value < 0 and rounded > 0 else written


def with_constants(text: str, found: Sequence[Number], values: Sequence[float]) -> str:
    """The text with each constant at its new value."""
    replacements = {id(c.node): number(value) for c, value in zip(found, values, strict=True)}
    changed = {c.root.span: c.root.expression for c in found}
    return splice(text, {span: ast.unparse(substitute(whole, replacements)) for span, whole in changed.items()})
