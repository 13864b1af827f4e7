"""How many calls may be in flight, and when the next may be sent: one `BackOff` for all calls of a campaign.

The number is halved when the provider asks for fewer calls and grows by half a call with every answer: multiplicative
decrease as in Chiu, Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
Networks", 1989, and a growth as in the slow start of RFC 5681, section 3.1, because a refused call costs nothing.
Nothing here waits or reads a clock; times are seconds of one clock of the caller's, which never goes back.
"""

from __future__ import annotations

import random
from collections.abc import Collection

from heuresis.agent.models.policy import Treatment, treatment
from heuresis.archive.calls import Fault

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
ODD_IN_A_ROW = 3
"""So many bad answers without a good one between them are an outage: errors, a proxy's web page, calls that hang. One
error now and then is no reason to slow down."""
_GROWTH = 0.5
_ASKS_FOR_LESS = frozenset({Fault.RATE_LIMIT, Fault.OVERLOADED})


class BackOff:
    """Used from one thread. `limit` is the most calls that may ever be in flight."""

    def __init__(self, limit: int, rng: random.Random) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self._limit = limit
        self._rng = rng
        self._window = float(limit)
        self._pauses = 0  # in a row
        self._odd = 0  # bad answers in a row
        self._decreased = float("-inf")
        self._wake = float("-inf")

    def room(self, in_flight: Collection[float], now: float) -> int:
        """How many calls may be sent now. `in_flight`: when each call that is in flight was sent.

        After two pauses in a row the endpoint counts as down: a single call is sent to find out, and only its success
        lets more follow. Calls from before the pause do not stand in its way; they may hang until their deadline.
        """
        if now < self._wake:
            return 0
        if self._pauses < 2:
            return max(0, int(self._window) - len(in_flight))
        probes = sum(sent > self._decreased for sent in in_flight)
        return max(0, min(1 - probes, self._limit - len(in_flight)))

    def wake_at(self, now: float) -> float | None:
        """When the present pause ends; None when there is none."""
        return self._wake if now < self._wake else None

    def succeeded(self, *, sent: float) -> None:
        """A call that was sent at `sent` was answered: by a text, or by a refusal that concerns its ask only."""
        if sent <= self._decreased:
            return  # it says how things were before the fault
        self._pauses = self._odd = 0
        self._window = min(float(self._limit), self._window + _GROWTH)

    def failed(self, fault: Fault, retry_after: float | None, *, sent: float, now: float) -> None:
        """A call that was sent at `sent` came to a fault. `retry_after`: seconds the provider asked for."""
        if retry_after is not None:
            self._wake = max(self._wake, now + retry_after)
        if sent <= self._decreased:
            return  # one burst of failing calls is one piece of news
        match treatment(fault):
            case Treatment.GIVE_UP:
                self.succeeded(sent=sent)
            case Treatment.WAIT if fault in _ASKS_FOR_LESS or retry_after is not None:
                self._decrease(retry_after, now)
            case Treatment.WAIT | Treatment.RETRY:
                self._odd += 1
                if self._odd >= ODD_IN_A_ROW:
                    self._decrease(retry_after, now)
            case Treatment.STOP:
                pass  # the campaign ends

    def _decrease(self, retry_after: float | None, now: float) -> None:
        self._window = max(1.0, self._window / 2)
        self._decreased = now
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._pauses, 16))
        self._pauses += 1
        # Half of it is random, so that campaigns that failed together do not come back together.
        pause = max(longest / 2, retry_after or 0.0) + self._rng.random() * longest / 2
        self._wake = max(self._wake, now + pause)
