"""`Found`: a program of a campaign, with its verdict, where it came from, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.catalog import problem_class
from heuresis.evaluators.intervals import Interval, interval_or_none
from heuresis.evaluators.nouns import Status, Tier
from heuresis.evaluators.problem import Objective, Problem
from heuresis.library.arguments import check_flags
from heuresis.library.mistakes import check_started, in_python
from heuresis.program import MAIN_FILE, Program

if TYPE_CHECKING:
    from heuresis.agent.exporting import Exported
    from heuresis.agent.verifying import Verification
    from heuresis.library.loading import Loaded

_ID = 12
_BARE = Objective("score", "max")


@dataclass(frozen=True)
class Found:
    """A program as a campaign knows it. Nothing here comes from a held-out tier."""

    id: str
    """SHA-256 of its files; empty when there is no program (a reply that could not be used)."""
    code: str
    """The main file."""
    files: Mapping[str, str] = field(repr=False, compare=False)
    """Path -> text of all its files."""
    problem: str
    campaign: str
    status: Status
    reason: str
    """Why it has no value, in words; empty when scored."""
    metric: str
    """Name of what was measured: the problem's first objective."""
    unit: str
    value: float | None
    """In the metric's own direction and unit; None unless scored."""
    standard_error: float | None
    count: int
    """Instances behind the value."""
    bound: float | None = field(compare=False)
    """What it ranks by: it is better than this with 95 % confidence (one-sided). None unless it ranks: it has a score,
    is not in quarantine, and this is the program's latest verdict in its campaign."""
    metrics: Mapping[str, float] = field(compare=False)
    measures: Mapping[str, float] = field(compare=False)
    operator: str
    """What made it: an operator, `seed`, `add` or `told`."""
    parents: tuple[str, ...]
    """Ids; the first is the one that it was made from."""
    idea: str
    feedback: str
    """Of the train tier and the program's own output."""
    cost_usd: float
    tokens: int
    isolation: str
    quarantine: str | None
    """Why its value is not to be trusted; None for all others."""
    self_reported: bool
    """Whether the value was made beside the program, in one jail: then the program could forge it."""
    sequence: int
    """Commit order within the store."""
    _entry: Entry = field(repr=False, compare=False)
    _store: Store = field(repr=False, compare=False)

    @property
    def tier(self) -> str:
        """Of its value, always: selection stands on this one."""
        return Tier.VALID.value

    @property
    def interval(self) -> Interval | None:
        """95 % around `value` (Student), with `low` and `high`; None without a value or for a single instance."""
        if self.value is None or self.standard_error is None:
            return None
        return interval_or_none(self.value, self.standard_error, self.count)

    def _told(self) -> str:
        """`error 0.713 [0.669, 0.757] (valid, 20)`."""
        if self.value is None:
            return self.status.value
        around = self.interval
        place = f"({self.tier}, one instance)" if around is None else f"[{around.low:.6g}, {around.high:.6g}]"
        text = f"{self.metric} {self.value:.6g} {self.unit}".rstrip()
        return f"{text} {place}" + (f" ({self.tier}, {self.count})" if around else "")

    def __repr__(self) -> str:
        value = self._told()
        return f"<Found {self.id[:_ID] or '(no program)'} of {self.campaign}: {value}>"

    @cached_property
    def artifacts(self) -> Mapping[str, bytes]:
        """What the referee kept of its runs (layouts, weights): `valid/0/layout.json` -> bytes. Read when asked for."""
        entry = self._store.verdict_of(self.campaign, self._entry.brief, self._entry.attempt)
        rows = entry.evaluation.results if entry is not None else ()
        named = {f"{r.tier.value}/{r.index}/{name}": d for r in rows for name, d in r.result.artifacts.items()}
        return MappingProxyType(named)

    def load(self, trusted: bool = False, *, isolation: str = "auto", unsafe_no_sandbox: bool = False) -> Loaded:
        """The program as something to call; see `Loaded`. Its code runs in a jail.

        `trusted=True` imports it into this process instead: as fast as any function, and **it may do whatever you may
        do**. Nobody has read this code for you. Raises ConfigError for a program that is none.
        """
        from heuresis.library.loading import load

        check_started("load")
        check_flags(trusted=trusted, unsafe_no_sandbox=unsafe_no_sandbox)
        record, program = self._record(), self.program
        config = record.config.get("settings")
        settings = {str(k): str(v) for k, v in config.items()} if isinstance(config, Mapping) else {}
        return load(
            record.problem, settings, program, trusted=trusted, isolation=isolation, allow_none=unsafe_no_sandbox
        )

    def verify(self) -> Verification:
        """Its verdict made again and compared, instance by instance: see `differences`. Stores nothing."""
        from heuresis.agent.verifying import verify_kept

        check_started("verify")
        with in_python():
            return verify_kept(self._store, self.campaign, self._entry)

    def export(
        self,
        folder: str | Path,
        *,
        name: str | None = None,
        single_file: bool = False,
        force: bool = False,
        unverified: bool = False,
    ) -> Exported:
        """Write it as a package that pip installs (or as one file), checked once more; as `heuresis export` does."""
        from heuresis.agent.exporting import export

        check_started("export")
        check_flags(single_file=single_file, force=force, unverified=unverified)
        options = {"single_file": single_file, "force": force, "unverified": unverified}
        with in_python():
            return export(self._store, self._record(), self._entry, folder, name=name, **options)

    @property
    def program(self) -> Program:
        """Raises ConfigError when there is none."""
        if not self.files:
            raise ConfigError("program", "one that is there", f"none: {self.reason}")
        return Program(self.files)

    def _record(self) -> CampaignRecord:
        record = self._store.campaign(self.campaign)
        if record is None:
            raise ConfigError("campaign", "one that the store still has", self.campaign)
        return record


def found_of(store: Store, record: CampaignRecord, entry: Entry) -> Found:
    """What a person gets to see of an entry."""
    seen, made, objective = entry.evaluation, entry.proposal, objective_of(record)
    files = made.program.files if made.program is not None else {}
    score = seen.score
    return Found(
        id=made.program.id if made.program is not None else "",
        code=files.get(MAIN_FILE, ""),
        files=MappingProxyType(dict(files)),
        problem=record.problem,
        campaign=record.name,
        status=seen.status,
        reason=seen.reason,
        metric=objective.metric,
        unit=objective.unit,
        value=None if score is None else objective.sign * score.value + 0.0,
        standard_error=None if score is None else score.standard_error,
        count=0 if score is None else score.count,
        bound=None if entry.rank is None else objective.sign * entry.rank + 0.0,
        metrics=MappingProxyType(dict(seen.metrics)),
        measures=MappingProxyType(dict(seen.measures)),
        operator=made.operator,
        parents=made.parents,
        idea=made.idea,
        feedback=seen.feedback,
        cost_usd=made.cost.usd,
        tokens=made.cost.tokens,
        isolation=seen.isolation,
        quarantine=seen.quarantine,
        self_reported=seen.self_reported,
        sequence=entry.sequence,
        _entry=entry,
        _store=store,
    )


def objective_of(record: CampaignRecord) -> Objective:
    """The problem's first; where its file is gone or broken, the bare score."""
    try:
        return _class(record.problem).objectives[0]
    except ConfigError:
        return _BARE


@lru_cache(256)
def _class(problem: str) -> type[Problem]:
    """Looked up once; a name that leads nowhere is looked up again."""
    return problem_class(problem)
