"""Builders of real nouns for the tests of the archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from heuresis.archive.calls import Ask, Message, Reply, Tokens
from heuresis.archive.records import Brief, CampaignRecord, Cost, Entry, Proposal
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program

ASK = Ask((Message("user", "Which bin?"),), "improve", seed=3)
CONFIG = {"populations": [["best", {"capacity": 3}], ["islands", {"count": 2, "capacity": 2}]]}


class Make:
    """Small nouns with everything filled in that a test does not care about."""

    def record(self, name: str = "packing", **fields: object) -> CampaignRecord:
        values: dict[str, object] = {
            "problem": "online_bin_packing",
            "problem_hash": "ab" * 32,
            "method": "genetic",
            "config": CONFIG,
            "seed": 2**80 + 1,
            "secret": bytes(range(32)),
        }
        return CampaignRecord(name, **(values | fields))  # type: ignore[arg-type]

    def program(self, value: float, length: int = 0) -> Program:
        return Program.of(f"def priority(item, free):\n    return {value!r}\n" + "#" * length)

    def scored(self, value: float, **fields: object) -> Evaluation:
        """A verdict whose behaviour is its value."""
        results = tuple(
            InstanceResult(Tier.VALID, index, Result({"excess_percent": value + index}, {"open_bins": 3.0}, "seen"))
            for index in range(3)
        )
        values: dict[str, object] = {"results": results, "stage": "full", "wall_seconds": 0.25, "cpu_seconds": 0.125}
        return Evaluation(Status.SCORED, Score(float(value), 0.5, 3), **(values | fields))  # type: ignore[arg-type]

    def failed(self, status: Status = Status.CRASHED, reason: str = "division by zero") -> Evaluation:
        return Evaluation(status, None, reason=reason, stage="smoke", wall_seconds=0.5)

    def proposal(self, program: Program, parents: tuple[str, ...] = (), usd: float = 0.1) -> Proposal:
        return Proposal(program, "mutate", parents, "an idea", cost=Cost(usd, 7, 1))

    def add(
        self,
        store: Store,
        value: float,
        evaluation: Evaluation | None = None,
        *,
        campaign: str = "packing",
        parents: tuple[str, ...] = (),
        key: str = "",
        reused: bool = False,
        length: int = 0,
        **tags: str | int | float | bool,
    ) -> Entry:
        """One brief from beginning to end."""
        with store.transaction(durable=True) as transaction:
            brief = transaction.add_brief(campaign, Brief("mutate", parents, tags=tags))
            proposal = self.proposal(self.program(value, length), parents)
            transaction.add_proposal(campaign, brief.number, 0, proposal, f"normal {value}")
            call = transaction.open_call(campaign, brief.number, 0, ASK, "stand-in", Cost(0.5, 100, 1))
            reply = Reply("yes", model="stand-in", tokens=Tokens(5, 2))
            transaction.settle_call(campaign, call, None, reply, "{}", Cost(0.1, 7, 1), 0.5)
            entry = transaction.add_verdict(
                campaign, brief.number, 0, evaluation or self.scored(value), key, reused, seconds=1.5
            )
            transaction.close_brief(campaign, brief.number)
        return entry


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path, make: Make) -> Iterator[Store]:
    with Store.open(f"sqlite:///{path}") as opened:
        opened.create_campaign(make.record())
        yield opened


class Tamper:
    """Changes a store's file behind its back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *statements: str) -> None:
        connection = sqlite3.connect(self.path)
        try:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def tamper_at() -> type[Tamper]:
    return Tamper


@pytest.fixture
def tamper(path: Path) -> Tamper:
    return Tamper(path)
