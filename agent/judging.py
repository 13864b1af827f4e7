"""Judging outside a search: any file on any problem, a program of your own in a campaign, the held-out tiers."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from datetime import UTC, datetime

from heuresis.agent.adding import added_before
from heuresis.agent.campaign import Campaign
from heuresis.agent.fixed import ADD, admit
from heuresis.agent.loop import Loop
from heuresis.agent.run import leased
from heuresis.archive.records import Brief, CampaignRecord, Entry, Look, Looker, Proposal
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators import jobs
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.nouns import HELD_OUT, Evaluation, Tier
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.tiers import PUBLIC_SECRET
from heuresis.program import Program


def evaluate(
    problem: str,
    program: Program,
    settings: Mapping[str, str] | None = None,
    *,
    allow_none: bool = False,
    isolation: str = "auto",
    device: str = "auto",
    min_isolation: str = "",
    tier: Tier = Tier.VALID,
) -> Evaluation:
    """One program on one tier of a problem, with public instance seeds, so that anybody gets the same numbers.

    Keeps nothing. Raises ConfigError for a mistake in the names, Unavailable without a sandbox.
    """
    loaded = load_problem(problem, settings)
    if not loaded.tier_size(tier):
        raise ConfigError("tier", f"a tier of which {problem} has instances", tier.value)
    setup = jobs.Setup(
        problem,
        dict(settings or {}),
        PUBLIC_SECRET,
        isolation=isolation,
        allow_none=allow_none,
        device=device,
        min_isolation=min_isolation,
    )
    with Pool(setup, 1) as pool:
        return _verdict(pool.submit(jobs.Job(dict(program.files), tier, tuple(range(loaded.tier_size(tier))))))


def campaign_of(record: CampaignRecord, *, allow_none: bool = False) -> Campaign:
    """The campaign that a record was made from."""
    config = record.config
    return Campaign(
        problem_name=record.problem,
        method_name=record.method,
        name=record.name,
        settings=_texts(config.get("settings")),
        method_settings=_texts(config.get("method_settings")),
        seed=record.seed,
        isolation="auto" if config.get("isolation") == "none" else str(config.get("isolation", "auto")),
        allow_none=allow_none or config.get("isolation") == "none",
        min_isolation=str(config.get("min_isolation", "")),
        device=str(config.get("device", "auto")),
        racing=config.get("racing") is True,
    )


def add_program(
    store: Store,
    record: CampaignRecord,
    program: Program,
    idea: str,
    operator: str = ADD,
    parents: tuple[str, ...] = (),
) -> Entry:
    """Judge a person's own program as an entry of the campaign; it may become a parent like any other.

    `operator` is one of `fixed.FIXED`.
    """
    campaign = campaign_of(record)
    if store.totals(record.name).briefs == 0:
        raise ConfigError(f"campaign {record.name!r}", "a campaign that has begun", "no program yet", "Run it first.")
    before = added_before(store, record, program, idea) if operator == ADD else None
    if before is not None:  # the same program with the same idea is an entry once
        return before
    with leased(store, record.name), Pool(campaign.setup(record), 1) as pool:
        [brief] = admit(store, record.name, [(Brief(operator, parents), Proposal(program, operator, parents, idea))])
        Loop(campaign, record, store, pool, 1, lambda progress: None, threading.Event()).finish_open()
    entry = store.verdict_of(record.name, brief.number, 0)
    if entry is None:
        raise Unavailable("the program was kept but not judged; `heuresis run` will take it up")
    return entry


def open_held_out(
    store: Store, record: CampaignRecord, wanted: Sequence[tuple[Program, Tier]], workers: int = 1
) -> list[Look]:
    """Open held-out tiers for these programs. Each look is stored, and counts, before its result is shown."""
    campaign = campaign_of(record)
    if campaign.problem.hash != record.problem_hash:
        raise ConfigError("problem", "the problem's code as when the campaign was started", "a changed problem")
    empty = [tier.value for _, tier in wanted if not campaign.problem.tier_size(tier)]
    if empty:
        what = f"campaign {record.name!r}, {empty[0]}"
        whose = "an adopted folder has" if campaign.problem.self_reported else "its problem has"
        raise ConfigError(what, "held-out instances", f"none: {whose} no such tier", "See docs/adopting.md.")
    seen = []
    with Pool(campaign.setup(record), workers) as pool:
        indices = {tier: tuple(range(campaign.problem.tier_size(tier))) for tier in HELD_OUT}
        futures = [pool.submit(jobs.Job(dict(program.files), tier, indices[tier])) for program, tier in wanted]
        for (program, tier), future in zip(wanted, futures, strict=True):
            evaluation, count, by = _verdict(future), len(indices[tier]), looker()
            with store.transaction(durable=True) as transaction:
                number = transaction.add_look(record.name, program.id, tier, count, evaluation, by)
            seen.append(Look(number, program.id, tier, count, evaluation, by))
    return seen


def looker() -> Looker:
    """Whoever runs this process, now."""
    return Looker(_user(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return f"uid {os.getuid()}"


def _verdict(future: Future[Evaluation]) -> Evaluation:
    try:
        return future.result()
    except CancelledError as error:
        raise Unavailable("the evaluation was cancelled") from error


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}
