"""Finds programs whose text holds answers rather than a way to them. Static: nothing is run.

Each threshold stands beside its reason. An honest program may cross one (a layout of circles is a list of numbers);
so a finding says what was seen and leaves the verdict to a person.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from heuresis.agent.auditing.findings import Finding, Kind
from heuresis.agent.syntax import called, parse
from heuresis.program import Program

LARGEST_CONTAINER = 32
"""Constants in one list, tuple, set or dict. Published heuristics have tables of up to some twenty coefficients."""
LARGEST_KEYED = 8
"""Constants in a container that is asked by an input value: a rule of that many cases is a list of cases."""
LONGEST_STRING = 200
"""Characters of a text that is no docstring."""
LONGEST_INTEGER = 25
"""Digits: more than any 64-bit number has."""
LARGEST_SHARE = 0.5
"""Of the code's characters in numbers and strings. Genetic programs reach a third."""
LEAST_LITERAL = 200
"""Characters of numbers and strings below which the share says nothing."""
MOST_EQUALITIES = 8
"""Comparisons of an input with a literal for equality, in one function."""

_HASHES = frozenset(("hash", "crc32", "adler32", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b"))
_HASHES_MORE = frozenset(("blake2s", "sha3_256", "sha3_512", "tobytes", "tostring"))
_DECODERS = frozenset(("eval", "exec", "b64decode", "b85decode", "a85decode", "decompress", "unhexlify", "fromhex"))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_ASSIGNMENTS = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr)
_CONTAINERS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def tables(program: Program) -> list[Finding]:
    """A finding for each suspicious thing in the program's Python files."""
    found = []
    for path, text in program.files.items():
        if path.endswith(".py"):
            where = f"{path}, " if len(program.files) > 1 else ""
            found += [Finding(Kind.TABLE, f"{where}{words}") for words in _in_text(text)]
    return found


def _in_text(text: str) -> list[str]:
    try:
        module = parse(text)
    except SyntaxError:
        return []
    tables = _bound_tables(module)
    words = [*_literals(module), *_share(module)]
    for function in ast.walk(module):
        if isinstance(function, _FUNCTIONS):
            words += _of_function(function, _inputs(function), tables)
    return list(dict.fromkeys(words))


def _literals(module: ast.Module) -> Iterator[str]:
    """Long constants; of containers within containers only the outermost."""
    inner = {
        id(child)
        for one in ast.walk(module)
        if isinstance(one, _CONTAINERS)
        for child in ast.walk(one)
        if child is not one
    }
    docstrings = {id(one) for one in _docstrings(module)}
    for node in ast.walk(module):
        if isinstance(node, _CONTAINERS) and id(node) not in inner and _constants(node) > LARGEST_CONTAINER:
            yield f"line {node.lineno}: a table of {_constants(node)} constants (more than {LARGEST_CONTAINER})"
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        if isinstance(node.value, (str, bytes)) and len(node.value) > LONGEST_STRING:
            yield f"line {node.lineno}: a text of {len(node.value)} characters (more than {LONGEST_STRING})"
        if _is_long_integer(node.value):
            yield f"line {node.lineno}: a whole number of more than {LONGEST_INTEGER} digits"


def _is_long_integer(value: object) -> bool:
    return isinstance(value, int) and abs(value) >= 10**LONGEST_INTEGER


def _share(module: ast.Module) -> Iterator[str]:
    """Numbers and strings against all of the code, comments and docstrings left out."""
    docstrings = {id(one) for one in _docstrings(module)}
    constants = [one for one in ast.walk(module) if isinstance(one, ast.Constant)]
    told = [one for one in constants if not isinstance(one.value, (bool, type(None)))]
    literal = sum(len(ast.unparse(one)) for one in told if id(one) not in docstrings)
    whole = len(ast.unparse(module)) - sum(len(ast.unparse(one)) for one in told if id(one) in docstrings)
    if literal >= LEAST_LITERAL and literal > LARGEST_SHARE * whole:
        share = f"{100 * literal / whole:.0f} %"
        yield f"{share} of the code is numbers and strings (more than {100 * LARGEST_SHARE:.0f} %)"


def _of_function(
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, inputs: set[str], tables: Mapping[str, int]
) -> Iterator[str]:
    equalities = 0
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield from _of_call(node, inputs, tables)
        elif isinstance(node, ast.Subscript) and _reads(node.slice, inputs):
            yield from _keyed(node, _table_size(node.value, tables), "asked by an input value")
        elif isinstance(node, ast.Compare):
            both = [node.left, *node.comparators]
            literal = any(isinstance(one, ast.Constant) for one in both)
            equal = any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops)
            equalities += equal and literal and any(_reads(one, inputs) for one in both)
            if isinstance(node.ops[0], (ast.In, ast.NotIn)) and _reads(node.left, inputs):
                yield from _keyed(node, _table_size(node.comparators[0], tables), "searched for an input value")
        elif isinstance(node, ast.Match) and _reads(node.subject, inputs):
            equalities += sum(isinstance(case.pattern, ast.MatchValue) for case in node.cases)
    if equalities >= MOST_EQUALITIES:
        line = function.lineno
        yield f"line {line}: inputs are compared with {equalities} literals for equality ({MOST_EQUALITIES} or more)"


def _of_call(node: ast.Call, inputs: set[str], tables: Mapping[str, int]) -> Iterator[str]:
    name = called(node)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    about = [*node.args, *([owner] if owner is not None else [])]
    if name in _HASHES | _HASHES_MORE and any(_reads(one, inputs) for one in about):
        yield f"line {node.lineno}: {name}() of an input: a fingerprint by which an instance is known again"
    if name in _DECODERS:
        yield f"line {node.lineno}: {name}() makes code or data out of text while it runs"
    if owner is not None and name in ("get", "setdefault", "index") and any(_reads(one, inputs) for one in node.args):
        yield from _keyed(node, _table_size(owner, tables), "asked by an input value")


def _keyed(node: ast.expr, size: int, how: str) -> Iterator[str]:
    if size >= LARGEST_KEYED:
        yield f"line {node.lineno}: a table of {size} constants is {how} ({LARGEST_KEYED} or more)"


def _bound_tables(module: ast.Module) -> dict[str, int]:
    """Name -> constants in the container that it is bound to, anywhere in the file."""
    found: dict[str, int] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and (size := _table_size(node.value, {})):
                    found[target.id] = max(size, found.get(target.id, 0))
    return found


def _table_size(node: ast.expr, tables: Mapping[str, int]) -> int:
    """Constants in the container that this is, or is made from (`np.array([...])`); 0 for anything else."""
    if isinstance(node, ast.Name):
        return tables.get(node.id, 0)
    if isinstance(node, _CONTAINERS):
        return _constants(node)
    if isinstance(node, ast.Call) and node.args:
        return _table_size(node.args[0], tables)
    return 0


def _constants(node: ast.expr) -> int:
    return sum(isinstance(one, ast.Constant) for one in ast.walk(node))


def _inputs(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Names whose values come from the function's arguments; what is assigned from them, too."""
    given = function.args
    names = {one.arg for one in [*given.posonlyargs, *given.args, *given.kwonlyargs]} - {"self"}
    assigned = [one for one in ast.walk(function) if isinstance(one, _ASSIGNMENTS) and one.value is not None]
    for _ in range(3):  # a chain of assignments that is longer is not followed
        for node in assigned:
            if node.value is not None and _reads(node.value, names):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return names


def _reads(node: ast.expr, names: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


def _docstrings(module: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value
