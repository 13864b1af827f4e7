"""`Campaign`: what a search is made of, and the check that a repeated command means the same search."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from heuresis.agent.asking import Asking
from heuresis.agent.budget import Budget
from heuresis.agent.catalog import load_method
from heuresis.agent.desk import Terms
from heuresis.agent.protocols import Method, Render
from heuresis.archive.populations import Best, to_config
from heuresis.archive.records import CampaignRecord
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators import jobs
from heuresis.evaluators.adopted.problem import PREFIX, absolute_reference
from heuresis.evaluators.catalog import SHIPPED, load_problem
from heuresis.evaluators.problem import Problem
from heuresis.plugins import absolute

BEST = Best()
"""Every campaign keeps it, whatever its method."""


@dataclass(frozen=True)
class Campaign:
    """One search: a problem, a method, a seed. The budget may change from run to run, nothing else may."""

    problem_name: str
    """Here and below: a shipped name, a plugin's, package.module:Class or path/to/file.py:Class; or adopted:DIR."""
    method_name: str = "genetic"
    name: str = ""
    """Default: PROBLEM-METHOD."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """`--set` values of the problem."""
    method_settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    isolation: str = "auto"
    allow_none: bool = False
    min_isolation: str = ""
    """A weaker jail than this is `Unavailable`; empty: any. See `heuresis.sandbox.backends.LEVELS`."""
    device: str = "auto"
    """Where programs of a problem with GPU memory in its limits run: auto, cpu, cuda:N, GPU-UUID."""
    racing: bool = True
    """Whether a program that is clearly behind what it races against is stopped (`heuresis.evaluators.racing`)."""
    budget: Budget = field(default_factory=Budget)
    asking: Asking = field(default_factory=Asking)
    """Which language model is asked, and how; by default none."""

    def __post_init__(self) -> None:
        if not self.name:
            named = self.problem_name in SHIPPED or self.problem_name.startswith(PREFIX)
            short = self.problem.name if named else self.problem_name.rpartition(":")[2]
            object.__setattr__(self, "name", f"{short}-{self.method_name.rpartition(':')[2]}")
        if "instances" in self.settings:
            settings = {**self.settings, "instances": str(Path(self.settings["instances"]).resolve())}
            object.__setattr__(self, "settings", settings)
        for part in ("problem_name", "method_name", "isolation"):  # the same campaign from whichever folder it is named
            object.__setattr__(self, part, absolute(getattr(self, part)))
        object.__setattr__(self, "problem_name", absolute_reference(self.problem_name))
        own = {f"{absolute(owner)}{dot}{key}": value for (owner, dot, key), value in _parted(self.method_settings)}
        object.__setattr__(self, "method_settings", own)

    @cached_property
    def problem(self) -> Problem:
        return load_problem(self.problem_name, self.settings)

    @cached_property
    def method(self) -> Method:
        """Raises ConfigError when it and the model do not fit together."""
        method = load_method(self.method_name, self.method_settings)
        self.asking.check(method)
        return method

    @property
    def asks(self) -> bool:
        """Whether operators may ask a language model."""
        return self.asking.wanted

    @cached_property
    def terms(self) -> Terms | None:
        """How the model is asked; None without one. Raises ConfigError before anything is spent."""
        return self.asking.terms(self.budget) if self.asks else None

    @cached_property
    def render(self) -> Render:
        return self.asking.render()

    def setup(self, record: CampaignRecord) -> jobs.Setup:
        return jobs.Setup(
            self.problem_name,
            dict(self.settings),
            record.secret,
            record.problem_hash,
            self.isolation,
            self.allow_none,
            device=self.device,
            min_isolation=self.min_isolation,
        )

    def config(self) -> dict[str, object]:
        """Everything that decides results, as plain JSON values."""
        return {
            "settings": dict(self.settings),
            "method_settings": dict(self.method_settings),
            "isolation": "none" if self.allow_none else self.isolation,
            **({"min_isolation": self.min_isolation} if self.min_isolation else {}),
            **({"device": self.device} if self.device != "auto" else {}),
            "racing": self.racing,
            **({"self_reported": True} if self.problem.self_reported else {}),
            "populations": to_config((BEST, *self.method.populations())),
            **self.asking.config(),
        }

    def prepare(self, store: Store) -> CampaignRecord:
        """The stored campaign of this name, or a new record that is not stored yet.

        Raises ConfigError when the stored one has other settings.
        """
        record = store.campaign(self.name)
        if record is None:
            return self._record()
        self._check_same(record)
        return record

    def open(self, store: Store) -> CampaignRecord:
        """The stored campaign of this name, made if there is none."""
        record = self.prepare(store)
        if store.campaign(self.name) is None:
            store.create_campaign(record)
        return record

    def _record(self) -> CampaignRecord:
        return CampaignRecord(
            name=self.name,
            problem=self.problem_name,
            problem_hash=self.problem.hash,
            method=self.method_name,
            config={**self.config(), "budget": self.budget.as_json()},
            seed=self.seed,
            secret=secrets.token_bytes(32),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _check_same(self, record: CampaignRecord) -> None:
        other = self.problem.hash != record.problem_hash
        mine: dict[str, object] = {"method": self.method_name, "seed": self.seed, **self.config()}
        stored: dict[str, object] = {"method": record.method, "seed": record.seed, "racing": False}  # of before races
        if other:  # the same text is the same problem wherever its file lies
            mine, stored = {"problem": self.problem_name, **mine}, {"problem": record.problem, **stored}
        stored |= {key: value for key, value in record.config.items() if key not in ("budget", "workers")}
        changed = [key for key in {**mine, **stored} if mine.get(key) != stored.get(key)]
        if changed:
            raise ConfigError(
                f"campaign {self.name!r}, {', '.join(_place(key, mine.get(key), stored.get(key)) for key in changed)}",
                f"{', '.join(repr(stored.get(key)) for key in changed)} as when it was started",
                ", ".join(repr(mine.get(key)) for key in changed),
                "Repeat the old settings to go on, or start another campaign with --new NAME."
                + " It was begun before there were races: --no-racing." * ("racing" not in record.config),
            )
        if other:
            what = "code or instance file" if "instances" in self.settings else "code"
            raise ConfigError(
                f"campaign {self.name!r}, problem",
                f"the {what} of {record.problem} as when it was started",
                "another text; its settings are the same",
                "Old and new scores cannot be compared: start another with --new NAME.",
            )


def _place(key: str, mine: object, stored: object) -> str:
    """`settings (points)`: of settings also which of them."""
    if not (isinstance(mine, Mapping) and isinstance(stored, Mapping)):
        return key
    return f"{key} ({', '.join(sorted(one for one in {**mine, **stored} if mine.get(one) != stored.get(one)))})"


def _parted(settings: Mapping[str, str]) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Keys cut into operator, dot and setting; the method's own have no operator."""
    return ((key.rpartition("."), value) for key, value in settings.items())
