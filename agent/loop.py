"""The campaign loop: asks the method, runs operators, hands programs to referees, commits, and can be killed anywhere.

    method.next -> brief committed -> operator yields proposals -> each committed -> judged -> verdict committed
                                      ^------------------------ verdicts sent back ------------------------'

The loop is one thread and the only writer; referees work in their own processes. What is open in the store when it
starts (after a kill, or a budget that ran out in mid-brief) is taken up again first.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import msgspec

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.catalog import load_operator
from heuresis.agent.fixed import FIXED, FixedOperator, admit_seeds
from heuresis.agent.progress import Progress, Tracker
from heuresis.agent.protocols import Turn, Workshop
from heuresis.agent.randomness import brief_rng
from heuresis.agent.session import Attempt, Session
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.agent.syntax_normal import normal_hash
from heuresis.agent.view import LoopView, Memory
from heuresis.archive.records import Brief, CampaignRecord, Entry, Proposal
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators import jobs
from heuresis.evaluators.gate import refusal
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.pool import Pool
from heuresis.program import Program

Observer = Callable[[Progress], None]
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
    ) -> None:
        self._campaign = campaign
        self._record = record
        self._name = record.name
        self._store = store
        self._pool = pool
        self._capacity = 2 * workers  # one being judged and one ready, per referee
        self._observer = observer
        self._stop = stop
        self._sessions: dict[int, Session] = {}
        self._pending = 0
        self._arrived: queue.SimpleQueue[tuple[_Pending, Future[Evaluation]]] = queue.SimpleQueue()
        self._ready: list[tuple[_Pending, Evaluation, bool]] = []
        self._unavailable: dict[tuple[int, int], int] = {}
        self._twins: dict[str, list[_Pending]] = {}
        """Key of what is at a referee -> the same program, proposed again meanwhile: it waits for that verdict."""
        self._stale = 0
        self._seeds: list[str] = []
        self._next_number = 0
        self._memory = Memory(store, self._name)
        self._dry = ""
        self._marks: Mapping[str, object] = msgspec.json.decode(store.marks(self._name) or b"{}")
        self._tracker = Tracker(campaign, store, self._name)

    @property
    def _budget(self) -> Budget:
        return self._campaign.budget

    def run(self) -> str:
        """Until the budget is spent (says how), or until told to stop (an empty string)."""
        try:
            return self._search()
        finally:
            with self._store.transaction(durable=False) as transaction:
                transaction.add_active(self._name, self._tracker.unsaved_seconds())

    def _search(self) -> str:
        for brief in self._store.open_briefs(self._name):
            self._resume(brief)
        admit_seeds(self._store, self._name, self._campaign.problem, self._resume)
        self._work(until_seeded=True)
        self._check_seeds()
        self._next_number = self._store.totals(self._name).briefs
        reason = self._work(until_seeded=False)
        self._observer(self._tracker.progress(self._pending, force=True))
        return reason

    def finish_open(self) -> None:
        """Only what is open already: a program that a person added, and whatever a kill has left. Asks for no brief."""
        for brief in self._store.open_briefs(self._name):
            self._resume(brief)
        self._work(until_seeded=True)

    def _work(self, *, until_seeded: bool) -> str:
        while not self._stop.is_set():
            reason = self._tracker.over(self._budget)
            if reason:
                return reason
            self._fill(may_ask=not until_seeded)
            if not self._pending and not self._ready:
                return self._dry or ("" if until_seeded else "nothing left to evaluate")
            self._commit(self._collect())
            self._observer(self._tracker.progress(self._pending))
            if self._stale >= _MAX_STALE:
                return f"the method proposed {_MAX_STALE:,} programs in a row that were known or refused"
        return ""

    def _check_seeds(self) -> None:
        """A problem whose own seed programs fail is not fit for a search: told before anything is spent."""
        self._seeds = []
        for number in range(len(self._campaign.problem.seeds)):
            entry = self._store.verdict_of(self._name, number, 0)
            if entry is None or entry.proposal.program is None:
                return  # stopped before all were judged
            self._seeds.append(entry.proposal.program.id)
            if entry.evaluation.status is not Status.SCORED:
                raise ConfigError(
                    f"problem {self._campaign.problem_name}",
                    "seed programs that are scored",
                    f"seed {entry.tags.get('seed')!r} ended {entry.evaluation.status}: {entry.evaluation.reason}",
                    "Mend the problem or the seed, then start again with --new NAME.",
                )

    # filling

    def _fill(self, *, may_ask: bool) -> None:
        """Hand out proposals until the referees are busy, the budget has no room, or there is nothing to hand out."""
        while self._pending < self._capacity and self._budget.room(self._tracker.totals, self._pending) > 0:
            if self._stop.is_set() or self._stale >= _MAX_STALE:
                return
            session = next((one for one in self._sessions.values() if one.waiting), None)
            if session is not None:
                self._hand_out(session, session.waiting.popleft())
            elif not may_ask or len(self._ready) >= self._capacity or not self._ask():
                return

    def _ask(self) -> bool:
        """The method's next brief, committed with the method's marks. False when there is none for now."""
        number = self._next_number
        briefs = [session.brief for session in self._sessions.values()]
        view = LoopView(number, briefs, self._seeds, self._memory)
        step = self._campaign.method.next(view, self._marks, brief_rng(self._record.seed, number, "method"))
        if isinstance(step.action, Turn):
            if step.action is Turn.DONE:
                self._dry = "the method has nothing left to try"
            return False
        with self._store.transaction(durable=False) as transaction:
            brief = transaction.add_brief(self._name, step.action)
            transaction.set_marks(self._name, msgspec.json.encode(step.marks))
        self._marks = step.marks
        self._next_number = brief.number + 1
        self._start(brief)
        return True

    def _start(self, brief: Brief) -> None:
        self._open_session(brief, {}, {})

    def _resume(self, brief: Brief) -> None:
        """An open brief is issued again; what it has already been paid is not made again."""
        proposals = dict(self._store.proposals_of(self._name, brief.number))
        verdicts = {number: self._store.verdict_of(self._name, brief.number, number) for number in proposals}
        self._open_session(brief, proposals, {n: entry for n, entry in verdicts.items() if entry is not None})

    def _open_session(self, brief: Brief, stored: dict[int, Proposal], verdicts: dict[int, Entry]) -> None:
        operator = (
            FixedOperator(stored[0])
            if brief.operator in FIXED
            else load_operator(brief.operator, self._campaign.method_settings)
        )
        rng = brief_rng(self._record.seed, brief.number, brief.operator)
        generator = operator.run(brief, self._workshop(brief), rng)
        session = Session(brief, generator, stored, verdicts)
        session.advance()
        if session.ended:
            with self._store.transaction(durable=False) as transaction:
                transaction.close_brief(self._name, brief.number)
            self._stale += 1
        else:
            self._sessions[brief.number] = session

    def _workshop(self, brief: Brief) -> Workshop:
        ids = dict.fromkeys((*brief.parents, *brief.inspirations))
        return Workshop(
            self._campaign.problem.entries,
            {one: self._memory.program(one) for one in ids},
            {one: score for one in ids if (score := self._memory.score(one)) is not None},
            self._known,
        )

    def _known(self, program: Program) -> bool:
        return self._store.knows_normal(self._name, normal_hash(program))

    # handing out

    def _hand_out(self, session: Session, attempt: Attempt) -> None:
        """Commit a proposal and send its program to a referee, unless its verdict is known already."""
        proposal = self._checked(attempt.proposal)
        attempt.proposal = proposal
        program = proposal.program
        if attempt.number not in session.stored and session.brief.operator not in FIXED:
            with self._store.transaction(durable=False) as transaction:
                normal = normal_hash(program) if program is not None and not proposal.refusal else None
                transaction.add_proposal(self._name, session.brief.number, attempt.number, proposal, normal)
        key = self._key(program) if program is not None else ""
        pending = _Pending(session, attempt, key, time.monotonic())
        if program is None or proposal.refusal:
            refused = Evaluation(Status.REFUSED, None, reason=proposal.refusal, stage="proposal")
            self._ready.append((pending, refused, False))
            return
        known = self._store.reusable(key, self._name)
        if known is not None:
            self._ready.append((pending, known, True))
            return
        if key in self._twins:
            self._twins[key].append(pending)
            return
        self._twins[key] = []
        self._send(pending, program)

    def _checked(self, proposal: Proposal) -> Proposal:
        """What the gate refuses, or what changes its parent outside the evolve blocks, is refused, whoever made it."""
        if proposal.program is None or proposal.refusal:
            return proposal
        reason = refusal(proposal.program, self._campaign.problem.entries)
        if reason is not None:
            return replace(proposal, refusal=reason)
        if not proposal.parents:
            return proposal
        parent = self._memory.program(proposal.parents[0])
        if not changed_outside_blocks(parent.text, proposal.program.text):
            return proposal
        return replace(proposal, refusal="changes the program outside its EVOLVE-BLOCK markers")

    def _key(self, program: Program) -> str:
        """Of a verdict, which is reused only where program, problem, parameters, secret, limits and plan are equal."""
        parts = (
            program.id,
            self._record.problem_hash,
            self._record.secret.hex(),
            repr(self._campaign.problem.limits),
            "judge",
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _send(self, pending: _Pending, program: Program) -> None:
        self._pending += 1
        future = self._pool.submit(jobs.Job(dict(program.files), bar=self._tracker.best_score))
        future.add_done_callback(lambda done: self._arrived.put((pending, done)))

    # collecting

    def _collect(self) -> list[tuple[_Pending, Evaluation, bool]]:
        """What is ready now; waits a moment for a referee when nothing is. Raises Unavailable when referees fail."""
        arrived, self._ready = self._ready, []
        try:
            while True:
                wait = not arrived and self._pending > 0
                item = self._arrived.get(timeout=_TICK_SECONDS) if wait else self._arrived.get_nowait()
                self._pending -= 1
                evaluation = self._verdict_of(*item)
                if evaluation is not None:
                    arrived.append((item[0], evaluation, False))
        except queue.Empty:
            return arrived

    def _verdict_of(self, pending: _Pending, future: Future[Evaluation]) -> Evaluation | None:
        """The verdict, or None when a part of ours was gone and the program has been sent again."""
        try:
            return future.result()
        except Unavailable:
            place = (pending.session.brief.number, pending.attempt.number)
            self._unavailable[place] = self._unavailable.get(place, 0) + 1
            program = pending.attempt.proposal.program
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
            for pending, evaluation, reused in arrived:
                brief = pending.session.brief
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
                pending.attempt.entry = entry
                entries.append(entry)
                self._ready += [(twin, evaluation, True) for twin in self._twins.pop(pending.key, [])]
            transaction.add_active(self._name, self._tracker.unsaved_seconds())
            for session in {id(one.session): one.session for one, _, _ in arrived}.values():
                session.advance()
                if session.ended:
                    transaction.close_brief(self._name, session.brief.number)
                    del self._sessions[session.brief.number]
        self._stale = (
            0
            if any(not reused and e.status is not Status.REFUSED for _, e, reused in arrived)
            else (self._stale + len(arrived))
        )
        self._memory.forget()
        self._tracker.committed(entries)
