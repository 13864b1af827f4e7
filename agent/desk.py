"""The desk: questions to the language model. Reserves money, sends, tries again, settles; nothing paid for is lost.

    question queued -> what it may cost is reserved (committed) -> sent -> reply and cost committed -> used

All state changes happen in the loop's thread; the threads of the calls only wait for the model.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from heuresis.agent.budget import Budget
from heuresis.agent.models.backoff import BackOff
from heuresis.agent.models.policy import MOST_TRIES, Treatment, treatment, words
from heuresis.agent.models.prices import Price, cost, estimate, most
from heuresis.agent.models.protocol import Completion, Model, ModelFault
from heuresis.agent.session import Question, Session
from heuresis.archive.calls import Fault, Reply
from heuresis.archive.records import Cost
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable

LONGEST_OUTAGE_SECONDS = 1800.0
"""Without any answer: then the campaign stops, resumable."""
_FAILURES = frozenset({Fault.SERVER, Fault.CONNECTION})
"""Faults that one ask may bring about by itself, while others are answered."""
_MOST_REFUSED = 20
"""Requests in a row that the provider calls bad: then it is not the asks."""
_NOTHING = Cost(0.0, 0, 1)


@dataclass(frozen=True)
class Terms:
    """How the model is asked."""

    model: Model
    price: Price | None = None
    """None: dollars are not counted."""
    concurrency: int = 8
    """Calls in flight at once."""
    call_seconds: float = 300.0
    """A call's absolute deadline."""


@dataclass
class _Flight:
    """A call that was sent."""

    session: Session
    question: Question
    number: int
    reserved: Cost
    sent: float


@dataclass(frozen=True)
class Landed:
    """How a call ended."""

    flight: _Flight
    came: Completion | ModelFault
    seconds: float


