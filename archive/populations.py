"""Populations: bounded views over the archive that methods select from; pure functions of the entries in order."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from heuresis.archive.records import REMEASURE, REPEAT, AddStatus, Entry, Member
from heuresis.errors import ConfigError
from heuresis.evaluators.intervals import lower_bound
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Status

Changes = Mapping[str, Member | None]
"""Niche -> its new member, or None when the niche becomes empty."""


class Population(Protocol):
    """A view over a campaign's entries."""

    @property
    def name(self) -> str:
        """Of the view; unique within a campaign."""

    def place(self, members: Mapping[str, Member], entry: Entry) -> tuple[AddStatus, Changes]:
        """What the entry changes.

        Deterministic in its two arguments and free of state: folding all entries in commit order rebuilds the view, and
        `store check` does exactly that. The cost must not grow with the archive. Raises nothing for any entry.
        """


@dataclass(frozen=True)
class Best:
    """The best programs of distinct behaviour."""

    capacity: int = 100
    name: str = "best"

    def __post_init__(self) -> None:
        _positive("capacity", self.capacity)

    def place(self, members: Mapping[str, Member], entry: Entry) -> tuple[AddStatus, Changes]:
        candidate = candidate_of(entry)
        again = _measured_again(members, entry, candidate)
        if again:
            return AddStatus.MEASURED, again
        if candidate is None:
            return AddStatus.NOT_KEPT, {}
        return _enter([str(slot) for slot in range(self.capacity)], members, candidate)


@dataclass(frozen=True)
class Islands:
    """Separate populations. An entry goes to the island in its tag `island`; `reset: true` empties that island first.

    A reset takes place when its founder enters, so that an island is never left empty by a founder that failed.
    """

    count: int
    capacity: int
    twins: int = 1
    """Programs of equal behaviour that an island keeps: the shortest."""
    name: str = "islands"

    def __post_init__(self) -> None:
        _positive("count", self.count)
        _positive("twins", self.twins)
        _positive("capacity", self.capacity)

    def place(self, members: Mapping[str, Member], entry: Entry) -> tuple[AddStatus, Changes]:
        candidate, island = candidate_of(entry), entry.tags.get("island")
        again = _measured_again(members, entry, candidate)
        if again:
            return AddStatus.MEASURED, again
        if candidate is None or type(island) is not int or island not in range(self.count):
            return AddStatus.NOT_KEPT, {}
        niches = [f"{island}/{slot}" for slot in range(self.capacity)]
        if entry.tags.get("reset") is True:
            emptied: dict[str, Member | None] = {niche: None for niche in niches if niche in members}
            return AddStatus.NEW, emptied | {niches[0]: candidate}
        return _enter(niches, members, candidate, self.twins)


def candidate_of(entry: Entry) -> Member | None:
    """The member that the entry would be; None for one that may never be selected."""
    evaluation, program = entry.evaluation, entry.proposal.program
    if evaluation.status is not Status.SCORED or evaluation.score is None or evaluation.quarantine is not None:
        return None
    if program is None or entry.proposal.operator == REPEAT:
        return None
    score, size = evaluation.score, len(program.text)
    behaviour = signature(evaluation)
    return Member(program.id, score.value, size, entry.sequence, behaviour, lower_bound(score), score.count)


def _measured_again(members: Mapping[str, Member], entry: Entry, new: Member | None) -> Changes:
    """The program's new figures wherever it is a member; it leaves where it failed on fresh instances.

    It keeps the behaviour by which its twins are known, and the entry that first brought it.
    """
    program = entry.proposal.program
    if entry.proposal.operator != REMEASURE or program is None:
        return {}
    mine = {niche: old for niche, old in members.items() if old.program == program.id}
    return {
        niche: None if new is None else replace(new, sequence=old.sequence, signature=old.signature)
        for niche, old in mine.items()
    }


