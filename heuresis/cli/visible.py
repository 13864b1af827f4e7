"""What a candidate wrote, made harmless for a terminal."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All but tab and newline; and what turns the direction of writing."""


def visible(text: str) -> str:
    """Control characters as escapes: what a program printed or raised must not move the cursor or rewrite a score."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
