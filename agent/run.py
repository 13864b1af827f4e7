"""Runs a campaign from where it stands: opens it, takes its lease, runs the loop, says how it ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from heuresis.agent.campaign import Campaign
from heuresis.agent.loop import Commits, Loop, Observer
from heuresis.archive.leases import owner
from heuresis.archive.records import CampaignRecord
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.pool import Pool

_LEASE_SECONDS = 120.0
_LOOKED_OVER_BYTES = 64 << 20
"""A store up to this size is looked over before it is written to, which takes some 0.1 s then: a second for a gigabyte
is more than a person wants to wait at every start."""


@dataclass(frozen=True)
class Outcome:
    """How a run of a campaign ended."""

    record: CampaignRecord
    reason: str
    """Why the campaign is finished; empty when it was stopped and can go on."""
    isolation: str = ""
    """The jail of this run; `record.isolation` is the one that the campaign was begun in."""


def run_campaign(
    campaign: Campaign,
    store: Store,
    workers: int,
    observer: Observer,
    stop: threading.Event,
    on_commit: Commits = lambda entries: None,
) -> Outcome:
    """Run until the budget is spent or `stop` is set. Killed at any moment, the same call goes on.

    Raises ConfigError before anything is spent; Unavailable when a part of ours stays gone (all verdicts are kept).
    """
    with begun(campaign, store, workers) as now:
        record = now.record
        store.update_config(record.name, {**record.config, "budget": campaign.budget.as_json(), "workers": workers})
        reason = Loop(campaign, record, store, now.pool, workers, observer, stop, on_commit).run()
        if reason:
            store.finish(record.name, reason)
    return Outcome(store.campaign(record.name) or record, reason, now.pool.isolation)


@dataclass(frozen=True)
class Begun:
    """A campaign that this process drives, and its referees."""

    record: CampaignRecord
    pool: Pool


@contextmanager
def begun(campaign: Campaign, store: Store, workers: int) -> Iterator[Begun]:
    """The campaign, made if there is none, opened again if it was finished, and held until the block ends.

    Raises ConfigError for a mistake, or while another process drives it; Unavailable without a jail.
    """
    _ = campaign.method, campaign.terms, campaign.render  # mistakes in them are told first
    record = campaign.prepare(store)
    check_drivable(store, record.name)
    with Pool(campaign.setup(record), workers) as pool:  # before any write: without a jail, nothing is begun
        if store.campaign(record.name) is None:
            store.create_campaign(replace(record, isolation=pool.isolation))
        with leased(store, record.name):
            current = store.campaign(record.name)
            if current is None or current.secret != record.secret:
                raise ConfigError("--name", "a campaign that nobody else has just begun", record.name, "Run it again.")
            if record.finished:
                store.reopen(record.name)
            yield Begun(record, pool)


def check_drivable(store: Store, name: str) -> None:
    """What would keep us from driving the campaign, found before anything is written or started.

    Raises StoreDamaged where the database finds its file damaged, ConfigError while another process drives it.
    """
    store.look_over(_LOOKED_OVER_BYTES)
    if store.campaign(name) is not None:
        store.check_free(name)


@contextmanager
def leased(store: Store, name: str) -> Iterator[None]:
    """Only one driver runs a campaign at a time; the lease of a dead one is taken over.

    Raises StoreDamaged, and writes nothing, where the database finds its file damaged.
    """
    store.look_over(_LOOKED_OVER_BYTES)
    me = owner()
    store.acquire(name, me, _LEASE_SECONDS)
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(store, name, me, done), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        done.set()
        renewer.join()
        store.release(name, me)


def _renew(store: Store, name: str, me: str, done: threading.Event) -> None:
    while not done.wait(_LEASE_SECONDS / 4):
        store.renew(name, me, _LEASE_SECONDS)
