"""`Card`: everything a package says about its program, as data. Written as card.json and told in the README.

Nothing in it names the campaign's secret, a key, or a folder of the machine it was made on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from heuresis.agent.looking import Ledger
from heuresis.archive.records import CampaignRecord, Entry, Kin, Totals
from heuresis.evaluators.intervals import interval_or_none
from heuresis.evaluators.nouns import HELD_OUT, Evaluation, InstanceResult, Score, Tier
from heuresis.evaluators.problem import Problem

SCHEMA = 1
"""Of card.json; a change that a reader would notice makes it larger."""
_ANCESTORS = 50
"""The nearest ones are listed, all are counted."""
_PLACED = re.compile(r"(\w*:)?((?:~|\.{0,2}/).*)", re.DOTALL)
"""A path that begins with `/`, `./`, `../` or `~`; a colon may stand before it."""


@dataclass(frozen=True)
class TierRow:
    """How the program did on one tier, in the objective's own metric and direction."""

    tier: str
    count: int
    """Instances; 0 for a tier that was never opened."""
    value: float | None
    standard_error: float | None
    """None for a single instance."""
    interval: tuple[float, float] | None
    """95 %, Student's, as if nothing else had been looked at."""
    looks: int
    """How often the tier was opened for this program; only held-out tiers are opened."""
    programs_looked_at: int
    """Programs of the search that had been looked at on this tier when the package was made."""
    corrected: tuple[float, float] | None
    """The interval corrected for them (Bonferroni)."""
    role: str


@dataclass(frozen=True)
class InstanceRow:
    """What the referee saw on one instance."""

    tier: str
    index: int
    name: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Relative:
    """An ancestor."""

    id: str
    operator: str
    value: float | None
    """In the objective's metric; None where it has no score."""
    generations_back: int


@dataclass(frozen=True)
class Provenance:
    """Where the program came from and what it cost."""

    campaign: str
    method: str
    method_settings: Mapping[str, object]
    seed: int
    started: str
    operator: str
    idea: str
    brief: int
    attempt: int
    tags: Mapping[str, object]
    parents: Sequence[Relative]
    ancestors: Sequence[Relative]
    """The nearest ones, parents first."""
    ancestors_in_all: int
    model: str
    """Empty when no language model was asked."""
    prompt_sha256: str
    reply_sha256: str
    cost: Mapping[str, float]
    """Of this program: usd, tokens, model_calls, jail_seconds, cpu_seconds."""
    campaign_cost: Mapping[str, float]
    """Of all that was tried: usd, tokens, model_calls, evaluations, jail_seconds, active_seconds."""


@dataclass(frozen=True)
class Check:
    """How the score was made again before the package was written."""

    verified: bool
    """Every metric and artifact came out as stored, to the last bit."""
    words: str
    recorded_calls: int
    """In tests/calls.json.gz; 0 means that there is no replay test."""
    calls: int
    """Made when the stored instances were played again."""
    platform: Mapping[str, str]
    """What equality to the last bit is promised for."""
    distributions: Sequence[str]
    """Keys of `platform` that are installed packages."""


