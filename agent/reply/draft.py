"""`Draft` and `Unusable`: the two things that a model's reply can come to."""

from __future__ import annotations

from dataclasses import dataclass

from heuresis.program import Program

LONGEST_IDEA = 1_000
LONGEST_NAME = 100
LONGEST_REASON = 1_500


@dataclass(frozen=True)
class Draft:
    """A program that was read out of a reply. Says nothing about whether it is any good."""

    program: Program
    idea: str = ""
    """The thought in words, cut to LONGEST_IDEA characters; empty when the reply holds nothing but code."""
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "idea", cut(self.idea.strip(), LONGEST_IDEA))
        object.__setattr__(self, "name", cut(" ".join(self.name[: 2 * LONGEST_NAME].split()), LONGEST_NAME))


class Unusable(Exception):
    """A reply that cannot be used. Its text is for the model: what was expected, what was found, how to mend it.

    Never goes further than the operator that asked: there it becomes the refusal of a proposal.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(cut(reason, LONGEST_REASON))


def cut(text: str, characters: int) -> str:
    """At most so many characters, an ellipsis for the rest."""
    return text if len(text) <= characters else text[: characters - 3] + "..."
