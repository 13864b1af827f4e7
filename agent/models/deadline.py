"""An absolute deadline for any call that blocks: the caller goes on in time, whatever the call does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Fault

T = TypeVar("T")

MOST_ABANDONED = 64
"""Threads that outlived their deadline. With more, no further call is begun until some have ended."""

_abandoned: set[threading.Thread] = set()
_lock = threading.Lock()


class Leash:
    """How a call learns that its caller has gone on without it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = False
        self._cuts: list[Callable[[], None]] = []

    @property
    def ended(self) -> bool:
        return self._ended

    def on_end(self, cut: Callable[[], None]) -> None:
        """Calls `cut` from the caller's thread at the deadline, or now when it is past. It must not block or raise."""
        with self._lock:
            if not self._ended:
                self._cuts.append(cut)
                return
        cut()

    def pull(self) -> None:
        """The caller goes on: whatever the call still holds is cut."""
        with self._lock:
            self._ended = True
            cuts, self._cuts = self._cuts, []
        for cut in cuts:
            cut()


class _Errand(threading.Thread, Generic[T]):
    """One call in a thread of its own. A new thread costs 0.1 ms; one that may hang is not worth keeping."""

    def __init__(self, call: Callable[[Leash], T]) -> None:
        super().__init__(name="heuresis-model-call", daemon=True)
        self._call = call
        self.leash = Leash()
        self.done = threading.Event()
        self.result: T
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._call(self.leash)
        # Whatever it is, SystemExit too: the caller raises it, or has gone on and never looks.
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()


def within(seconds: float, call: Callable[[Leash], T]) -> T:
    """What `call` returns or raises, or ModelFault DEADLINE after `seconds`.

    The call runs in a daemon thread; at the deadline its leash is pulled and nobody waits for it any more.
    """
    _refuse_too_many()
    errand = _Errand(call)
    errand.start()
    try:
        errand.done.wait(min(max(0.0, seconds), threading.TIMEOUT_MAX))
    finally:  # Ctrl-C comes through here too
        in_time = errand.done.is_set()
        if not in_time:
            _abandon(errand)
    if not in_time:
        raise ModelFault(Fault.DEADLINE, f"no complete reply after {seconds:g} s", may_be_paid=True)
    if errand.error is not None:
        raise errand.error
    return errand.result


def _abandon(errand: _Errand[T]) -> None:
    with _lock:
        _abandoned.add(errand)
    errand.leash.pull()


def abandoned() -> int:
    """How many calls that were given up still hold a thread."""
    with _lock:
        _abandoned.difference_update([thread for thread in _abandoned if not thread.is_alive()])
        return len(_abandoned)


def _refuse_too_many() -> None:
    count = abandoned()
    if count >= MOST_ABANDONED:
        # CONNECTION, because it is treated right: wait until threads have ended, and count it as no try.
        raise ModelFault(Fault.CONNECTION, f"not sent: {count} earlier calls were given up and have not ended yet")
