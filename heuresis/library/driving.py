"""Runs a campaign with hooks, and stops it cleanly when a person has had enough."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from heuresis.agent.campaign import Campaign
from heuresis.agent.progress import Progress
from heuresis.agent.run import Outcome, run_campaign
from heuresis.archive.store import Store
from heuresis.library.archive import Archive
from heuresis.library.hooks import Dispatch, Hook, Running
from heuresis.library.ran import Ran, ran_of

Watch = Callable[[Progress], None]


def drive(
    campaign: Campaign,
    store: Store,
    workers: int,
    hooks: Sequence[Hook],
    stop: threading.Event,
    watch: Watch | None = None,
) -> Ran:
    """Run until the budget is spent or `stop` is set; `watch` sees every moment. Raises like `run_campaign`."""
    dispatch, ran = Dispatch(hooks, store), None
    if hooks:
        known = Archive(store).top(1, campaign=campaign.name) if store.campaign(campaign.name) else []
        best = known[0] if known else None
        dispatch.started(Running(campaign.name, campaign.problem_name, campaign.method_name, stop, best))

    def observe(now: Progress) -> None:
        dispatch.progressed(now)
        if watch is not None:
            watch(now)

    try:
        outcome: Outcome = run_campaign(campaign, store, workers, observe, stop, dispatch.committed)
        ran = ran_of(Archive(store), store, outcome.record, outcome.reason, outcome.isolation)
    finally:
        dispatch.end(campaign.name, ran)
    return ran


@contextmanager
def stopping(stop: threading.Event, signals: Sequence[signal.Signals], note: Callable[[str], None]) -> Iterator[None]:
    """The first of these signals asks for an end, the second one insists; what is committed is kept either way.

    Signals reach the main thread only; on another thread nothing is changed.
    """

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        note("stopping; again to stop at once")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(one, ask) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
