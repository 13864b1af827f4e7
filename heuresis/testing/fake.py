"""The stand-in behind `heuresis fake-model`: edits a program at random and tells it in the form that is asked for.

It is no language model: it understands nothing, and follows a few marks of the prompt (`reading`). It is there to try a
whole search, its budget and its faults without a key and without money.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from heuresis.agent.operators.attempts import Edited
from heuresis.agent.operators.invent import Invent
from heuresis.agent.operators.mutate import Mutate
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.testing import answers
from heuresis.testing.answers import Answer, Text
from heuresis.testing.exchange import Received
from heuresis.testing.reading import Asked, Form, read

NAME = "heuresis-stand-in"
SAID = "I am a stand-in, not a language model."
_TRIES = 50
_LARGEST = 10_000
"""Nodes of the syntax tree: an edit that is larger is thrown away."""
_HANG_SECONDS = 30.0

FAULTS: tuple[Answer, ...] = (
    *(answers.rate_limited(1.0), answers.SERVER_ERROR, answers.BAD_GATEWAY, answers.OVERLOADED, answers.Reset()),
    *(answers.TruncatedBody(), answers.TruncatedJson(), answers.CutStream(), answers.Malformed(), answers.Html()),
    *(answers.EmptyChoices(), answers.EmptyContent(), answers.HangBeforeHeaders(_HANG_SECONDS)),
)
"""What the stand-in draws from: all that passes when the same is asked again."""


def stand_in(*, seed: int = 0, seconds: float = 0.0, faults: float = 0.0) -> Callable[[Received], Answer]:
    """A script for a `ModelServer`. `seconds`: until an answer begins; `faults`: chance of a fault, from 0 to 1."""

    def script(received: Received) -> Answer:
        rng = _rng(seed, "fault", received.number)
        if rng.random() < faults:
            return FAULTS[int(rng.integers(len(FAULTS)))]
        return Text(reply(received.body, seed), model=NAME, seconds=seconds)

    return script


def reply(body: Any, seed: int = 0) -> str:
    """The text for one request: the same for the same seed, messages and `seed` of the request."""
    asked = read(body)
    rng = _rng(seed, body.get("seed"), asked.conversation)
    edited = None if asked.form is Form.WORDS else _written(asked, rng)
    if edited is None:
        return f"{SAID}\nIt has nothing to say about this: it only edits programs at random."
    return _TELLINGS[asked.form](Change(asked.program, asked.named_as_asked(edited.text), edited.idea))


@dataclass(frozen=True)
class Change:
    """An edit that is to be told."""

    before: str
    """The program of the prompt; empty when it has none."""
    after: str
    idea: str


def _as_file(change: Change) -> str:
    return f"{SAID}\nA random edit: {change.idea}.\n\n```python\n{change.after.rstrip()}\n```\n"


def _as_json(change: Change) -> str:
    return json.dumps({"thought": f"{SAID} A random edit: {change.idea}.", "name": "stand-in", "code": change.after})


def _as_edit(change: Change) -> str:
    if not change.before:
        return _as_file(change)
    search, replacement = changed_lines(change.before, change.after)
    edit = f"<<<<<<< SEARCH\n{search}=======\n{replacement}>>>>>>> REPLACE"
    return f"{SAID}\nA random edit: {change.idea}.\n\n{edit}\n"


_TELLINGS = {Form.FILE: _as_file, Form.JSON: _as_json, Form.EDIT: _as_edit}


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """The lines from the first to the last that changed, old and new, with as many more as make the old ones unique."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    changes = [code for code in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"]
    start, end, shift = changes[0][1], changes[-1][2], len(new) - len(old)
    while (start, end) != (0, len(old)) and (start == end or before.count("".join(old[start:end])) != 1):
        start, end = max(0, start - 1), min(len(old), end + 1)
    return "".join(old[start:end]), "".join(new[start : end + shift])


def _written(asked: Asked, rng: np.random.Generator) -> Edited | None:
    """An edit of the program; without one, a random program for the signatures; None when there is nothing to go by."""
    if asked.program:
        return _edit(asked, rng)
    text = Invent().module(asked.signatures, rng) if asked.signatures else None
    return None if text is None else Edited(text, "a new program")


def _edit(asked: Asked, rng: np.random.Generator) -> Edited | None:
    source, entries = asked.program, asked.entry_points
    for _ in range(_TRIES):
        edited = Mutate(size_limit=_LARGEST).child(source, entries, rng)
        if edited is not None and edited.text != source and not changed_outside_blocks(source, edited.text):
            return edited
    return None


def _rng(*parts: object) -> np.random.Generator:
    digest = hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
