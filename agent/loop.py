"""The campaign loop: asks the method, runs operators, hands programs to referees, commits, and can be killed anywhere.

    method.next -> brief committed -> operator yields proposals -> each committed -> judged -> verdict committed
                                      ^------------------------ verdicts sent back ------------------------'
                                      operator yields questions -> the desk asks the model -> reply committed
                                      ^------------------------- replies sent back -----------------------'

The loop is one thread and the only writer; referees work in their own processes. What is open in the store when it
starts (after a kill, or a budget that ran out in mid-brief) is taken up again first.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec

from heuresis.agent.bench import Bench
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.desk import Desk, Landed
from heuresis.agent.fixed import FIXED, SEED, admit_seeds, scored_seeds
from heuresis.agent.progress import Progress, Tracker
from heuresis.agent.protocols import Turn
from heuresis.agent.session import Attempt, Session, Stored
from heuresis.agent.suspicion import Watch
from heuresis.archive.records import Brief, CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.archive.transaction import Transaction
from heuresis.errors import Unavailable
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.pool import Pool
from heuresis.program import Program

Observer = Callable[[Progress], None]
"""Sees moments of a run, on the loop's thread."""
Commits = Callable[[Sequence[Entry]], None]
"""Sees entries once they are committed, in commit order, on the loop's thread, outside of any transaction."""
_TICK_SECONDS = 0.25
_MAX_STALE = 2_000
"""Proposals in a row that needed no evaluation: the method has run dry."""
_MAX_UNAVAILABLE = 3
_BACK_OFF_SECONDS = 0.5


@dataclass
class _Pending:
    """A job at a referee."""

    session: Session
    attempt: Attempt
    key: str
    started: float

    @property
    def race(self) -> str:
        """Equal for the same program against the same bar."""
        return f"{self.key} {self.session.brief.bar}"


