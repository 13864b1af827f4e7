"""What the archive holds, as frozen data. `agent` makes briefs and proposals, the store keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heuresis.evaluators.nouns import HELD_OUT, Evaluation, Score, Status, Tier
from heuresis.program import Program

TagValue = str | int | float | bool

REMEASURE = "remeasure"
"""Operator of an entry whose verdict takes the place of all earlier ones on its program in its campaign: old results
and fresh ones together."""
REPEAT = "repeat"
"""Operator of an entry that plays a program again on instances it knows, to see whether the exam repeats. It shows
noise and ranks nothing."""


@dataclass(frozen=True)
class Brief:
    """What to do next. Numbered by the store and committed before it runs."""

    operator: str
    parents: tuple[str, ...] = ()
    """Program ids, the first is the one that is edited."""
    inspirations: tuple[str, ...] = ()
    """Program ids that are shown or mined for parts, not edited."""
    notes: tuple[int, ...] = ()
    tags: Mapping[str, TagValue] = field(default_factory=dict)
    """Small facts that travel with every entry of the brief: generation, island."""
    number: int = -1
    """Position within the campaign, from 0; -1 until committed."""
    horizon: int | None = None
    """The store's last proposal when this brief was committed: what an operator may know, however often it is run.
    None: of a store that did not keep it."""
    bar: str = ""
    """Id of the program that those of this brief race against: what is clearly behind it is stopped. Empty: none."""


@dataclass(frozen=True)
class Cost:
    """What a proposal has cost so far, beside its evaluation."""

    usd: float = 0.0
    tokens: int = 0
    model_calls: int = 0


@dataclass(frozen=True)
class Proposal:
    """One attempt at a brief: a program, or the reason why there is none."""

    program: Program | None
    operator: str
    parents: tuple[str, ...] = ()
    idea: str = ""
    """In words: what was tried."""
    refusal: str = ""
    """Why there is no program, or why it may not run; empty for a usable one."""
    prompt: str = ""
    reply: str = ""
    model: str = ""
    cost: Cost = Cost()

    def __post_init__(self) -> None:
        if self.program is None and not self.refusal:
            raise ValueError("a proposal without a program needs its refusal in words")


@dataclass(frozen=True)
class Entry:
    """One row of the archive: a proposal, its program, its verdict, its place in the family.

    What methods, operators and prompts know of a verdict they know from entries, so none can hold a held-out result.
    """

    sequence: int
    """Commit order within the store; the only order there is."""
    campaign: str
    brief: int
    attempt: int
    """Within the brief, from 0."""
    proposal: Proposal
    evaluation: Evaluation
    tags: Mapping[str, TagValue] = field(default_factory=dict)
    reused: bool = False
    """The verdict was found under an equal key and not made again."""
    seconds: float = 0.0
    """Wall seconds from brief to verdict; shown, never ranked."""
    rank: float | None = field(default=None, compare=False)
    """What it ranks by: the lower bound of its score. None unless it is the program's verdict in this campaign, scored
    and not in quarantine; it changes when the program is measured again."""

    def __post_init__(self) -> None:
        check_open(self.evaluation)

    @property
    def trusted_score(self) -> Score | None:
        """What may rank or steer a search: None unless scored and not in quarantine."""
        return None if self.evaluation.quarantine is not None else self.evaluation.score


def check_open(evaluation: Evaluation) -> None:
    """Raises ValueError for a verdict that stands on a held-out instance: those belong to looks."""
    if evaluation.stage in HELD_OUT or any(row.tier in HELD_OUT for row in evaluation.results):
        raise ValueError("a verdict of a campaign stands on no held-out instance; those belong to looks")


class AddStatus(StrEnum):
    """What a population says to a new entry."""

    NEW = "new"
    IMPROVED = "improved"
    NOT_KEPT = "not_kept"
    MEASURED = "measured"
    """A member was measured again: it has other figures now, or failed and is none any more."""


@dataclass(frozen=True)
class Member:
    """A program's place in a population: enough to select by, without opening the program."""

    program: str
    """Program id."""
    score: float
    """Its mean over the instances it has played."""
    size: int
    """Characters of the program's main file."""
    sequence: int
    """Of the entry that put it there."""
    signature: str = ""
    """Hash of the per-instance values: equal signature, equal behaviour."""
    rank: float = math.nan
    """What it is kept by: the lower bound of its score; the score itself where there is no noise to see."""
    count: int = 1
    """Instances behind the score."""

    def __post_init__(self) -> None:
        if math.isnan(self.rank):
            object.__setattr__(self, "rank", self.score)


