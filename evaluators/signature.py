"""`EntryPoint`: what a program must define, in the field's own signature."""

from __future__ import annotations

import re
from dataclasses import dataclass

from heuresis.errors import ConfigError

_SIGNATURE = re.compile(r"^\s*(\w+)\s*\((.*)\)\s*->\s*(.+?)\s*$", re.DOTALL)


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    """`float`, `int`, `float[n]`, `float[n,n]`, ... as the signature says; empty when it says nothing."""

    @property
    def is_array(self) -> bool:
        return "[" in self.type


@dataclass(frozen=True)
class EntryPoint:
    """A function (or class) that every program of a problem defines at module level."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str

    @classmethod
    def parse(cls, signature: str) -> EntryPoint:
        """From text such as `priority(item: float, bins: float[n]) -> float[n]`."""
        match = _SIGNATURE.match(signature)
        if match is None:
            raise ConfigError(
                "entry_points", "a signature like 'priority(item: float, bins: float[n]) -> float[n]'", signature
            )
        name, inside, returns = match.groups()
        parameters = tuple(_parameter(part) for part in _split(inside) if part.strip())
        return cls(name, parameters, returns)

    @property
    def signature(self) -> str:
        inside = ", ".join(f"{p.name}: {p.type}" if p.type else p.name for p in self.parameters)
        return f"{self.name}({inside}) -> {self.returns}"

    @property
    def returns_array(self) -> bool:
        return "[" in self.returns


def _parameter(part: str) -> Parameter:
    name, _, kind = part.partition(":")
    return Parameter(name.strip(), kind.strip())


def _split(inside: str) -> list[str]:
    """At the commas outside brackets: `a: float[n,n], b: int` has two parts."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(inside):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append(inside[start:position])
            start = position + 1
    return [*parts, inside[start:]]
