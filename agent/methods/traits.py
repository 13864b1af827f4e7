"""What a method wants to know of a program's text, remembered by program id (which determines the text)."""

from __future__ import annotations

from dataclasses import dataclass

from heuresis.agent.protocols import View
from heuresis.agent.syntax import mixes
from heuresis.agent.syntax_normal import skeleton_hash

_MOST = 50_000
_memory: dict[str, Traits] = {}


@dataclass(frozen=True)
class Traits:
    form: str
    """Equal for programs that differ in their numbers only."""
    costly: bool
    """It mixes the elements of arrays (`syntax.mixes`); referees take much longer over such programs."""


def traits(view: View, program_id: str) -> Traits:
    """Read once per program and process."""
    if program_id not in _memory:
        if len(_memory) >= _MOST:
            _memory.clear()
        text = view.program(program_id).text
        _memory[program_id] = Traits(skeleton_hash(text)[:12], mixes(text))
    return _memory[program_id]
