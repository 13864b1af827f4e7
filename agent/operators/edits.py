"""The edits `mutate` draws from: each takes a program's text and gives another, or None where it has no place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.attempts import Edited
from heuresis.agent.syntax import Root, Site, replace, sites
from heuresis.agent.syntax_constants import constants, with_constants
from heuresis.agent.syntax_kinds import ELEMENTWISE, Kind, kind_of
from heuresis.agent.vocabulary import ARITHMETIC, BINARY, CHOICE, COMPARISONS, UNARY, Vocabulary, pick


@dataclass(frozen=True)
class Material:
    """What an edit works on."""

    text: str
    roots: tuple[Root, ...]
    vocabulary: Vocabulary
    depth: int
    """Of random subtrees."""
    jitter: float
    """Standard deviation of the logarithm of a changed constant."""
    rng: np.random.Generator

    @property
    def numeric(self) -> list[Site]:
        return [site for site in sites(self.roots) if not site.kind.boolean]

    def random(self, kind: Kind, site: Site, depth: int) -> str:
        return self.vocabulary.expression(kind, site.root.names, depth, self.rng)

    def choose(self, options: Sequence[Site]) -> Site | None:
        return options[int(self.rng.integers(len(options)))] if options else None


def new_subtree(m: Material) -> Edited | None:
    site = m.choose(sites(m.roots))
    if site is None:
        return None
    new = m.random(site.kind, site, int(m.rng.integers(0, m.depth + 1)))
    return Edited(replace(m.text, site, new), "a new subtree")


def grow(m: Material) -> Edited | None:
    """An operand becomes part of a larger operation."""
    site = m.choose(m.numeric)
    if site is None:
        return None
    if m.rng.random() < m.vocabulary.functions:
        new = pick(UNARY, m.rng).format(f"({site.text})")
        return Edited(replace(m.text, site, new), "a function around an operand")
    other = m.random(Kind(int(m.rng.integers(0, site.kind.rank + 1))), site, m.depth - 1)
    parts = [f"({site.text})", other]
    if m.rng.random() < 0.5:
        parts.reverse()
    return Edited(replace(m.text, site, pick(BINARY, m.rng).format(*parts)), "one more operand")


def shrink(m: Material) -> Edited | None:
    """An operation gives way to one of its operands."""
    pairs = shorter_parts(m.roots)
    if not pairs:
        return None
    site, part = pairs[int(m.rng.integers(len(pairs)))]
    return Edited(replace(m.text, site, ast.unparse(part)), "an operand in place of its operation")


def move_constant(m: Material) -> Edited | None:
    """A number times a log-normal factor; sometimes a fresh one, sometimes the other sign."""
    numbers = constants(m.roots)
    if not numbers:
        return None
    index = int(m.rng.integers(len(numbers)))
    values = [number.value for number in numbers]
    if m.rng.random() < 0.2 or values[index] == 0:
        values[index] = float(m.vocabulary.number(m.rng))
    else:
        values[index] *= float(np.exp(m.jitter * m.rng.standard_normal()))
    if m.rng.random() < 0.05:
        values[index] = -values[index]
    return Edited(with_constants(m.text, numbers, values), "a constant moved")


def swap_operands(m: Material) -> Edited | None:
    """Left and right of an operation, or the two branches of a choice."""
    site = m.choose([s for s in sites(m.roots) if len(parts_of(s.node)) >= 2])
    if site is None:
        return None
    parts = parts_of(site.node)
    swapped = substitute_parts(site.node, [*parts[:-2], parts[-1], parts[-2]])
    return Edited(replace(m.text, site, swapped), "operands swapped")


def swap_call(m: Material) -> Edited | None:
    """Another operation on the same operands."""
    site = m.choose([s for s in sites(m.roots) if len(parts_of(s.node)) in (1, 2)])
    if site is None:
        return None
    parts = [f"({ast.unparse(part)})" for part in parts_of(site.node)]
    options = COMPARISONS if site.kind.boolean else BINARY if len(parts) == 2 else UNARY
    return Edited(replace(m.text, site, pick(options, m.rng).format(*parts)), "another operation")


def wrap_in_choice(m: Material) -> Edited | None:
    """An operand becomes one branch of a choice; the other is random, or the operand changed by a scalar."""
    site = m.choose(m.numeric)
    if site is None:
        return None
    condition = m.random(Kind(site.kind.rank, True), site, m.depth - 1)
    if m.rng.random() < 0.5:
        other = m.random(site.kind, site, m.depth - 1)
    else:
        other = pick(ARITHMETIC, m.rng).format(f"({site.text})", m.random(Kind(), site, 0))
    branches = [f"({site.text})", other]
    if m.rng.random() < 0.5:
        branches.reverse()
    return Edited(replace(m.text, site, CHOICE.format(condition, *branches)), "a choice around an operand")


def move_choice(m: Material) -> Edited | None:
    """New condition of an existing choice."""
    site = m.choose([s for s in sites(m.roots) if s.kind.boolean])
    if site is None:
        return None
    return Edited(replace(m.text, site, m.random(site.kind, site, m.depth)), "a new condition")


EDITS: tuple[tuple[float, Callable[[Material], Edited | None]], ...] = (
    (3.0, new_subtree),
    (2.0, grow),
    (2.0, shrink),
    (2.0, move_constant),
    (1.0, swap_operands),
    (2.0, swap_call),
    (1.5, wrap_in_choice),
    (1.0, move_choice),
)
"""Each with its weight."""


def shorter_parts(roots: Sequence[Root]) -> list[tuple[Site, ast.expr]]:
    """Each operation with each of its operands that could stand in its place."""
    found = sites(roots)
    return [(s, part) for s in found for part in parts_of(s.node) if kind_of(part, s.root.names) == s.kind]


def parts_of(node: ast.expr) -> list[ast.expr]:
    """Operands of an operation whose operands may be exchanged: arithmetic, comparison, elementwise calls."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [] if isinstance(node.operand, ast.Constant) else [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return [node.left, node.comparators[0]]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
        return list(node.args) if node.func.attr in ELEMENTWISE | {"logical_and", "logical_or"} else []
    return []


def substitute_parts(node: ast.expr, parts: Sequence[ast.expr]) -> str:
    """The operation on other operands, as text."""
    if isinstance(node, ast.BinOp):
        return ast.unparse(ast.BinOp(parts[0], node.op, parts[1]))
    if isinstance(node, ast.Compare):
        return ast.unparse(ast.Compare(parts[0], node.ops, [parts[1]]))
    assert isinstance(node, ast.Call)
    return ast.unparse(ast.Call(node.func, list(parts), []))