@dataclass(frozen=True)
class Totals:
    """Exact sums over a campaign's committed rows."""

    entries: int = 0
    evaluated: int = 0
    """Verdicts that were made (not reused, not refused at the gate): what the evaluation budget counts."""
    by_status: Mapping[str, int] = field(default_factory=dict)
    wall_seconds: float = 0.0
    """Jail wall seconds over all verdicts."""
    cpu_seconds: float = 0.0
    active_seconds: float = 0.0
    """Seconds the driver has spent running this campaign, over all its runs: what `--minutes` counts."""
    usd: float = 0.0
    tokens: int = 0
    briefs: int = 0
    calls: int = 0
    """Of a model, settled."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Those that gave nothing usable, by kind."""


@dataclass(frozen=True)
class CampaignRecord:
    """A campaign as stored."""

    name: str
    problem: str
    """As named on the command line: a shipped name, or path.py:Class."""
    problem_hash: str
    """Of the problem's source and parameters; part of the key of every result."""
    method: str
    config: Mapping[str, object]
    """Every setting that decides results; plain JSON values."""
    seed: int
    secret: bytes
    """Instance seeds are HMAC(secret, tier, index). Never shown, never exported."""
    isolation: str = ""
    created: str = ""
    """ISO time, for people only."""
    finished: str = ""
    """Why it ended (budget, target, patience), or empty."""

    @property
    def self_reported(self) -> bool:
        """Whether its scores may have been forged by the programs: they ran beside what scored them."""
        return self.config.get("self_reported") is True

    @property
    def scale(self) -> tuple[str, str, str]:
        """Problem, its code, its settings: scores of two campaigns can be compared where these are equal."""
        return self.problem, self.problem_hash, repr(self.config.get("settings"))


@dataclass(frozen=True)
class Lesson:
    """Words to be kept as a note: a reflection, a diagnosis."""

    text: str
    programs: tuple[str, ...] = ()
    """Ids of those it was drawn from."""


@dataclass(frozen=True)
class Note:
    """A kept lesson."""

    number: int
    text: str
    programs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Looker:
    """Who opened a held-out tier, and when. For people: as the machine said it, unproven, and nothing is ordered by it.

    All empty for looks of a store that did not keep it.
    """

    user: str = ""
    host: str = ""
    time: str = ""
    """ISO, UTC."""


@dataclass(frozen=True)
class Look:
    """One opening of a held-out tier. Looks are counted because every look spends a little of the exam."""

    number: int
    program: str
    tier: Tier
    count: int
    """Instances opened."""
    evaluation: Evaluation | None = None
    by: Looker = Looker()

    def __post_init__(self) -> None:
        if self.tier not in HELD_OUT:
            raise ValueError(f"a look is at a held-out tier, not {self.tier}")


@dataclass(frozen=True)
class Event:
    """Something that happened to a campaign and changes no result: a lease taken over, a quarantine."""

    number: int
    kind: str
    payload: Mapping[str, TagValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One thing that a campaign did, in the order in which it did it: what a replay repeats."""

    kind: str
    """brief, reply, note, proposal, verdict, close."""
    brief: int
    item: int = 0
    """Number of the ask, lesson or attempt within the brief."""


@dataclass(frozen=True)
class Kin:
    """A relative of a program: who it is, how it was made, how it did."""

    program: str
    operator: str
    parents: tuple[str, ...]
    status: Status
    score: float | None
    """None unless scored and not in quarantine."""
    sequence: int
    """Of the entry that first brought the program."""
    depth: int
    """Generations between it and the program that was asked about."""
