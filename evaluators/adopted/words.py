"""Text of somebody else, fit to be told in one line."""

from __future__ import annotations


def one_line(text: str, characters: int) -> str:
    """What can be printed of it, on one line, at most so many characters: the end is left out, as `...` says."""
    head = "".join(mark if mark.isprintable() else " " for mark in text[: 4 * characters])
    words = " ".join(head.split())
    return words if len(words) <= characters and len(text) <= 4 * characters else f"{words[: characters - 3]}..."
