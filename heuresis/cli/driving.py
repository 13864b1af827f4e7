"""Runs a campaign under a display, and stops it cleanly when asked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heuresis.cli.board import Board
from heuresis.cli.live import display_for

if TYPE_CHECKING:
    from heuresis.agent.campaign import Campaign
    from heuresis.archive.store import Store
    from heuresis.library.hooks import Hook
    from heuresis.library.ran import Ran

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def drive(campaign: Campaign, store: Store, workers: int, hooks: Sequence[Hook] = ()) -> Ran:
    """Run until the budget is spent or a person has had enough. Raises like `run_campaign`."""
    from heuresis.library import driving

    stop = threading.Event()
    with display_for(Board(campaign, store, workers)) as display, driving.stopping(stop, _SIGNALS, display.note):
        return driving.drive(campaign, store, workers, hooks, stop, display)
