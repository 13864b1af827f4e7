"""Quotes what programs and models wrote, so that a prompt shows it and it cannot leave its quotation. Pure.

Covered: fences and quotation marks that would end the quotation, control, zero-width and bidirectional characters,
the control tokens of chat templates, texts of any length. Not covered: a model that believes what it reads. The system
message says that quoted text is data; whether a model heeds that, no quotation can promise.
"""

from __future__ import annotations

import re
import unicodedata

_SHORTEST_FENCE = 3
_LONGEST_RUN = 30
"""Of backticks: a longer one is described, or two fences of its length would be added to it."""
_UNUSUAL = re.compile(r"[^\n\t\x20-\x7e]")
_HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Invisible letters and marks: fillers, joiners, the empty Braille cell."""
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Variation selectors: invisible, and used to smuggle text."""
_CONTROL_TOKEN = re.compile(
    r"<[|\uff5c][^|\uff5c<>\n]{1,60}[|\uff5c]>|</?s>|<(?:start|end)_of_turn>|<</?SYS>>|\[/?INST\]", re.IGNORECASE
)
"""Of chat templates: some local servers read them wherever they stand."""
_CLOSING = str.maketrans("\u201c\u201d\u201e\u201f", '""""')


def quoted(text: str, limit: int, language: str = "text") -> str:
    """A fenced block of at most `limit` characters of the text (and the words that say how many were left out).

    The fence is longer than any run of backticks inside, so by CommonMark, section 4.5, no line of the text closes it.
    """
    inside = shortened(harmless(text), limit).strip("\n")
    runs = [len(run) for run in re.findall("`+", inside)]
    fence = "`" * max(_SHORTEST_FENCE, max(runs, default=0) + 1)
    return f"{fence}{language}\n{inside}\n{fence}"


def quoted_line(text: str, limit: int) -> str:
    """The text on one line between the marks \u201c and \u201d, neither of which is left inside."""
    inside = " ".join(harmless(text).translate(_CLOSING).split())
    return f"\u201c{' '.join(shortened(inside, limit).split())}\u201d"


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of the text, at most `limit` characters, and between them how many are left out."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    notice = f"[{len(text) - limit:,} characters left out]"
    return f"{text[:head]}\n{notice}\n{text[len(text) - tail :]}"


def harmless(text: str) -> str:
    """The text with what cannot be seen made visible, and with the control tokens of chat templates broken.

    Lines end with a newline character alone. Ordinary code comes back as it is.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL_TOKEN.sub(lambda match: f"{match[0][0]} {match[0][1:-1]} {match[0][-1]}", text)
    text = re.sub(f"`{{{_LONGEST_RUN},}}", lambda match: f"<{len(match[0])} backticks>", text)
    return _UNUSUAL.sub(lambda match: _visible(match[0]), text)


def _visible(character: str) -> str:
    code = ord(character)
    hidden = (
        unicodedata.category(character) in _HIDDEN_CATEGORIES
        or character in _HIDDEN
        or any(code in selectors for selectors in _SELECTORS)
    )
    return f"<U+{code:04X}>" if hidden else character
