"""Runs a campaign under a display, and stops it cleanly when asked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from heuresis.cli.board import Board
from heuresis.cli.live import Display, display_for

if TYPE_CHECKING:
    from heuresis.agent.campaign import Campaign
    from heuresis.archive.records import CampaignRecord
    from heuresis.archive.store import Store

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Drive:
    """How a run ended."""

    record: CampaignRecord
    reason: str
    """Why the campaign is finished; empty when it was interrupted."""
    isolation: str
    """The jail of this run."""


def drive(campaign: Campaign, store: Store, workers: int) -> Drive:
    """Run until the budget is spent or a person has had enough. Raises like `run_campaign`."""
    from heuresis.agent.run import run_campaign

    stop = threading.Event()
    with display_for(Board(campaign, store, workers)) as display, _stopping(stop, display):
        outcome = run_campaign(campaign, store, workers, display, stop)
    return Drive(outcome.record, outcome.reason, outcome.isolation)


@contextmanager
def _stopping(stop: threading.Event, display: Display) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for an end, the second one insists; what is committed is kept either way."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        display.note("stopping; again to stop at once")

    before = [signal.signal(one, ask) for one in _SIGNALS]
    try:
        yield
    finally:
        for one, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(one, handler)


def finished_already(campaign: Campaign, store: Store) -> str:
    """Why nothing is left to do for this campaign and budget, or an empty string. Starts nothing."""
    from heuresis.agent.progress import Tracker

    record = store.campaign(campaign.name)
    if record is None or not record.finished:
        return ""
    if record.config.get("budget") == campaign.budget.as_json():
        return record.finished
    return Tracker(campaign, store, record.name).over(campaign.budget)