class Loop:
    """One run of one campaign by one driver."""

    def __init__(
        self,
        campaign: Campaign,
        record: CampaignRecord,
        store: Store,
        pool: Pool,
        workers: int,
        observer: Observer,
        stop: threading.Event,
        on_commit: Commits = lambda entries: None,
    ) -> None:
        self._campaign = campaign
        self._on_commit = on_commit
        self._record = record
        self._name = record.name
        self._store = store
        self._pool = pool
        self._capacity = 2 * workers  # one being judged and one ready, per referee
        self._observer = observer
        self._stop = stop
        self._sessions: dict[int, Session] = {}
        self._pending = 0
        self._arrived: queue.SimpleQueue[tuple[_Pending, Future[Evaluation]] | Landed] = queue.SimpleQueue()
        self._ready: list[tuple[_Pending, Evaluation, bool]] = []
        self._unavailable: dict[tuple[int, int], int] = {}
        self._twins: dict[str, list[_Pending]] = {}
        """What is at a referee -> the same program in the same race, proposed again: it waits for that verdict."""
        self._stale = 0
        self._seeds: list[str] = []
        self._next_number = 0
        self._bench = Bench(campaign, record, store)
        terms = campaign.terms
        self._desk = Desk(terms, store, self._name, campaign.budget, self._arrived.put) if terms else None
        self._dry = ""
        self._marks: Mapping[str, object] = msgspec.json.decode(store.marks(self._name) or b"{}")
        self._tracker = Tracker(campaign, store, self._name)
        self._watch = Watch(store, self._name, campaign.problem)

    @property
    def _budget(self) -> Budget:
        return self._campaign.budget

    def run(self) -> str:
        """Until the budget is spent (says how), or until told to stop (an empty string)."""
        try:
            reason = self._search()
        finally:
            if self._desk is not None:
                self._desk.drain(self._arrived, self._show)
            with self._store.transaction(durable=False) as transaction:
                transaction.add_active(self._name, self._tracker.unsaved_seconds())
        self._tracker.called()
        self._observer(self._tracker.progress(self._pending, force=True))
        return reason

    def _search(self) -> str:
        self.prepare()
        self._next_number = self._store.totals(self._name).briefs
        return self._work(until_seeded=False)

    def prepare(self) -> list[str]:
        """End what is open, judge the seeds, see how much noise there is; the seeds' ids come back.

        Raises ConfigError for a seed without a score.
        """
        if self._desk is not None:
            self._desk.bury_the_lost()
        for brief in self._store.open_briefs(self._name):
            self._resume(brief)
        admit_seeds(self._store, self._name, self._campaign.problem, self._resume)
        self._show()  # a slow seed takes its time, and somebody waits
        self._work(until_seeded=True)
        self._seeds = scored_seeds(self._store, self._name, self._campaign.problem, self._campaign.problem_name)
        self._pilot()
        return self._seeds

    def _pilot(self) -> None:
        """The best seed, played again (`measuring.pilot`). Its briefs come right after the seeds, or never."""
        while not self._stop.is_set() and not self._tracker.over(self._budget):
            brief = self._bench.pilot(self._seeds)
            if brief is None:
                break
            self._open(brief, Stored())
        self._work(until_seeded=True)

    def finish_open(self) -> None:
        """Only what a person added and nobody has judged yet. Asks for no brief and no model."""
        for brief in self._store.open_briefs(self._name):
            if brief.operator in FIXED:
                self._resume(brief)
        self._work(until_seeded=True)

    def _work(self, *, until_seeded: bool) -> str:
        while not self._stop.is_set():
            reason = self._tracker.over(self._budget)
            if reason:
                return reason
            self._fill(may_ask=not until_seeded)
            if self._stop.is_set():
                return ""
            if not self._pending and not self._ready and not (self._desk and self._desk.busy):
                return self._over_by(until_seeded=until_seeded)
            self._commit(self._collect())
            self._show()
            if self._stale >= _MAX_STALE:
                return f"the method proposed {_MAX_STALE:,} programs in a row that were known or refused"
        return ""

    def _show(self) -> None:
        calls, trouble = (self._desk.in_flight, self._desk.trouble) if self._desk else (0, "")
        self._observer(self._tracker.progress(self._pending, calls, trouble, seeds=self._seeds_at_work))

    @property
    def _seeds_at_work(self) -> list[str]:
        briefs = (one.brief for one in self._sessions.values() if one.brief.operator == SEED)
        return [str(brief.tags.get("seed", "")) for brief in briefs]

    def _over_by(self, *, until_seeded: bool) -> str:
        if self._desk is not None and self._desk.broke:
            return self._desk.broke
        return self._dry or ("" if until_seeded else "nothing left to evaluate")

    # filling

    def _fill(self, *, may_ask: bool) -> None:
        """Hand out questions and proposals until model and referees are busy, or there is nothing to hand out.

        Questions first, each as soon as it is there: a slot of the model that stays empty is what costs most.
        """
        self._send_questions()
        while not self._stop.is_set() and self._stale < _MAX_STALE:
            session = self._next_waiting()
            if session is not None and self._may_judge and not (self._desk and self._desk.room):
                self._hand_out(session, session.waiting.popleft())
            elif may_ask and self._wants_a_brief and self._ask():
                self._send_questions()
            elif session is not None and self._may_judge:
                self._hand_out(session, session.waiting.popleft())
            else:
                return

    def _send_questions(self) -> None:
        if self._desk is not None and not self._stop.is_set():
            self._desk.send()

    @property
    def _may_judge(self) -> bool:
        return self._pending < self._capacity and self._budget.room(self._tracker.totals, self._pending) > 0

    def _next_waiting(self) -> Session | None:
        return next((one for one in self._sessions.values() if one.waiting), None)

    @property
    def _wants_a_brief(self) -> bool:
        """While a referee is free; with a model, while another call may be sent and referees keep up."""
        if len(self._ready) >= self._capacity:
            return False
        waiting = sum(len(one.waiting) for one in self._sessions.values())
        if self._desk is None or not self._campaign.asks:
            return self._may_judge and not waiting
        asked = sum(one.unanswered for one in self._sessions.values())
        room = self._budget.room(self._tracker.totals, self._pending + waiting + asked)
        return room > 0 and self._desk.room > 0 and waiting < 2 * self._capacity

    def _ask(self) -> bool:
        """The method's next brief, committed with the method's marks. False when there is none for now."""
        briefs = [session.brief for session in self._sessions.values()]
        step = self._bench.next(self._next_number, self._marks, briefs, self._seeds)
        if isinstance(step.action, Turn):
            if step.action is Turn.DONE:
                self._dry = "the method has nothing left to try"
            return False
        with self._store.transaction(durable=False) as transaction:
            brief = transaction.add_brief(self._name, step.action)
            transaction.set_marks(self._name, msgspec.json.encode(step.marks))
        self._marks = step.marks
        self._next_number = brief.number + 1
        self._open(brief, Stored())
        return True

    def _resume(self, brief: Brief) -> None:
        self._open(brief, self._bench.stored(brief))

    def _open(self, brief: Brief, stored: Stored) -> None:
        """An open brief is at work as a session; a brief without any work is closed at once."""
        session = self._bench.open(brief, stored)
        self._sessions[brief.number] = session
        if session.ended or session.lessons:
            with self._store.transaction(durable=False) as transaction:
                self._go_on(session, transaction)
            self._stale += session.ended
        else:
            self._queue_questions(session)

    def _go_on(self, session: Session, transaction: Transaction) -> None:
        if self._bench.go_on(session, transaction):
            del self._sessions[session.brief.number]
        else:
            self._queue_questions(session)

    def _queue_questions(self, session: Session) -> None:
        if session.questions:
            if self._desk is None:
                raise RuntimeError(f"operator {session.brief.operator} asks a model, and there is none")
            self._desk.take(session)

    # handing out

    def _hand_out(self, session: Session, attempt: Attempt) -> None:
        """Commit a proposal and send its program to a referee, unless its verdict is known already."""
        proposal = self._bench.propose(session, attempt)
        program = proposal.program
        key = "" if program is None or proposal.refusal else self._bench.key(program, session.brief)
        pending = _Pending(session, attempt, key, time.monotonic())
        if program is None or proposal.refusal:
            refused = Evaluation(Status.REFUSED, None, reason=proposal.refusal, stage="proposal")
            self._ready.append((pending, refused, False))
            return
        known = self._store.reusable(key, self._name)
        if known is not None:
            self._ready.append((pending, known, True))
            return
        if pending.race in self._twins:
            self._twins[pending.race].append(pending)
            return
        if key:
            self._twins[pending.race] = []
        self._send(pending, program)

    def _send(self, pending: _Pending, program: Program) -> None:
        self._pending += 1
        future = self._pool.submit(self._bench.job(pending.session.brief, program, self._tracker.best))
        future.add_done_callback(lambda done: self._arrived.put((pending, done)))

    # collecting

    def _collect(self) -> list[tuple[_Pending, Evaluation, bool]]:
        """What is ready now; waits a moment for a referee or the model when nothing is. Settles the model's calls.

        Raises Unavailable when referees or the model stay gone, ConfigError when the model refuses us.
        """
        arrived, self._ready = self._ready, []
        landed: list[Landed] = []
        try:
            while True:
                wait = not arrived and not landed
                item = self._arrived.get(timeout=_TICK_SECONDS) if wait else self._arrived.get_nowait()
                if isinstance(item, Landed):
                    landed.append(item)
                    continue
                self._pending -= 1
                evaluation = self._verdict_of(*item)
                if evaluation is not None:
                    arrived.append((item[0], evaluation, False))
        except queue.Empty:
            pass
        except BaseException:  # replies that have come are still to be kept, when what is in flight is waited for
            for one in landed:
                self._arrived.put(one)
            raise
        self._answer(landed)
        return arrived

    def _answer(self, landed: Sequence[Landed]) -> None:
        """Keep what came of calls; sessions whose batch is complete go on."""
        if self._desk is None or not landed:
            return
        answered = {id(one): one for one in self._desk.settle(landed)}.values()
        self._tracker.called()
        for session in answered:
            session.advance()
        done = [one for one in answered if one.ended or one.lessons]
        if done:
            with self._store.transaction(durable=False) as transaction:
                for session in done:
                    self._go_on(session, transaction)
        for session in answered:
            self._queue_questions(session)

    def _verdict_of(self, pending: _Pending, future: Future[Evaluation]) -> Evaluation | None:
        """The verdict, or None when a part of ours was gone and the program has been sent again."""
        brief, program = pending.session.brief, pending.attempt.proposal.program
        try:
            seen = future.result()
            return seen if program is None else self._bench.verdict(brief, program, seen)
        except Unavailable:
            place = (brief.number, pending.attempt.number)
            self._unavailable[place] = self._unavailable.get(place, 0) + 1
            if self._unavailable[place] >= _MAX_UNAVAILABLE or program is None:
                raise
            self._stop.wait(self._unavailable[place] * _BACK_OFF_SECONDS)
            self._send(pending, program)
            return None

    def _commit(self, arrived: Sequence[tuple[_Pending, Evaluation, bool]]) -> None:
        """Verdicts, and the end of briefs that are complete with them, in one durable transaction."""
        if not arrived:
            return
        entries = []
        now = time.monotonic()
        with self._store.transaction(durable=True) as transaction:
            for pending, judged, reused in arrived:
                brief = pending.session.brief
                evaluation = self._watch.seen(pending.attempt.proposal, judged, reused=reused)
                entry = transaction.add_verdict(
                    self._name,
                    brief.number,
                    pending.attempt.number,
                    evaluation,
                    pending.key,
                    reused,
                    brief.tags,
                    now - pending.started,
                )
                pending.attempt.outcome = entry
                entries.append(entry)
                self._ready += [(twin, evaluation, True) for twin in self._twins.pop(pending.race, [])]
            transaction.add_active(self._name, self._tracker.unsaved_seconds())
            for session in {id(one.session): one.session for one, _, _ in arrived}.values():
                self._go_on(session, transaction)
        self._stale = (
            0
            if any(not reused and e.status is not Status.REFUSED for _, e, reused in arrived)
            else (self._stale + len(arrived))
        )
        self._bench.memory.forget()
        self._tracker.committed(entries)
        self._on_commit(entries)
