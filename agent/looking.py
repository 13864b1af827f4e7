"""The ledger of held-out looks, and what may be claimed after so many of them. Pure, but for reading the store.

Whoever looks at many programs on one exam and tells of the best has chosen by the exam. Each tier of a campaign is
therefore one family of comparisons: with k programs of the search looked at, every interval is made so wide that all k
hold at once (Bonferroni; Dunn 1961, https://doi.org/10.1080/01621459.1961.10482090). The problem's seed programs
were not chosen by anything and do not count; neither does reading a stored look again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from heuresis.agent.fixed import SEED
from heuresis.archive.records import Look
from heuresis.archive.store import Store
from heuresis.evaluators.intervals import Interval, interval_or_none
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.statistics import Difference


@dataclass(frozen=True)
class Ledger:
    """Every look of a campaign."""

    looks: Sequence[Look]
    """Oldest first."""
    seeds: Mapping[str, str]
    """Program id -> name of the problem's seed programs."""

    def programs(self, tier: Tier) -> tuple[str, ...]:
        """Ids of the programs of the search that were looked at on this tier, each once, in the order of that."""
        seen = (look.program for look in self.looks if look.tier is tier and look.program not in self.seeds)
        return tuple(dict.fromkeys(seen))

    def comparisons(self, tier: Tier, program: str) -> int:
        """What an interval of the program on this tier is corrected for; 1 (nothing) for a seed."""
        return 1 if program in self.seeds else max(1, len(self.programs(tier)))

    def running(self) -> list[int]:
        """For each look, the programs of the search looked at on its tier until then, this one with them."""
        counts, seen = [], set[tuple[Tier, str]]()
        for look in self.looks:
            if look.program not in self.seeds:
                seen.add((look.tier, look.program))
            counts.append(sum(tier is look.tier for tier, _ in seen))
        return counts


def ledger_of(store: Store, campaign: str) -> Ledger:
    """As the store has it. The seeds are the first entries of a campaign."""
    first = takewhile(lambda entry: entry.proposal.operator == SEED, store.entries(campaign))
    seeds = {entry.proposal.program.id: str(entry.tags.get("seed", "")) for entry in first if entry.proposal.program}
    return Ledger(store.looks(campaign), seeds)


class Claim(StrEnum):
    """What a paired difference says about two programs."""

    BETTER = "better"
    """The corrected interval lies above 0."""
    WORSE = "worse"
    DOUBTFUL = "not distinguishable after correction"
    """The interval as it stands alone leaves 0 out, the corrected one does not."""
    UNCLEAR = "not distinguishable"
    EQUAL = "equal"
    """On every instance, as far as the aggregate shows."""
    UNKNOWN = "one instance, no interval"


@dataclass(frozen=True)
class Compared:
    """A paired difference, turned so that more is better, with both its intervals."""

    gain: float
    standard_error: float
    count: int
    """Instances that both have played."""
    comparisons: int
    alone: Interval | None
    """95 %, as if nothing else had been looked at; None for a single instance."""
    corrected: Interval | None
    claim: Claim


def compared(difference: Difference, sign: float, comparisons: int) -> Compared:
    """`sign` is that of the objective: -1 where lower is better."""
    gain, error, count = sign * difference.value + 0.0, difference.standard_error, difference.count
    alone, corrected = (interval_or_none(gain, error, count, among) for among in (1, comparisons))
    return Compared(gain, error, count, comparisons, alone, corrected, _claim(gain, error, alone, corrected))


def _claim(gain: float, error: float, alone: Interval | None, corrected: Interval | None) -> Claim:
    if alone is None or corrected is None:
        return Claim.UNKNOWN
    if gain == 0 and error == 0:
        return Claim.EQUAL
    if corrected.low > 0:
        return Claim.BETTER
    if corrected.high < 0:
        return Claim.WORSE
    return Claim.UNCLEAR if alone.low <= 0 <= alone.high else Claim.DOUBTFUL


def in_words(one: Compared, other: str) -> str:
    """`better than best fit also after correction for 7 looks`."""
    many = one.comparisons > 1
    after = f"after correction for {one.comparisons} looks"
    match one.claim:
        case Claim.UNKNOWN:
            return f"one instance, no interval: nothing can be said about {other}"
        case Claim.EQUAL:
            return f"equal to {other}"
        case Claim.UNCLEAR:
            return f"not distinguishable from {other}"
        case Claim.DOUBTFUL:
            alone = "better" if one.gain > 0 else "worse"
            return f"not distinguishable from {other} {after} ({alone} without it)"
    return f"{one.claim.value} than {other}" + (f" also {after}" if many else "")
