"""Is this text Python, which names does it define, and what may be mended before it is given up?"""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from heuresis.agent.syntax import parse
from heuresis.evaluators.gate import MAX_CHARACTERS
from heuresis.evaluators.signature import EntryPoint

_TYPOGRAPHY = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_ENTITIES = frozenset(["lt", "gt", "amp", "quot"])
_LEFT_OUT = re.compile(
    r"^[ \t]*#[ \t]*(?:\.\.\.|\u2026)[^\n]{0,80}"
    r"\b(?:existing|rest|unchanged|same|remain\w*|previous|omitted)\b[^\n]{0,80}",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class NotPython:
    """Why a text is no Python, in words."""

    reason: str


def python(text: str) -> str | NotPython:
    """The text as Python that can be parsed, mended only where it cannot be parsed as it stands.

    Mended are: indentation of the whole, typographic quotes and spaces, HTML entities.
    """
    if len(text) > MAX_CHARACTERS:
        return NotPython(f"it has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read")
    first: NotPython | None = None
    for mend in _MENDINGS:
        candidate = mend(text)
        problem = fault(candidate) if first is None or candidate != text else first
        if problem is None:
            return candidate
        first = first or problem
    assert first is not None
    return first


def fault(text: str) -> NotPython | None:
    """Why the text cannot be parsed, with the line in question, or None."""
    try:
        tree = parse(text)
    except SyntaxError as error:
        return NotPython(_in_words(error, text))
    return NotPython("it is HTML-escaped: write < > & as such") if _is_escaped(tree) else None


def _in_words(error: SyntaxError, text: str) -> str:
    lines = text.split("\n")
    number = error.lineno or 0
    quoted = f": {lines[number - 1].strip()[:120]}" if 0 < number <= len(lines) else ""
    return f"{error.msg} (line {number}{quoted})" if number else f"{error.msg}"[:200]


def _is_escaped(tree: ast.Module) -> bool:
    """`a &lt; b` is valid Python: the bits of `a` and `lt`, then `b`."""
    operations = (node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd))
    return any(isinstance(node.right, ast.Name) and node.right.id in _ENTITIES for node in operations)


def _typographic(text: str) -> str:
    return textwrap.dedent(text.translate(_TYPOGRAPHY))


def _unescaped(text: str) -> str:
    return textwrap.dedent(html.unescape(text))


_MENDINGS: tuple[Callable[[str], str], ...] = (str, textwrap.dedent, _unescaped, _typographic)


def defined(text: str) -> dict[str, ast.stmt]:
    """Names bound at module level, also inside `if`, `try` and the like, with the last statement that binds them.

    The text is valid Python.
    """
    names: dict[str, ast.stmt] = {}
    for statement in module_level(parse(text).body):
        names |= dict.fromkeys(_bound(statement), statement)
    return names


def module_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is loaded, in text order."""
    waiting = list(reversed(body))
    while waiting:
        statement = waiting.pop()
        yield statement
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            waiting += reversed(list(_inner(statement)))


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in statement.names)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def missing(text: str, entry_points: Sequence[EntryPoint]) -> tuple[EntryPoint, ...]:
    """The entry points that valid Python does not define."""
    names = defined(text)
    return tuple(entry for entry in entry_points if entry.name not in names)


def in_words_missing(text: str, lacking: Sequence[EntryPoint]) -> str:
    """What has to be defined, and what is defined instead."""
    wanted = " and ".join(f"`{entry.signature}`" for entry in lacking)
    found = ", ".join(list(defined(text))[:20]) or "nothing"
    nested = [f"`{entry.name}` inside `{owner}`" for entry in lacking if (owner := _owner(text, entry.name))]
    hint = f" It defines {' and '.join(nested)}, where it cannot be called." if nested else ""
    return f"The program must define {wanted} at module level; it defines {found}.{hint}"


def _owner(text: str, name: str) -> str:
    for statement in parse(text).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inside = (node for node in ast.walk(statement) if node is not statement)
            if any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name for node in inside):
                return statement.name
    return ""


def left_out(text: str, parent: str = "") -> str | None:
    """A comment that stands for code, such as `# ... existing code ...`, or None. What the parent has is no such."""
    comments = (match[0].strip() for match in _LEFT_OUT.finditer(text))
    return next((comment[:100] for comment in comments if comment not in parent), None)
