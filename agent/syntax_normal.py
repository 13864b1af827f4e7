"""The normal form of a program: equal for programs that differ only in writing."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence

from heuresis.agent.syntax import functions, parse
from heuresis.program import Program

_COMMUTATIVE_CALLS = frozenset(("maximum", "minimum", "logical_and", "logical_or"))
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}


def normal_hash(program: Program) -> str:
    """SHA-256 (hex) of the normal forms of all files; a file that is not Python counts as it is."""
    digest = hashlib.sha256()
    for path, text in program.files.items():
        normal = normal_form(text) if path.endswith(".py") else text
        digest.update(f"{path}\0{normal}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def skeleton_hash(text: str) -> str:
    """SHA-256 (hex) of the normal form with every number blanked: equal for programs that differ in constants only."""
    return hashlib.sha256(normal_form(text, blank=True).encode()).hexdigest()


def normal_form(text: str, blank: bool = False) -> str:
    """Without comments, docstrings and annotations; locals renamed in order of appearance, commutative operands
    ordered, `>` turned to `<`, arithmetic on constants done. Text that does not parse, or is nested too deeply,
    is its own normal form."""
    try:
        module = parse(text)
        for function in functions(module):
            _Renamer(function).visit(function)
        return ast.dump(_Normaliser(blank).visit(module))
    except (SyntaxError, RecursionError, ValueError, OverflowError, MemoryError):  # numbers too large to fold or write
        return text


class _Renamer(ast.NodeTransformer):
    """Parameters and assigned names of one function become v0, v1, ... in order of appearance."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer = [node for node in ast.walk(function) if isinstance(node, (ast.Global, ast.Nonlocal))]
        kept = {name for node in outer for name in node.names}
        self._names: dict[str, str] = {}
        for name in _local_names(function):
            if name not in kept:
                self._names.setdefault(name, f"v{len(self._names)}")

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._names.get(node.arg, node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node


def _local_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    if any(isinstance(node, (*_SCOPES,)) for statement in function.body for node in ast.walk(statement)):
        return []  # inner scopes may shadow; left as written
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    stored = [n for statement in function.body for n in ast.walk(statement) if isinstance(n, ast.Name)]
    return [a.arg for a in given] + [n.id for n in stored if isinstance(n.ctx, ast.Store)]


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Import, ast.ImportFrom)


class _Normaliser(ast.NodeTransformer):
    def __init__(self, blank: bool) -> None:
        self._blank = blank

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        node.body = _without_docstring(node.body)
        self.generic_visit(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.returns = None
        node.body = _without_docstring(node.body)
        self.generic_visit(node)
        return node

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = _without_docstring(node.body)
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.body = _without_docstring(node.body)
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name("number", ast.Load()) if self._blank and _literal(node) is not None else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        inner = _literal(node.operand)
        if inner is not None and isinstance(node.op, ast.USub):
            return self.visit_Constant(ast.Constant(-inner))
        self.generic_visit(node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        folded = _folded(node)
        if folded is not None:
            return ast.Constant(folded)
        if isinstance(node.op, (ast.Add, ast.Mult)):
            node.left, node.right = _ordered([node.left, node.right])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) == 1 and type(node.ops[0]) in _MIRRORED:
            mirrored = _MIRRORED[type(node.ops[0])]()
            return ast.Compare(node.comparators[0], [mirrored], [node.left])
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name in _COMMUTATIVE_CALLS and not node.keywords:
            node.args = _ordered(node.args)
        return node


def _literal(node: ast.expr) -> float | None:
    """An int or a float as written (they stay apart: `range(3.0)` is not `range(3)`)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    return None


def _folded(node: ast.BinOp) -> float | None:
    """The value of an operation on two numbers, where it has one."""
    left, right = _literal(node.left), _literal(node.right)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    return left / right if isinstance(node.op, ast.Div) and right else None


def _ordered(nodes: Sequence[ast.expr]) -> list[ast.expr]:
    return sorted(nodes, key=ast.dump)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:] or [ast.Pass()]
    return body
