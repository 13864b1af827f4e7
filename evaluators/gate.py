"""The gate: what is refused before anything runs. Pure; looks at text only."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from collections.abc import Sequence

from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program

MAX_CHARACTERS = 200_000
"""Of all files together."""
_DOTTED = re.compile(r"(?:\.[\s\\]*[^\s\\.,;:()\[\]{}=+*/<>&|^%@!~\"'#-]+[\s\\]*)+")
_DOTS = 256
_FORMATTED = re.compile(r"[fF][rR]?['\"]")
_FIELDS_TIMES_LENGTH = 10**9


def parse(text: str) -> ast.Module:
    """The syntax tree. Raises SyntaxError, ValueError, RecursionError or MemoryError.

    A name such as `a.b.c` may not have too many dots: Python's parser copies an imported one at each of them, and would
    take minutes and gigabytes of ours for a program that imports one of a hundred thousand. Python 3.11 searches an
    f-string from its beginning for each of its fields, which takes a minute for sixty thousand of them.
    """
    if text.count("{") * len(text) > _FIELDS_TIMES_LENGTH and _FORMATTED.search(text):
        raise SyntaxError("too many braces for a text of this length", (None, 1, None, None))
    for found in _DOTTED.finditer(text):
        if found.group().count(".") > _DOTS:
            place = (None, text.count("\n", 0, found.start()) + 1, None, None)
            raise SyntaxError(f"a name with more than {_DOTS} dots", place)
    return ast.parse(text)


def refusal(program: Program, entries: Sequence[EntryPoint]) -> str | None:
    """Why this program may not run, in words, or None. Says nothing about whether it is any good."""
    size = sum(len(text) for text in program.files.values())
    if size > MAX_CHARACTERS:
        return f"too large: {size:,} characters, at most {MAX_CHARACTERS:,} are run"
    try:
        for text in program.files.values():
            text.encode()
        if (wrong := other_encoding(program)) is not None:
            return wrong
        tree = parse(program.text)
    except SyntaxError as error:
        return f"not valid Python: {error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"not valid Python: {type(error).__name__}: {error}"
    defined = _defined_names(tree)
    for entry in entries:
        if entry.name not in defined:
            found = ", ".join(sorted(defined)) or "nothing"
            return f"entry point missing: define {entry.signature} at module level (defined there: {found})"
    return None


def other_encoding(program: Program) -> str | None:
    """Which Python file another reader would take for other text than the jail does, in words, or None.

    The jail compiles text. A file that is installed is read as bytes: there a coding line decides what the code is.
    """
    for path, text in program.files.items():
        if not path.endswith(".py"):
            continue
        if text.startswith("\ufeff"):
            return f"{path} begins with a byte order mark: leave it out"
        lines = text.replace("\r\n", "\n").replace("\r", "\n")  # Python ends a line at each of them
        try:
            name, _ = tokenize.detect_encoding(io.BytesIO(lines.encode("utf-8", "replace")).readline)
        except SyntaxError:  # one that does not exist
            name = "unknown"
        if name == "unknown" or codecs.lookup(name).name != "utf-8":
            return f"{path} names another encoding than UTF-8 in its first two lines: leave that line out"
    return None


def _defined_names(tree: ast.Module) -> set[str]:
    """Names bound anywhere: generous on purpose, the jail checks the loaded module itself."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names
