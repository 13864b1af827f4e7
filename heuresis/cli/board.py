"""What a running campaign shows, as text: read from the store only when something has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from heuresis.agent.references import reference_rows
from heuresis.cli.ledger import usd
from heuresis.cli.scale import Scale, seconds_text
from heuresis.cli.stamp import stamp
from heuresis.cli.stores import short
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.agent.campaign import Campaign
    from heuresis.agent.progress import Progress
    from heuresis.archive.records import Entry
    from heuresis.archive.store import Store


_FORECAST_AFTER = 5
"""Evaluations."""


@dataclass
class Board:
    """Turns moments of one campaign into words."""

    campaign: Campaign
    store: Store
    workers: int
    _best: tuple[str, float | None, str] = ("", None, "none yet")
    """Program id, value, and its score in words: looked up once per new best, and when it was measured again."""
    _seed: str = ""
    scale: Scale = field(init=False)

    def __post_init__(self) -> None:
        self.scale = Scale.of_objective(self.campaign.problem.objectives[0])

    @property
    def title(self) -> str:
        one = self.campaign
        workers = f"{self.workers} worker{'s' * (self.workers != 1)}"
        model = f" with {one.asking.name}" if one.asks else ""
        made = f"{one.problem_name} by {one.method_name}{model}"
        return f"{one.name}: seed {one.seed}, {workers}; {made}{stamp(one.problem.self_reported)}"

    @property
    def meaning(self) -> str:
        """What the figures below mean."""
        return f"{self.scale.metric}: value [95 % interval] (tier, instances); {self.scale.better}"

    def evaluations(self, now: Progress) -> str:
        limit = self.campaign.budget.evaluations
        return f"{now.evaluations:,} of {limit:,}" if limit else f"{now.evaluations:,}"

    def rate(self, now: Progress) -> str:
        return f"{now.per_second:.1f} per s" if now.per_second < 100 else f"{now.per_second:,.0f} per s"

    def time(self, now: Progress) -> str:
        """Spent and left; `left` is by whichever limit comes first at this rate."""
        left = f", {seconds_text(now.seconds_left)} left" if now.seconds_left and not now.forced else ""
        return f"{seconds_text(now.active_seconds)}{left}"

    def best(self, now: Progress) -> str:
        """`0.713 % [0.669, 0.757] (valid, 20)`."""
        if now.best_program and (now.best_program, now.best) != self._best[:2]:
            score = self.store.entry(self.campaign.name, now.best_program).evaluation.score
            self._best = now.best_program, now.best, self.scale.brief("valid", score) if score else ""
        return self._best[2]

    def best_id(self, now: Progress) -> str:
        return short(now.best_program)

    def money(self, now: Progress) -> str:
        """`$0.12 of $5.00, 51,200 tokens, 340 calls, 8 in flight, about 1,900 more evaluations`; empty without."""
        if not now.calls and not now.calls_in_flight:
            return ""
        budget = self.campaign.budget
        parts = [
            f"{usd(now.usd)} of {usd(budget.usd)}" if budget.usd else usd(now.usd),
            f"{now.tokens:,} of {budget.tokens:,} tokens" if budget.tokens else f"{now.tokens:,} tokens",
            f"{now.calls:,} of {budget.calls:,} calls" if budget.calls else f"{now.calls:,} calls",
            f"{now.calls_in_flight} in flight" if not now.forced else "",
            self._forecast(now),
        ]
        return ", ".join(part for part in parts if part)

    def _forecast(self, now: Progress) -> str:
        """How many more evaluations the money is good for, after the first calls."""
        budget, left = self.campaign.budget, []
        if budget.usd and now.usd:
            left.append(budget.usd / now.usd)
        if budget.tokens and now.tokens:
            left.append(budget.tokens / now.tokens)
        asked = now.evaluations - len(self.campaign.problem.seeds)
        if not left or asked < _FORECAST_AFTER or now.forced:
            return ""
        return f"about {max(0, round((min(left) - 1) * asked)):,} more evaluations"

    def faults(self, now: Progress) -> str:
        """Calls that gave nothing usable: `12 (rate limit 8, empty 4)`; empty without any."""
        kinds = sorted(now.faults.items(), key=lambda item: -item[1])
        parts = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in kinds)
        return f"{sum(now.faults.values()):,} ({parts})" if kinds else ""

    def failures(self, now: Progress) -> str:
        """`12 (crashed 10, invalid 2)`; refused ones were never run and cost nothing."""
        from heuresis.agent.progress import failures

        kinds = failures(now.by_status)
        if not kinds:
            return "none"
        parts = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in kinds.items())
        return f"{sum(kinds.values()):,} ({parts})"

    def stopped(self, now: Progress) -> str:
        """Programs that lost their race, `412`; empty without any."""
        count = now.by_status.get("stopped", 0)
        return f"{count:,}" if count else ""

    def seed(self) -> str:
        """The best of the campaign's seeds on the same instances; empty until they are judged."""
        if not self._seed:
            scored = [(name, entry.evaluation.score) for name, entry in seed_entries(self.campaign, self.store)]
            rows = [(name, score) for name, score in scored if score is not None]
            if len(rows) == len(self.campaign.problem.seeds):
                name, score = max(rows, key=lambda row: row[1].value)
                self._seed = f"{self.scale.brief('valid', score)}, {name}"
        return self._seed

    def published(self) -> str:
        """The best published value; empty when the problem names none."""
        rows = reference_rows(self.campaign.problem, self.campaign.settings)
        return f"{self.scale.amount(rows[0].value)}, {rows[0].name} on {rows[0].where}" if rows else ""


def seed_entries(campaign: Campaign, store: Store) -> list[tuple[str, Entry]]:
    """Name and entry of the seed programs judged so far."""
    from heuresis.program import Program

    found = []
    for name, text in campaign.problem.seeds.items():
        try:
            found.append((name, store.entry(campaign.name, Program.of(text).id)))
        except ConfigError:  # not judged yet
            continue
    return found
