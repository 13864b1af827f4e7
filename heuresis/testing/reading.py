"""What the stand-in sees in a prompt: a program, signatures, the form of the answer. A few marks, no understanding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from heuresis.agent.reply.blocks import blocks
from heuresis.agent.syntax import functions, parse
from heuresis.errors import ConfigError
from heuresis.evaluators.signature import EntryPoint, Parameter
from heuresis.testing.completions import contents

_SIGNATURE = re.compile(r"(?<!def )\b\w+\([^()\n]*\)\s*->\s*\w+(?:\[[^\]\n]*\])?")
_NO_CODE = re.compile(
    r"\b(?:no|without(?: any)?|not(?: write)?(?: any)?) code\b(?! (?:outside|before|after|but|except))", re.IGNORECASE
)
_VERSION = re.compile(r"_v\d+$")
_ARRAYS = re.compile(r"array|list|tensor", re.IGNORECASE)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Form(StrEnum):
    """Of the answer."""

    FILE = "file"
    """A whole program in a fence."""
    EDIT = "edit"
    """A SEARCH/REPLACE block."""
    JSON = "json"
    """An object with "thought", "name" and "code"."""
    WORDS = "words"


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    conversation: str
    """All messages: an answer follows from them and from the seed."""
    form: Form
    program: str
    """The last Python block with a function in what was not written by the assistant; empty when there is none."""
    signatures: tuple[EntryPoint, ...]
    """Each name once, as it is told first."""

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """The program's own functions: as their signatures say, under any version (`priority_v1` is a `priority`);
        when none of them is told, guessed from the code."""
        own = _functions(self.program)
        told = {_VERSION.sub("", entry.name): entry for entry in self.signatures}
        known = [(one.name, told[stem]) for one in own if (stem := _VERSION.sub("", one.name)) in told]
        named = tuple(EntryPoint(name, entry.parameters, entry.returns) for name, entry in known)
        return named or tuple(_guessed(function) for function in own)

    def named_as_asked(self, text: str) -> str:
        """The program with its version renamed to the one that is asked for, if there is one."""
        own = {function.name for function in _functions(text)}
        for wanted in (entry.name for entry in self.signatures if _VERSION.search(entry.name)):
            stem = _VERSION.sub("", wanted)
            older = [name for name in own if _VERSION.sub("", name) == stem]
            if wanted not in own and len(older) == 1:
                text = re.sub(rf"\b{re.escape(older[0])}\b", wanted, text)
        return text


def read(body: Any) -> Asked:
    """From the body of a request for a chat completion."""
    messages = [one for one in body["messages"] if isinstance(one, dict)]
    told = contents([one for one in messages if one.get("role") != "assistant"])
    prompt = "\n\n".join(told)
    form = _form(told[-1] if told else "", body)
    return Asked("\n\n".join(contents(messages)), form, _last_program(prompt), tuple(_signatures(prompt)))


def _form(last: str, body: Any) -> Form:
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and str(wanted.get("type", "")).startswith("json"):
        return Form.JSON
    if "<<<<<<< SEARCH" in last:
        return Form.EDIT
    if '"code"' in last and '"thought"' in last:
        return Form.JSON
    return Form.WORDS if _NO_CODE.search(last) else Form.FILE


def _last_program(prompt: str) -> str:
    fenced = [block.text for block in blocks(prompt) if block.language in ("python", "py", "python3")]
    return next((text for text in reversed(fenced) if _functions(text)), "")


def _functions(text: str) -> list[_Function]:
    try:
        return list(functions(parse(text)))
    except SyntaxError:
        return []


def _signatures(prompt: str) -> Iterator[EntryPoint]:
    seen = set()
    for match in _SIGNATURE.finditer(prompt):
        try:
            entry = EntryPoint.parse(match[0])
        except ConfigError:
            continue  # it looked like a signature and is none
        if entry.name not in seen:
            seen.add(entry.name)
            yield entry


def _guessed(function: _Function) -> EntryPoint:
    """Arrays are what is annotated so, or named in the plural; everything else counts as a number."""
    arguments: Sequence[ast.arg] = [*function.args.posonlyargs, *function.args.args]
    return EntryPoint(function.name, tuple(Parameter(one.arg, _guessed_type(one)) for one in arguments), "float")


def _guessed_type(argument: ast.arg) -> str:
    said = ast.unparse(argument.annotation) if argument.annotation is not None else ""
    plural = not said and argument.arg.endswith("s")
    return "float[n]" if plural or _ARRAYS.search(said) else "float"
