"""A thought, a name and code out of the JSON that ADAS-style prompts ask for (Hu et al. 2025, arXiv 2408.08435)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heuresis.agent.reply.blocks import blocks
from heuresis.agent.reply.code import NotPython, in_words_missing, left_out, missing, python
from heuresis.agent.reply.draft import Draft, Unusable
from heuresis.agent.reply.full import full_text
from heuresis.agent.reply.text import CUT, cleaned
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program

EXPECTED = (
    'Write one JSON object with the keys "thought", "name" and "code"; "code" is a string that holds the program.'
)

_MOST_OBJECTS = 50
_OBJECT = re.compile(r"\{\s*(?=[\"'])")
_KEY = re.compile(r"[\"'](thought|reflection|name|code)[\"']\s{0,20}:\s{0,20}(\"\"\"|'''|[\"'`])", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "", "b": "", "f": "", "\n": "\n"}


@dataclass(frozen=True)
class _Answer:
    thought: str
    name: str
    code: tuple[str, ...]
    """Readings of the code's string; the first that is a program counts."""


def thought_name_code(reply: str, entry_points: Sequence[EntryPoint], truncated: bool) -> Draft:
    """The program of the last JSON object that has code. Raises Unusable.

    Also read are objects with raw line ends or quotes in their strings, trailing commas and triple quotes; when there
    is no such object, a fenced block that defines the entry points, its prose being the thought.
    """
    text = cleaned(reply)
    reason = ""
    for answer in _answers(text):
        for code in answer.code:
            result = _program(code, entry_points)
            if isinstance(result, str):
                return Draft(Program.of(result), answer.thought, answer.name)
            reason = reason or result.reason
    try:
        return full_text(text, None, entry_points, truncated)
    except Unusable as error:
        if truncated:
            raise Unusable(CUT) from error
        raise Unusable(f"{EXPECTED} {reason or f'Found no such object. {error}'}") from error


def _program(code: str, entry_points: Sequence[EntryPoint]) -> str | NotPython:
    inside = [block.text for block in blocks(code) if block.may_be_python]
    text = python(inside[-1] if inside else code)
    if isinstance(text, NotPython):
        return NotPython(f'The value of "code" cannot be read as Python: {text.reason}.')
    placeholder = left_out(text)
    if placeholder is not None:
        return NotPython(f"The comment `{placeholder}` leaves code out. Write every line of the program.")
    lacking = missing(text, entry_points)
    return NotPython(in_words_missing(text, lacking)) if lacking else text


def _answers(text: str) -> Iterator[_Answer]:
    """Strict JSON first, the last object first; then what the keys alone tell."""
    yield from reversed(_decoded(text))
    tolerant = _by_keys(text)
    if tolerant is not None:
        yield tolerant


def _decoded(text: str) -> list[_Answer]:
    decoder, answers, position = json.JSONDecoder(strict=False), [], 0
    for _ in range(_MOST_OBJECTS):
        match = _OBJECT.search(text, position)
        if match is None:
            break
        try:
            value, position = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            position = match.end()
            continue
        answer = _answer(value)
        answers += [] if answer is None else [answer]
    return answers


def _answer(value: object) -> _Answer | None:
    if not isinstance(value, dict):
        return None
    fields = {str(key).lower(): part for key, part in value.items()}
    code = fields.get("code")
    if isinstance(code, list) and all(isinstance(line, str) for line in code):
        code = "\n".join(line.rstrip("\n") for line in code)
    if not isinstance(code, str):
        return None
    return _Answer(_string(fields.get("thought")), _string(fields.get("name")), (_whole(code),))


def _string(value: object) -> str:
    return _whole(value) if isinstance(value, str) else ""


def _whole(text: str) -> str:
    """JSON can spell half a surrogate pair or a NUL; a program cannot hold them."""
    return re.sub("[\x00\ud800-\udfff]", "", text)


def _by_keys(text: str) -> _Answer | None:
    """The values between the known keys: each reaches to the last quote before the next key or the closing brace."""
    keys = list(_KEY.finditer(text))
    last = next((index for index in reversed(range(len(keys))) if keys[index][1].lower() == "code"), None)
    if last is None:
        return None
    values: dict[str, str] = {}
    for index, key in enumerate(keys):
        if index <= last + 2:
            end = keys[index + 1].start() if index + 1 < len(keys) else len(text)
            value = _value(text[key.end() : end], key[2])
            values[key[1].lower()] = value if value is not None else ""
    code = values.get("code", "")
    readings = (_plain(code), code) if code else ()
    return _Answer(_whole(_plain(values.get("thought", ""))), _whole(_plain(values.get("name", ""))), readings)


def _value(rest: str, quote: str) -> str | None:
    end = rest.rfind(quote)
    return None if end < 0 else rest[:end]


def _plain(text: str) -> str:
    return _whole(_ESCAPE.sub(lambda match: _character(match[1]), text))


def _character(escape: str) -> str:
    return chr(int(escape[1:], 16)) if len(escape) == 5 else _ESCAPED.get(escape, escape)