@dataclass(frozen=True)
class Card:
    """The whole score card."""

    schema: int
    package: str
    module: str
    exported: str
    """Date, ISO."""
    heuresis: str
    """Version that exported it."""
    program: Mapping[str, object]
    """id, module, files (path -> where it lies in the package), entry_points."""
    problem: Mapping[str, object]
    """name, reference, hash, statement, parameters, own_instances, one_task, runtime."""
    objective: Mapping[str, str]
    """metric, direction (min or max), unit."""
    tiers: Sequence[TierRow]
    instances: Sequence[InstanceRow]
    """Train and valid ones."""
    references: Sequence[Mapping[str, object]]
    """Published values, best first: name, value, source, instances, and whether these are the ones played here."""
    isolation: str
    quarantine: str | None
    self_reported: bool
    caveats: Sequence[str]
    """What a reader must know before trusting the score, in words."""
    check: Check
    provenance: Provenance
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Path in the exported folder -> SHA-256."""


def problem_facts(problem: Problem, record: CampaignRecord) -> dict[str, object]:
    return {
        "name": problem_name(problem),
        "reference": _reference(record.problem),
        "hash": record.problem_hash,
        "statement": problem.statement,
        "parameters": {name: _file_name(value) for name, value in problem.set.items()},
        "own_instances": problem.own_instances is not None,
        "one_task": problem.one_task,
        "runtime": list(problem.runtime),
    }


def _reference(text: str) -> str:
    """Of a problem in a file or a folder: the last part of its path."""
    kind, colon, rest = text.partition(":")
    if colon and "/" not in kind and "/" in rest:  # adopted:DIR
        return f"{kind}:{rest.rstrip('/').rpartition('/')[2]}"
    return text.rpartition("/")[2]


def problem_name(problem: Problem) -> str:
    return problem.name


def tier_rows(problem: Problem, seen: Evaluation, program: str, ledger: Ledger) -> list[TierRow]:
    """Train and valid from the verdict; held-out tiers from the last look at each, where there was one."""
    train = [row.result for row in seen.results if row.tier is Tier.TRAIN]
    rows = [_tier_row(problem, Tier.TRAIN, problem.aggregate(train) if train else None, "shown to the search")]
    if not train and not problem.tier_size(Tier.TRAIN):
        rows = []
    rows.append(_tier_row(problem, Tier.VALID, seen.score, "selected by"))
    for tier in HELD_OUT:
        mine = [look for look in ledger.looks if look.tier is tier and look.program == program]
        if not mine and not problem.tier_size(tier):
            continue  # the problem has no such instances
        last = next((look.evaluation for look in reversed(mine) if look.evaluation), None)
        role = "held out" if mine else "held out, never opened"
        among = ledger.comparisons(tier, program)
        rows.append(_tier_row(problem, tier, last.score if last else None, role, len(mine), among))
    return rows


def _tier_row(
    problem: Problem, tier: Tier, score: Score | None, role: str, looks: int = 0, comparisons: int = 1
) -> TierRow:
    if score is None:
        return TierRow(tier.value, 0, None, None, None, looks, 0, None, role)
    value, error = problem.describe_value(score.value) + 0.0, score.standard_error
    alone, corrected = (interval_or_none(value, error, score.count, among) for among in (1, comparisons))
    ends, wider = (None if one is None else (one.low, one.high) for one in (alone, corrected))
    seen = comparisons if looks else 0
    shown_error = None if score.count == 1 else error
    return TierRow(tier.value, score.count, value, shown_error, ends, looks, seen, wider if looks else None, role)


def instance_rows(results: Sequence[InstanceResult]) -> list[InstanceRow]:
    return [InstanceRow(row.tier.value, row.index, row.name, dict(row.result.metrics)) for row in results]


def provenance(
    problem: Problem, record: CampaignRecord, entry: Entry, kin: Sequence[Kin], totals: Totals
) -> Provenance:
    """`kin`: the program and its ancestors, nearest first (`Store.lineage`)."""
    made, seen = entry.proposal, entry.evaluation
    family = [_relative(problem, one) for one in kin[1:]]
    settings = record.config.get("method_settings")
    return Provenance(
        campaign=record.name,
        method=record.method,
        method_settings={str(k): _file_name(v) for k, v in settings.items()} if isinstance(settings, Mapping) else {},
        seed=record.seed,
        started=record.created,
        operator=made.operator,
        idea=made.idea,
        brief=entry.brief,
        attempt=entry.attempt,
        tags=dict(entry.tags),
        parents=[one for one in family if one.id in made.parents],
        ancestors=family[:_ANCESTORS],
        ancestors_in_all=len(family),
        model=made.model,
        prompt_sha256=_sha256(made.prompt),
        reply_sha256=_sha256(made.reply),
        cost={
            "usd": made.cost.usd,
            "tokens": made.cost.tokens,
            "model_calls": made.cost.model_calls,
            "jail_seconds": seen.wall_seconds,
            "cpu_seconds": seen.cpu_seconds,
        },
        campaign_cost={
            "usd": totals.usd,
            "tokens": totals.tokens,
            "model_calls": totals.calls,
            "evaluations": totals.evaluated,
            "jail_seconds": totals.wall_seconds,
            "active_seconds": totals.active_seconds,
        },
    )


def caveats(seen: Evaluation, check: Check) -> Iterator[str]:
    if seen.quarantine is not None:
        yield f"QUARANTINED: {seen.quarantine}. The score is not to be trusted until a person has looked."
    if seen.self_reported:
        yield (
            "SELF_REPORTED: what computed the score ran in one process with the program, which could have forged it. "
            "It is not comparable with scores that a referee computed."
        )
    if not check.verified:
        yield f"UNVERIFIED: {check.words}"
    if seen.isolation == "none":
        yield "NO SANDBOX: the program was judged without isolation."


def _relative(problem: Problem, one: Kin) -> Relative:
    value = None if one.score is None else problem.describe_value(one.score) + 0.0
    return Relative(one.program, one.operator, value, one.depth)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else ""


def _file_name(value: object) -> object:
    """Without the folders of the machine it was made on, also after a word like `adopted:`."""
    if not isinstance(value, str):
        return value
    match = _PLACED.fullmatch(value)
    return value if match is None else match.group(1) + match.group(2).rstrip("/").rpartition("/")[2]