class Desk:
    """Used from the loop's thread only."""

    def __init__(self, terms: Terms, store: Store, campaign: str, budget: Budget, landed: Callable[[Landed], None]):
        self._terms = terms
        self._store = store
        self._campaign = campaign
        self._budget = budget
        self._landed = landed
        """Called from a call's thread."""
        self._back_off = BackOff(terms.concurrency, random.Random(campaign))
        self._queue: deque[tuple[Session, Question]] = deque()
        self._flights: dict[int, _Flight] = {}
        self._tries: dict[tuple[int, int], int] = {}
        self._waited: dict[tuple[int, int], float] = {}
        """Ask -> when it was last told to wait."""
        self._refused = 0
        """Requests that the provider refused in a row."""
        self._last_answer = 0.0
        """When something last came from the model, on the clock of `time.monotonic`."""
        self._gone_since: float | None = None
        """Since when it has only told us to wait, or nothing."""
        self.trouble = ""
        """Why the model is waited for, in words; empty while it answers."""
        self.broke = ""
        """Why no further call fits the budget; empty while one does."""

    @property
    def in_flight(self) -> int:
        return len(self._flights)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._flights) or (bool(self._queue) and not self.broke)

    @property
    def room(self) -> int:
        """How many more questions would be sent at once."""
        if self.broke:
            return 0
        return max(0, self._terms.concurrency - len(self._flights) - len(self._queue))

    @property
    def reserved(self) -> Cost:
        """By the calls in flight."""
        flights = self._flights.values()
        return Cost(sum(one.reserved.usd for one in flights), sum(one.reserved.tokens for one in flights), len(flights))

    def bury_the_lost(self) -> None:
        """Calls that a killed driver has left: whether they were paid for is not known, so they count as paid."""
        lost = self._store.open_calls(self._campaign)
        if lost:
            with self._store.transaction(durable=True) as transaction:
                for call in lost:
                    transaction.settle_call(self._campaign, call.number, Fault.LOST, None, "", call.reserved, 0.0)

    def take(self, session: Session) -> None:
        """Queue a session's questions."""
        while session.questions:
            question = session.questions.popleft()
            place = (session.brief.number, question.number)
            faults = self._store.faults_of(self._campaign, session.brief.number) if session.stored.resumed else []
            self._tries[place] = sum(ask == place[1] and _counts(fault) for ask, fault in faults)
            self._queue.append((session, question))

    def send(self) -> None:
        """Send what may be sent now. Raises Unavailable when the model has been gone for too long."""
        now = time.monotonic()
        sendable = min(len(self._queue), self._back_off.room([one.sent for one in self._flights.values()], now))
        chosen = [self._queue.popleft() for _ in range(self._affordable(sendable))]
        if not chosen:
            return
        flights = []
        with self._store.transaction(durable=True) as transaction:
            for session, question in chosen:
                reserved = most(question.ask, self._terms.price)
                number = transaction.open_call(
                    self._campaign,
                    session.brief.number,
                    question.number,
                    question.ask,
                    self._terms.model.name,
                    reserved,
                )
                flights.append(_Flight(session, question, number, reserved, time.monotonic()))
        for flight in flights:  # committed: only now may they be sent
            self._flights[flight.number] = flight
            threading.Thread(target=self._fly, args=(flight,), daemon=True).start()

    def _affordable(self, wanted: int) -> int:
        """How many of the first questions fit the budget together with everything that is in flight."""
        if not wanted or not self._budget.limits_calls:
            return wanted
        spent, reserved = self._store.totals(self._campaign), self.reserved
        usd, tokens, calls = (
            spent.usd + reserved.usd,
            spent.tokens + reserved.tokens,
            spent.calls + reserved.model_calls,
        )
        for count in range(wanted):
            one = most(self._queue[count][1].ask, self._terms.price)
            usd, tokens, calls = usd + one.usd, tokens + one.tokens, calls + 1
            reason = self._budget.beyond(usd, tokens, calls)
            if reason:
                if not self._flights and count == 0:
                    self.broke = (
                        f"{reason}; it may take up to ${one.usd:.4f} and {one.tokens:,} tokens, "
                        f"spent are ${spent.usd:.4f} and {spent.tokens:,} tokens in {spent.calls:,} calls"
                    )
                return count
        return wanted

    def _fly(self, flight: _Flight) -> None:
        start = time.monotonic()
        came: Completion | ModelFault
        try:
            came = self._terms.model.complete(flight.question.ask, self._terms.call_seconds)
        except ModelFault as fault:
            came = fault
        except Exception as error:  # a model that breaks its contract: settled like any other fault, kept in the store
            came = ModelFault(Fault.CRASHED, f"{type(error).__name__}", may_be_paid=True)
        self._landed(Landed(flight, came, time.monotonic() - start))

    def settle(self, landed: Sequence[Landed]) -> list[Session]:
        """Commit what came and what it cost, in one transaction; the sessions that have an answer come back.

        Raises ConfigError when the model will answer nothing before a person does something.
        """
        replies = [self._reply_of(one.flight, one.came) for one in landed]
        with self._store.transaction(durable=True) as transaction:
            for one, reply in zip(landed, replies, strict=True):
                fault, spent = _fault(one.came), self._spent(one.flight, one.came)
                transaction.settle_call(
                    self._campaign, one.flight.number, fault, reply, one.came.raw, spent, one.seconds
                )
        answered = []
        for one, reply in zip(landed, replies, strict=True):
            del self._flights[one.flight.number]
            if reply is None:
                self._queue.appendleft((one.flight.session, one.flight.question))
            else:
                one.flight.question.outcome = reply
                answered.append(one.flight.session)
        for one in landed:
            self._learn(one.flight, one.came)
        return answered

    def _reply_of(self, flight: _Flight, came: Completion | ModelFault) -> Reply | None:
        """What the ask came to; None when it will be asked again."""
        if isinstance(came, Completion):
            tokens = came.tokens or estimate(flight.question.ask, came.text)
            return Reply(came.text, came.finish, came.model, tokens)
        place = (flight.session.brief.number, flight.question.number)
        match treatment(came.fault):
            case Treatment.STOP:
                return None
            case Treatment.WAIT if came.fault not in _FAILURES or not self._alone(place):
                return None
            case Treatment.GIVE_UP:
                return Reply("", refusal=f"no reply: {words(came.fault)} ({came})"[:2000])
            case _:
                self._tries[place] = self._tries.get(place, 0) + 1
                if self._tries[place] < MOST_TRIES:
                    return None
                return Reply("", refusal=f"no usable reply in {MOST_TRIES} tries; the last: {words(came.fault)}")

    def _alone(self, place: tuple[int, int]) -> bool:
        """Whether others were answered since this ask was last told to wait: the endpoint is up, the ask is bad."""
        before, self._waited[place] = self._waited.get(place), time.monotonic()
        return before is not None and self._last_answer > before

    def _spent(self, flight: _Flight, came: Completion | ModelFault) -> Cost:
        """What is counted: what the provider says; else an estimate; after a fault that may be paid for, all of it."""
        if came.tokens is not None:
            return cost(came.tokens, self._terms.price)
        if isinstance(came, Completion):
            return cost(estimate(flight.question.ask, came.text), self._terms.price)
        return flight.reserved if came.may_be_paid else _NOTHING

    def _learn(self, flight: _Flight, came: Completion | ModelFault) -> None:
        now = time.monotonic()
        if isinstance(came, Completion):
            self._back_off.succeeded(sent=flight.sent)
            self._last_answer, self._gone_since, self._refused, self.trouble = now, None, 0, ""
            return
        self._back_off.failed(came.fault, came.retry_after, sent=flight.sent, now=now)
        what = treatment(came.fault)
        self._refused += came.fault is Fault.BAD_REQUEST
        if what is Treatment.STOP or self._refused >= _MOST_REFUSED:
            expected = f"an answer of {self._terms.model.name}"
            raise ConfigError("--model", expected, f"none, because {words(came.fault)}", f"It said: {came}"[:300])
        if what is not Treatment.WAIT:
            if came.fault not in (Fault.DEADLINE, Fault.CRASHED):  # these two may be part of an outage
                self._last_answer, self._gone_since, self.trouble = now, None, ""
            return
        self.trouble = f"{words(came.fault)} ({str(came)[:200]}); asking again"
        self._gone_since = now if self._gone_since is None else self._gone_since
        if now - self._gone_since <= LONGEST_OUTAGE_SECONDS:
            return
        minutes = LONGEST_OUTAGE_SECONDS / 60
        raise Unavailable(
            f"no answer of the model for {minutes:g} minutes: {words(came.fault)} ({came}). "
            "Everything paid for is kept; repeat the command to go on."
        )

    def drain(self, arrived: queue.SimpleQueue[Any], show: Callable[[], None]) -> None:
        """Wait for what is in flight and keep it: it is paid for. At most a call's deadline long."""
        end = time.monotonic() + self._terms.call_seconds + 5.0
        left, shown = set(self._flights), True
        while left and time.monotonic() < end:
            try:
                if shown:
                    show()
            except OSError:  # nobody looks any more
                shown = False
            try:
                item = arrived.get(timeout=0.25)
            except queue.Empty:
                continue
            if isinstance(item, Landed):
                left.discard(item.flight.number)
                try:
                    self.settle([item])
                except (ConfigError, Unavailable):  # the loop ends already, with its own reason
                    continue


def _fault(came: Completion | ModelFault) -> Fault | None:
    return came.fault if isinstance(came, ModelFault) else None


def _counts(fault: Fault) -> bool:
    return treatment(fault) is Treatment.RETRY