def signature(evaluation: Evaluation) -> str:
    """Hash of the per-instance metrics: equal means equal behaviour as far as the exam sees. Empty without results."""
    if not evaluation.results:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for behaviour in sorted(_behaviour(row) for row in evaluation.results):
        digest.update(len(behaviour).to_bytes(4, "little") + behaviour)
    return digest.hexdigest()


def _behaviour(row: InstanceResult) -> bytes:
    metrics = row.result.metrics
    names = "\0".join([row.tier.value, str(row.index), *sorted(metrics)])
    values = [float(metrics[name]) + 0.0 for name in sorted(metrics)]  # + 0.0: minus zero is zero
    return names.encode() + struct.pack(f"<{len(values)}d", *values)


def _enter(
    niches: Sequence[str], members: Mapping[str, Member], new: Member, most_twins: int = 1
) -> tuple[AddStatus, Changes]:
    """In place of the longest of too many twins, or into a free niche, or in place of the worst if it is better."""
    present = [(niche, members[niche]) for niche in niches if niche in members]
    if any(old.program == new.program for _, old in present):
        return AddStatus.NOT_KEPT, {}
    twins = [(niche, old) for niche, old in present if new.signature and old.signature == new.signature]
    if len(twins) >= most_twins:
        niche, longest = max(twins, key=lambda pair: (pair[1].size, pair[1].sequence))
        return (AddStatus.IMPROVED, {niche: new}) if new.size < longest.size else (AddStatus.NOT_KEPT, {})
    if len(present) < len(niches):
        return AddStatus.NEW, {next(niche for niche in niches if niche not in members): new}
    niche, worst = min(present, key=lambda pair: _rank(pair[1]))
    return (AddStatus.NEW, {niche: new}) if _rank(new) > _rank(worst) else (AddStatus.NOT_KEPT, {})


def _rank(member: Member) -> tuple[float, int, int]:
    """Higher is better: the lower bound, then the shorter program, then the earlier one."""
    return member.rank, -member.size, -member.sequence


def fold(population: Population, entries: Iterable[Entry]) -> dict[str, Member]:
    """The members after these entries, given in commit order."""
    members: dict[str, Member] = {}
    for entry in entries:
        apply(members, population.place(members, entry)[1])
    return members


def apply(members: dict[str, Member], changes: Changes) -> None:
    """Carry the changes out."""
    for niche, member in changes.items():
        if member is None:
            members.pop(niche, None)
        else:
            members[niche] = member


_KINDS: Mapping[str, Callable[..., Population]] = {"best": Best, "islands": Islands}
DEFAULT: Sequence[tuple[str, Mapping[str, object]]] = (("best", {"capacity": 100}),)


def of_config(config: Mapping[str, object]) -> tuple[Population, ...]:
    """The populations that a campaign's config asks for under `populations`: [["best", {"capacity": 100}], ...]."""
    wanted = config.get("populations", DEFAULT)
    if not isinstance(wanted, (list, tuple)):
        raise ConfigError("populations", 'a list such as [["best", {"capacity": 100}]]', wanted)
    populations = tuple(_build(item) for item in wanted)
    names = [population.name for population in populations]
    if len(set(names)) != len(names):
        raise ConfigError("populations", "each population once (give the second another `name`)", names)
    return populations


def _build(item: object) -> Population:
    kind, settings = item if isinstance(item, (list, tuple)) and len(item) == 2 else ("", None)
    if not isinstance(kind, str) or kind not in _KINDS or not isinstance(settings, Mapping):
        raise ConfigError("populations", f"pairs of a kind ({', '.join(_KINDS)}) and its settings", item)
    try:
        return _KINDS[kind](**settings)
    except TypeError as error:
        raise ConfigError(f"populations.{kind}", "the settings of that population", str(error)) from error


def _positive(key: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"populations.{key}", "a whole number above 0", value)


def to_config(populations: Iterable[Population]) -> list[list[object]]:
    """What `of_config` reads back: plain JSON values for the campaign's `populations` key."""
    return [[type(one).__name__.lower(), dict(vars(one))] for one in populations]
