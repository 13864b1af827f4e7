"""`cross`: a subtree of one program in place of a subtree of another (Koza, Genetic Programming, 1992, section 6.4)."""

from __future__ import annotations

import ast
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.attempts import Edited, attempt
from heuresis.agent.protocols import Workshop
from heuresis.agent.settings import check
from heuresis.agent.syntax import Site, functions, parse, replace, roots, sites, size, with_numpy
from heuresis.agent.vocabulary import ARITHMETIC, CHOICE, COMPARISONS, pick
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program


@dataclass(frozen=True)
class Cross:
    """Donors are the brief's inspirations. Parameters are matched by position; a donor's own locals do not travel."""

    whole: float = 0.1
    """Chance that the two whole expressions are joined by arithmetic or a choice, not a subtree exchanged."""
    size_limit: int = 80
    tries: int = 20
    name: str = "cross"

    def __post_init__(self) -> None:
        check(self, "whole", 0.0, 1.0)
        check(self, "size_limit", 5, 10_000)
        check(self, "tries", 1, 1000)

    def run(
        self, brief: Brief, workshop: Workshop, rng: np.random.Generator
    ) -> Generator[Sequence[Proposal], Sequence[Entry], None]:
        parent = workshop.programs[brief.parents[0]]
        donors = [workshop.programs[name] for name in brief.inspirations]

        def child() -> Edited | None:
            donor = donors[int(rng.integers(len(donors)))]
            return self.child(parent, donor, workshop.entry_points, rng)

        yield [attempt(self.name, parent, brief, workshop, child, self.tries)]

    def child(
        self, parent: Program, donor: Program, entry_points: Sequence[EntryPoint], rng: np.random.Generator
    ) -> Edited | None:
        text = with_numpy(parent.text)
        targets = sites(roots(text, entry_points))
        if not targets:
            return None
        whole = rng.random() < self.whole
        outer = [site for site in targets if _is_whole(site)]
        pool = outer if whole and outer else targets
        target = pool[int(rng.integers(len(pool)))]
        names = dict(zip(_parameters(donor.text, target), _parameters(text, target), strict=False))
        given = [site for site in _donors(donor.text, target, entry_points, names) if not whole or _is_whole(site)]
        if not given:
            return None
        piece = _translated(given[int(rng.integers(len(given)))], names)
        new = _joined(target, piece, rng) if whole and not target.kind.boolean else piece
        edited = replace(text, target, new)
        most = max(self.size_limit, size(text))
        return None if size(edited) > most else Edited(edited, "a subtree from another program")


def _joined(target: Site, piece: str, rng: np.random.Generator) -> str:
    mine, other = f"({target.text})", f"({piece})"
    if rng.random() < 0.5:
        return pick(ARITHMETIC, rng).format(mine, other)
    return CHOICE.format(pick(COMPARISONS, rng).format(mine, other), mine, other)


def _donors(text: str, target: Site, entry_points: Sequence[EntryPoint], names: Mapping[str, str]) -> list[Site]:
    """The expressions of the target's kind whose names all mean something at the target."""
    return [
        site
        for site in sites(roots(text, entry_points))
        if site.kind == target.kind
        and site.root.function == target.root.function
        and {node.id for node in ast.walk(site.node) if isinstance(node, ast.Name)} <= names.keys() | _EVERYWHERE
    ]


def _is_whole(site: Site) -> bool:
    return site.node is site.root.expression


def _parameters(text: str, target: Site) -> list[str]:
    """Of the target's function, as this text names them."""
    for node in functions(parse(text)):
        if node.name == target.root.function:
            return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return []


def _translated(site: Site, names: Mapping[str, str]) -> str:
    """The site's expression under the target's names."""
    return ast.unparse(_Translator(names).visit(ast.parse(site.text, mode="eval").body))


_EVERYWHERE = frozenset(("np", "abs", "float", "int", "len", "max", "min", "round"))


class _Translator(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node
