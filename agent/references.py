"""Published values beside ours, and whether they belong to the same instances. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heuresis.evaluators.problem import Problem, Reference


@dataclass(frozen=True)
class PublishedValue:
    name: str
    value: float
    """In the first objective's metric."""
    instances: str
    """The set that the value belongs to."""
    note: str
    """Whether that is the set that was judged."""
    source: str
    same_instances: bool

    @property
    def where(self) -> str:
        """All of it in words."""
        return f"{self.instances} ({self.note}), {self.source}" if self.instances else f"{self.note}, {self.source}"


def reference_rows(problem: Problem, settings: Mapping[str, str]) -> list[PublishedValue]:
    """The problem's references, best first; only those of the user's own instance set when it names one of theirs."""
    rows = [_row(one, problem.is_about(one), settings) for one in problem.references]
    same = [row for row in rows if row.same_instances]
    return sorted(same or rows, key=lambda row: row.value * -problem.objectives[0].sign)


def _row(one: Reference, same_task: bool, settings: Mapping[str, str]) -> PublishedValue:
    same_file = is_same_set(one.instances, settings.get("instances"))
    note = "same task" if same_task else "same instances, by the file's name" if same_file else "other instances"
    return PublishedValue(one.name, one.value, one.instances, note, one.source, same_task or same_file)


def is_same_set(instances: str, source: str | None) -> bool:
    """Whether the user's instance file is named after a published set: `bin_packing_or3.json` after `OR3`.

    Generated tiers are drawn from secret seeds and never are a published set.
    """
    return bool(source and instances) and _plain(instances) in _plain(Path(source or "").stem)


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
