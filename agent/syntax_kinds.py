"""Rough types of expressions: scalar or array of some rank, number or boolean. None where nobody can tell.

The inference errs towards None: an expression without a kind is never replaced, only its constants and its
operators change.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heuresis.evaluators.signature import EntryPoint, Parameter

ELEMENTWISE = frozenset(
    (
        "abs", "absolute", "sqrt", "cbrt", "log", "log2", "log10", "log1p", "exp", "expm1", "square", "sign",
        "tanh", "sin", "cos", "arctan", "floor", "ceil", "rint", "round", "reciprocal", "negative", "maximum",
        "minimum", "where", "clip", "add", "subtract", "multiply", "divide", "power", "hypot", "fmax", "fmin",
        "nan_to_num", "mod", "remainder", "fmod",
    )
)  # fmt: skip
LOGICAL = frozenset(
    (
        "logical_and", "logical_or", "logical_not", "isnan", "isfinite", "isinf", "greater", "less", "equal",
    )
)  # fmt: skip
REDUCTIONS = frozenset(
    (
        "sum", "mean", "max", "min", "amax", "amin", "std", "var", "median", "prod", "argmax", "argmin", "ptp",
    )
)  # fmt: skip
LIKE = frozenset(
    (
        "zeros_like", "ones_like", "full_like", "empty_like", "copy", "asarray", "array", "ascontiguousarray",
        "float64", "cumsum", "sort",
    )
)  # fmt: skip
FRESH = frozenset(("zeros", "ones", "empty", "full", "arange"))
PLAIN = frozenset(
    ("zeros_like", "ones_like", "full_like", "asarray", "copy", "zeros", "ones", "full", "astype", "float")
)


@dataclass(frozen=True)
class Kind:
    rank: int = 0
    """0 for a scalar, 1 for a vector, 2 for a matrix."""
    boolean: bool = False


Names = Mapping[str, Kind]

SCALAR = Kind()


def declared(parameter: Parameter) -> Kind | None:
    """From a signature's type: `float` and `int` are scalars, `float[n]` has rank 1, `int[n,n]` rank 2."""
    base, _, axes = parameter.type.partition("[")
    if base.strip() not in ("float", "int", "bool"):
        return None
    return Kind(axes.count(",") + 1 if axes else 0, base.strip() == "bool")


def parameter_kinds(function: ast.FunctionDef | ast.AsyncFunctionDef, entry_points: Sequence[EntryPoint]) -> Names:
    """Of an entry point by position, under the program's own names; of any other function by its annotations."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    for entry in entry_points:
        if entry.name == function.name:
            pairs = zip(arguments, entry.parameters, strict=False)
            return {argument.arg: kind for argument, parameter in pairs if (kind := declared(parameter)) is not None}
    plain = {a.arg: a.annotation.id for a in arguments if isinstance(a.annotation, ast.Name)}
    return {name: SCALAR for name, annotation in plain.items() if annotation in ("float", "int")}


def bound_names(statement: ast.stmt, names: Names) -> dict[str, Kind]:
    """Names whose kind this statement sets."""
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return {}
    kind = kind_of(value, names)
    return {t.id: kind for t in targets if isinstance(t, ast.Name)} if kind is not None else {}


def kind_of(node: ast.expr, names: Names) -> Kind | None:
    """The kind of an expression's value, None if unknown."""
    handler = _HANDLERS.get(type(node))
    return None if handler is None else handler(node, names)


def _join(kinds: Sequence[Kind | None], boolean: bool | None = None) -> Kind | None:
    """The broadcast of operands; a boolean one only if all are, unless told."""
    known = [kind for kind in kinds if kind is not None]
    if not known or len(known) < len(kinds):
        return None
    return Kind(max(k.rank for k in known), all(k.boolean for k in known) if boolean is None else boolean)


def _constant(node: ast.Constant, _names: Names) -> Kind | None:
    if isinstance(node.value, (bool, int, float)):
        return Kind(0, isinstance(node.value, bool))
    return None


def _binary(node: ast.BinOp, names: Names) -> Kind | None:
    kinds = [kind_of(node.left, names), kind_of(node.right, names)]
    logical = isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor))
    return None if isinstance(node.op, ast.MatMult) else _join(kinds, None if logical else False)


def _unary(node: ast.UnaryOp, names: Names) -> Kind | None:
    kind = kind_of(node.operand, names)
    if kind is None or isinstance(node.op, ast.Invert):
        return kind
    return Kind(kind.rank, isinstance(node.op, ast.Not))


def _compare(node: ast.Compare, names: Names) -> Kind | None:
    if any(isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in node.ops):
        return None
    return _join([kind_of(part, names) for part in (node.left, *node.comparators)], boolean=True)


def _choice(node: ast.IfExp, names: Names) -> Kind | None:
    kinds = [kind_of(node.body, names), kind_of(node.orelse, names)]
    return kinds[0] if kinds[0] == kinds[1] else None


def _call(node: ast.Call, names: Names) -> Kind | None:
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    kinds = [kind_of(argument, names) for argument in node.args]
    if isinstance(node.func, ast.Name):
        return _builtin(node.func.id, kinds)
    if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, ast.Name):
        return None
    name, owner = node.func.attr, node.func.value.id
    if owner in names:
        return SCALAR if name in REDUCTIONS and not node.args and not node.keywords else None
    return _numpy(name, node, kinds) if owner in ("np", "numpy", "math") else None


def _builtin(name: str, kinds: Sequence[Kind | None]) -> Kind | None:
    if name == "len":
        return SCALAR
    if name in ("abs", "float", "int", "max", "min", "round") and kinds:
        joined = _join(kinds, boolean=False)
        return joined if joined is not None and (joined.rank == 0 or name == "abs") else None
    return None


def _numpy(name: str, node: ast.Call, kinds: Sequence[Kind | None]) -> Kind | None:
    if name in REDUCTIONS:
        return SCALAR if len(kinds) == 1 and not node.keywords else None
    if name in FRESH:
        return Kind(1) if kinds[:1] == [SCALAR] else None
    if name in LIKE:
        return Kind(kinds[0].rank) if kinds and kinds[0] is not None else None
    if name in LOGICAL:
        return _join(kinds, boolean=True)
    return _join(kinds, boolean=False) if name in ELEMENTWISE else None


def _subscript(node: ast.Subscript, names: Names) -> Kind | None:
    kind = kind_of(node.value, names)
    index = node.slice.operand if isinstance(node.slice, ast.UnaryOp) else node.slice
    if kind is None or kind.rank == 0 or not isinstance(index, ast.Constant) or not isinstance(index.value, int):
        return None
    return Kind(kind.rank - 1, kind.boolean)


def _attribute(node: ast.Attribute, names: Names) -> Kind | None:
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    constant = owner in ("np", "numpy", "math") and node.attr in ("pi", "e", "inf")
    return SCALAR if constant or (owner in names and node.attr == "size") else None


def _name(node: ast.Name, names: Names) -> Kind | None:
    return names.get(node.id)


_HANDLERS: dict[type[ast.expr], Callable[..., Kind | None]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Attribute: _attribute,
}
