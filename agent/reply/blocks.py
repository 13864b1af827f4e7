"""Fenced code blocks of a Markdown text, as language models write them rather than as the standard has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^([ \t>]{0,200})(`{3,}|~{3,})([^`]*)$")
_INLINE_OPENING = re.compile(r"(`{3,})[ \t]*(python3?|py)[ \t]*$", re.IGNORECASE)
# fmt: off (one name per line would hide the rest of the file)
_LANGUAGES = frozenset(
    [
        "bash",
        "c",
        "console",
        "cpp",
        "css",
        "diff",
        "html",
        "java",
        "javascript",
        "js",
        "json",
        "julia",
        "latex",
        "log",
        "markdown",
        "md",
        "output",
        "patch",
        "plain",
        "plaintext",
        "pseudocode",
        "py",
        "pycon",
        "python",
        "python2",
        "python3",
        "py3",
        "pytorch",
        "r",
        "rust",
        "sh",
        "shell",
        "sql",
        "text",
        "toml",
        "txt",
        "xml",
        "yaml",
        "yml",
        "zsh",
    ]
)
# fmt: on
_PYTHON = frozenset(["", "py", "python", "python3", "py3", "python2", "pytorch", "text", "plaintext", "txt", "plain"])
_FUSED = re.compile(r"(?:def|class|import|from|async def)\s")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    info: str
    """What follows the opening fence on its line."""
    text: str
    """The lines between the fences, each with its newline; without the prefix (indentation, `>`) of the fence."""
    closed: bool
    first: int
    """Index of the opening fence's line in the text."""
    last: int
    """Index of the closing fence's line, or of the last line of a block that was never closed."""

    @property
    def language(self) -> str:
        """The first word of the info string, in lower case; empty when there is none."""
        words = re.split(r"[\s:,{]", self.info.strip(), maxsplit=1)
        return words[0].lower()

    @property
    def may_be_python(self) -> bool:
        return self.language in _PYTHON or self.language.endswith(".py")


@dataclass
class _Open:
    prefix: str
    fence: str
    info: str
    first: int


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks in text order.

    A fence with a language inside an open block starts a new block, and the open one counts as never closed: models
    forget to close a block, and wrap whole answers in a ```markdown block. Longer fences hold shorter ones.
    """
    lines = text.split("\n")
    found: list[Block] = []
    current: _Open | None = None
    for index, line in enumerate(lines):
        opening = _opening(line, index)
        if current is None:
            current = opening or _inline_opening(line, index)
        elif _closes(line, current):
            found.append(_block(lines, current, index, True))
            current = None
        elif opening is not None and _starts_anew(opening, current):
            found.append(_block(lines, current, index, False))
            current = opening
    if current is not None:
        found.append(_unclosed(lines, current))
    return tuple(found)


def outside(text: str, found: Sequence[Block]) -> str:
    """The prose: what is in none of the blocks."""
    lines = text.split("\n")
    position, kept = 0, []
    for block in found:
        kept += lines[position : block.first]
        position = block.last + 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join([*kept, *lines[position:]])).strip()


def widest(text: str) -> str | None:
    """What stands between the first fence that opens Python and the last fence: a program whose strings hold fences."""
    lines = text.split("\n")
    fences = [(index, match) for index, line in enumerate(lines) if (match := _FENCE.match(line))]
    starts = [index for index, match in fences if match[3].strip().lower() in _PYTHON]
    if not starts or fences[-1][0] <= starts[0]:
        return None
    return "".join(line + "\n" for line in lines[starts[0] + 1 : fences[-1][0]])


def _opening(line: str, index: int) -> _Open | None:
    match = _FENCE.match(line)
    return None if match is None else _Open(match[1], match[2], match[3].strip(), index)


def _inline_opening(line: str, index: int) -> _Open | None:
    """A block that is opened at the end of a sentence or behind a list's mark."""
    match = _INLINE_OPENING.search(line[-200:])
    return None if match is None else _Open("", match[1], match[2], index)


def _closes(line: str, current: _Open) -> bool:
    match = _FENCE.match(line)
    if match is None or match[2][0] != current.fence[0] or len(match[2]) < len(current.fence):
        return False
    return not _names_language(match[3].strip())


def _starts_anew(opening: _Open, current: _Open) -> bool:
    return opening.fence[0] == current.fence[0] and len(opening.fence) >= len(current.fence)


def _names_language(info: str) -> bool:
    """Text behind a closing fence is prose that was begun too early, unless it says what a new block holds."""
    word = re.split(r"[\s:,{]", info, maxsplit=1)[0].lower()
    return word in _LANGUAGES or word.endswith((".py", ".json", ".txt"))


def _block(lines: Sequence[str], current: _Open, end: int, closed: bool) -> Block:
    inside = _unprefixed(lines[current.first + 1 : end], current.prefix)
    language, _, rest = current.info.partition(" ")
    if _FUSED.match(rest.lstrip()):
        inside = [rest.lstrip(), *inside]
        current.info = language
    return Block(current.info, "".join(line + "\n" for line in inside), closed, current.first, end - (not closed))


def _unclosed(lines: Sequence[str], current: _Open) -> Block:
    """The last block; it counts as closed when its fence stands at the end of a line of code."""
    block = _block(lines, current, len(lines), False)
    bare = block.text.rstrip()
    if not bare.endswith(current.fence):
        return block
    return Block(block.info, bare.removesuffix(current.fence) + "\n", True, block.first, block.last)


def _unprefixed(lines: Sequence[str], prefix: str) -> list[str]:
    """Without the prefix of the fence, if all lines have it (a blank line may lack its end)."""
    if not prefix or not all(line.startswith(prefix) or prefix.startswith(line.rstrip()) for line in lines):
        return list(lines)
    return [line[len(prefix) :] for line in lines]
