"""A program's text with a version in the names of its entry points; `agent/reply/versions.py` takes it off again."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Collection


def with_version(text: str, names: Collection[str], version: str) -> str:
    """Every `name` is called `name_VERSION`; attributes, strings and comments stay. For showing, not for running.

    A text that has no tokens of Python comes back as it is.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    lines = io.StringIO(text).readlines()
    for before, token in reversed(list(zip([None, *tokens], tokens, strict=False))):
        if token.type == tokenize.NAME and token.string in names and (before is None or before.string != "."):
            row, column = token.end
            line = lines[row - 1]
            lines[row - 1] = f"{line[:column]}_{version}{line[column:]}"
    return "".join(lines)
