"""What the operators without a model share: trying edits until one gives a program that was not proposed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from heuresis.agent.protocols import Workshop
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.archive.records import Brief, Proposal
from heuresis.program import MAIN_FILE, Program


@dataclass(frozen=True)
class Edited:
    """A program's text after an edit, and the edit in words."""

    text: str
    idea: str


def with_text(program: Program, text: str) -> Program:
    """The program with another main file."""
    return Program({**program.files, MAIN_FILE: text})


def attempt(
    operator: str, parent: Program, brief: Brief, workshop: Workshop, edit: Callable[[], Edited | None], tries: int
) -> Proposal:
    """The first edit that gives a program unknown to the campaign; after `tries` edits a proposal without a program."""
    for _ in range(tries):
        edited = edit()
        if edited is None or edited.text == parent.text or changed_outside_blocks(parent.text, edited.text):
            continue
        program = with_text(parent, edited.text)
        if not workshop.known(program):
            return Proposal(program, operator, brief.parents + brief.inspirations, edited.idea)
    refusal = f"no new program in {tries} tries"
    return Proposal(None, operator, brief.parents + brief.inspirations, refusal=refusal)
