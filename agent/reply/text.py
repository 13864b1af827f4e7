"""The reply as plain text: one kind of line end, nothing invisible, no thinking part."""

from __future__ import annotations

import re

from heuresis.agent.reply.draft import Unusable

LONGEST_REPLY = 1_000_000
"""Characters. A reply that fills the longest output on offer today (128,000 tokens) has about half as many."""

CUT = "The reply was cut before it was complete. Write a shorter program, and less text around it."

_INVISIBLE = re.compile("[\x00\x0b\x0c\u200b-\u200d\u2060\ufeff\ud800-\udfff]")
"""NUL, other page and line breaks, zero-width characters, byte order marks, halves of surrogate pairs."""
_TAGS = ("think", "thinking", "reasoning", "scratchpad")
_OPENING = re.compile(rf"<({'|'.join(_TAGS)})>", re.IGNORECASE)
_CLOSING = re.compile(rf"</({'|'.join(_TAGS)})>", re.IGNORECASE)


def cleaned(reply: str) -> str:
    """The reply without its thinking part, ready to be read line by line at newline characters.

    Raises Unusable for a reply that is too long, empty, or nothing but thinking.
    """
    if len(reply) > LONGEST_REPLY:
        raise Unusable(f"The reply is too long: {len(reply):,} characters, at most {LONGEST_REPLY:,} are read.")
    text = _INVISIBLE.sub("", reply.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        raise Unusable("The reply is empty. Write the program in one ```python block.")
    answer = _without_thinking(text)
    if not answer.strip():
        raise Unusable(
            "The reply ended inside its thinking part, before any answer. Think less, then write the program."
        )
    return answer


def _without_thinking(text: str) -> str:
    """A tag counts only where it starts a line (a closing one also where it ends one): programs quote tags too.

    A part in the middle of the text that is never closed stays.
    """
    kept: list[str] = []
    pending: list[str] = []
    for line in text.split("\n"):
        if pending or _OPENING.match(line.lstrip()):
            pending.append(line)
            closing = _CLOSING.search(line)
            if closing is not None:
                pending = []
                kept.append(line[closing.end() :])
        elif _ends_thinking_begun_before(line):
            kept = [_CLOSING.split(line)[-1]]
        else:
            kept.append(line)
    return "\n".join([*kept, *pending] if any(line.strip() for line in kept) else kept)


def _ends_thinking_begun_before(line: str) -> bool:
    """Some servers put the opening tag into the prompt, so that the reply holds only the closing one."""
    bare = line.strip()
    return bool(_CLOSING.match(bare)) or any(bare.lower().endswith(f"</{tag}>") for tag in _TAGS)
