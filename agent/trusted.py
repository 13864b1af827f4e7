"""What a campaign trusted at each of its steps: a replay must put into quarantine, and let out, when it was done."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Evaluation
from heuresis.program import Program


@dataclass(frozen=True)
class _Change:
    """A person put a program into quarantine, or let it out."""

    logged: int
    """Steps of the campaign that lay before."""
    program: str
    was: str
    reason: str
    """Empty: it was let out."""


class Trusted:
    """Repeats the quarantines of `source` in `target`, without touching those of the source."""

    def __init__(self, store: Store, source: str, target: str) -> None:
        self._store = store
        self._target = target
        told = [one.payload for one in store.events(source) if one.kind == "quarantine" and "logged" in one.payload]
        self._left = deque(
            _Change(int(one["logged"]), str(one["program"]), str(one.get("was", "")), str(one["reason"]))
            for one in told
        )

    def apply(self, logged: int) -> bool:
        """Do what was done when the campaign had so many steps; whether that was anything."""
        any_done = False
        while self._left and self._left[0].logged <= logged:
            change = self._left.popleft()
            with self._store.transaction(durable=True) as transaction:
                transaction.set_quarantine(change.program, change.reason or None, only=self._target)
            any_done = True
        return any_done

    def then(self, program: Program | None, evaluation: Evaluation) -> tuple[Evaluation, bool]:
        """The verdict as trusted when it was made, and whether it has to be kept apart from the source's."""
        later = next((one for one in self._left if program is not None and one.program == program.id), None)
        if later is None:
            return evaluation, False
        return replace(evaluation, quarantine=later.was or None), True
