"""Which file a block holds, when the reply says so, and the program that named files make."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from heuresis.agent.reply.blocks import Block
from heuresis.agent.reply.draft import Unusable
from heuresis.program import MAIN_FILE, Program

MOST_FILES = 32
LONGEST_PATH = 200

_PATH = r"[\w.\-/\\:~]{1,200}\.(?:py|pyi|json|txt|md|toml|yaml|yml|csv|cfg|ini)"
_TITLED = re.compile(rf"(?:title|file|filename|name|path)\s{{0,3}}[=:]\s{{0,3}}[\"']?({_PATH})")
_BARE = re.compile(rf"(?:^|\s)({_PATH})$")
_COMMENT = re.compile(
    rf"^(?:#|//)[\s=\-]{{0,10}}(?:(?:file|filename|path)\s{{0,3}}[:=])?\s{{0,3}}`?({_PATH})`?[\s=\-]{{0,10}}$", re.I
)
_HEADING = re.compile(
    rf"^(?:[#*>\-\s]|\d+\.){{0,10}}(?:(?:file|filename|path)\s{{0,3}}\d{{0,2}}[:=]?)?[\s*`\"']{{0,5}}({_PATH})[\s*`\"':]{{0,6}}$",
    re.I,
)
_SHELLS = frozenset(["bash", "sh", "shell", "zsh", "console", "powershell", "diff", "patch"])


def named_path(block: Block, text: str) -> str | None:
    """The path that the block's info string, its first line, or the line above it gives; None when none does."""
    if block.language in _SHELLS:
        return None
    for pattern, line in _places(block, text):
        match = pattern.search(line) if len(line) <= LONGEST_PATH else None
        if match is not None:
            return match[1]
    return None


def _places(block: Block, text: str) -> list[tuple[re.Pattern[str], str]]:
    above = text.split("\n", block.first)[:-1] if block.first else []
    heading = next((line for line in reversed(above[-3:]) if line.strip()), "")
    first = block.text.split("\n", 1)[0].strip()
    return [
        (_TITLED, block.info),
        (_BARE, re.sub(r"^\w+:", "", block.info)),
        (_COMMENT, first),
        (_HEADING, heading.strip()),
    ]


def path_in(line: str) -> str | None:
    """The path, if the line is nothing but a path and its decoration."""
    match = _HEADING.match(line.strip()) or _COMMENT.match(line.strip()) if len(line) <= LONGEST_PATH else None
    return None if match is None else match[1]


def safe(path: str) -> str:
    """The path without `./`. Raises Unusable unless it is relative and stays inside the program's own folder."""
    normal = posixpath.normpath(path)
    outside = path.startswith(("/", "~")) or ".." in path.split("/") or "\\" in path or ":" in path
    if outside or normal.startswith(".") or len(normal) > LONGEST_PATH:
        raise Unusable(
            f"The file name {path!r} cannot be used: give a short relative path without '..', such as helper.py."
        )
    return normal


def together(parent: Program | None, changed: Mapping[str, str]) -> Program:
    """The parent's files with these exchanged or added. Raises Unusable when they cannot lie in one folder."""
    files = {**(parent.files if parent else {}), **changed}
    if len(files) > MOST_FILES:
        raise Unusable(f"The program has {len(files)} files; at most {MOST_FILES} are allowed.")
    if MAIN_FILE not in files:
        raise Unusable(f"The program needs a file {MAIN_FILE} that defines the entry points; found {', '.join(files)}.")
    for path in files:
        parts = path.split("/")
        if any("/".join(parts[:depth]) in files for depth in range(1, len(parts))):
            raise Unusable(f"The file name {path!r} needs a folder where there already is a file.")
    return Program(files)
