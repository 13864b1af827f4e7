"""`Exhibit`: a program as templates show it, with every word of its own quoted already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heuresis.prompts.quote import quoted, quoted_line

LONGEST_IDEA = 600
LONGEST_REASON = 1_500
LONGEST_FEEDBACK = 3_000
LONGEST_CODE = 60_000
"""Characters, of one program in a prompt."""
MOST_CODE = 120_000
"""Of all programs in a prompt together."""
_LEAST_CODE = 2_000


@dataclass(frozen=True)
class Exhibit:
    """What a template may say of a program. Empty texts are left out."""

    label: str
    """Ours: which program it is, in words. Never an id, which would tell a model nothing."""
    result: str
    """Ours: its value with metric and unit, or how it failed."""
    code: str
    """Quoted: all files."""
    idea: str = ""
    reason: str = ""
    """Quoted: why it has no score."""
    feedback: str = ""
    marked: bool = False
    """Whether only marked blocks of it may change."""


def exhibit(
    label: str,
    result: str,
    files: Mapping[str, str],
    idea: str = "",
    reason: str = "",
    feedback: str = "",
    beside: int = 0,
    marked: bool = False,
) -> Exhibit:
    """A program to show `beside` so many others: the more there are, the less of each one's code is shown."""
    return Exhibit(
        label,
        result,
        _code(files, max(_LEAST_CODE, min(LONGEST_CODE, MOST_CODE // (beside + 1)))),
        quoted_line(idea, LONGEST_IDEA) if idea.strip() else "",
        quoted_reason(reason),
        quoted_feedback(feedback),
        marked,
    )


def quoted_reason(reason: str) -> str:
    """Why a program or a reply failed, as a block; empty without a reason."""
    return quoted(reason, LONGEST_REASON) if reason.strip() else ""


def quoted_feedback(feedback: str) -> str:
    """What came of the train tier and what the program printed, as a block; empty without any."""
    return quoted(feedback, LONGEST_FEEDBACK) if feedback.strip() else ""


def _code(files: Mapping[str, str], limit: int) -> str:
    """All files as blocks; each is named when there are several."""
    if len(files) == 1:
        return quoted(next(iter(files.values())), limit, "python")
    share = max(_LEAST_CODE, limit // len(files))
    blocks = [
        f"File {quoted_line(path, 200)}:\n\n{quoted(text, share, _language(path))}" for path, text in files.items()
    ]
    return "\n\n".join(blocks)


def _language(path: str) -> str:
    return "python" if path.endswith(".py") else "text"
