"""`Search`: the method's choice of parents and the referee's verdicts, for a loop of your own."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

import msgspec

from heuresis.agent.bench import Bench
from heuresis.agent.campaign import Campaign
from heuresis.agent.fixed import ADD, TOLD
from heuresis.agent.loop import Loop
from heuresis.agent.measuring import MEASURING
from heuresis.agent.progress import Tracker
from heuresis.agent.protocols import Turn
from heuresis.agent.run import begun
from heuresis.agent.suspicion import Watch
from heuresis.agent.syntax_normal import normal_hash
from heuresis.archive.records import Brief, Entry, Proposal
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.library import planning
from heuresis.library.archive import Archive
from heuresis.library.arguments import (
    ProblemLike,
    Source,
    check_flags,
    check_whole,
    problem_name,
    program_of,
    texts,
)
from heuresis.library.defaults import DEFAULT_METHOD, DEFAULT_STORAGE
from heuresis.library.found import Found, found_of
from heuresis.library.mistakes import check_started, in_python
from heuresis.library.questions import Question, question_of
from heuresis.library.running import checked_workers
from heuresis.program import Program


class Search:
    """Ask and tell: the method says what to build on, you write the program, the referee judges it.

        with heuresis.Search("online_bin_packing") as search:
            question = search.ask()
            found = search.tell(question, my_code, idea="what was tried")
            print(found.value, search.best)

    It opens a campaign (or goes on with it), judges the problem's seed programs, and holds the campaign until `close`
    or the end of the `with` block; nobody else drives it meanwhile. Scores come from the referee alone, there is no way
    to tell one. Several questions may be open at once, and all methods may be called from several threads. Killed at
    any moment, the same call goes on: a question that was open is closed, a program that was told is judged.
    `heuresis run` with the same settings goes on with the campaign too.

    The arguments mean what they mean for `heuresis.run`; `workers` is how many programs are judged side by side. It has
    no limits: your loop ends it. The method must do without a language model of ours.
    """

    @in_python()
    def __init__(
        self,
        problem: ProblemLike,
        *,
        method: str = DEFAULT_METHOD,
        name: str | None = None,
        seed: int = 0,
        storage: str = DEFAULT_STORAGE,
        settings: Mapping[str, object] | None = None,
        method_settings: Mapping[str, object] | None = None,
        workers: int | None = None,
        isolation: str = "auto",
        min_isolation: str = "",
        device: str = "auto",
        unsafe_no_sandbox: bool = False,
        racing: bool = True,
    ) -> None:
        check_started("Search")
        check_whole("seed", seed)
        check_flags(unsafe_no_sandbox=unsafe_no_sandbox, racing=racing)
        sides = checked_workers(workers)
        own = texts("settings", settings), texts("method_settings", method_settings)
        self._campaign = planning.checked(
            Campaign(
                problem_name(problem),
                method,
                name or "",
                *own,
                seed,
                isolation,
                unsafe_no_sandbox,
                min_isolation=min_isolation,
                device=device,
                racing=racing,
            )
        )
        self.finished = ""
        """Why the method had no question left when it was asked last, in words; empty while it may have one."""
        self._token = uuid.uuid4().hex
        self._lock = threading.RLock()
        self._open: dict[int, Question] = {}
        self._in_flight: dict[int, Brief] = {}
        self._judging: dict[str, Future[Evaluation]] = {}
        self._closing = ExitStack()
        try:
            self._start(storage, sides)
        except BaseException:
            self._closing.close()
            raise

    def _start(self, storage: str, workers: int) -> None:
        self._store = self._closing.enter_context(Store.open(storage))
        now = self._closing.enter_context(begun(self._campaign, self._store, workers))
        self._record, self._pool, self._name = now.record, now.pool, now.record.name
        loop = Loop(
            self._campaign, now.record, self._store, now.pool, workers, lambda progress: None, threading.Event()
        )
        self._seeds = loop.prepare()
        self._bench = Bench(self._campaign, now.record, self._store)
        self._tracker = Tracker(self._campaign, self._store, self._name)
        self._watch = Watch(self._store, self._name, self._campaign.problem)
        self._marks: Mapping[str, object] = msgspec.json.decode(self._store.marks(self._name) or b"{}")

    @property
    def campaign(self) -> str:
        """Its name."""
        return self._name

    @property
    def best(self) -> Found | None:
        """The best program so far; None without a score."""
        return next(iter(self.top(1)), None)

    def top(self, count: int = 10) -> list[Found]:
        """The best programs, best first."""
        return Archive(self._store).top(count, campaign=self._name)

    @in_python()
    def ask(self) -> Question | None:
        """What to build on next. None while the method waits for open questions, and when `finished` says why."""
        while (brief := self._next()) is not None:
            if brief.operator not in MEASURING:
                return self._question(brief)
            self._measure(brief)
        return None

    def _next(self) -> Brief | None:
        """The next brief, committed: the method's, which somebody outside answers, or one to measure again."""
        with self._lock:
            self._check_open()
            self.finished = ""
            number = self._store.totals(self._name).briefs
            step = self._bench.next(number, self._marks, list(self._in_flight.values()), self._seeds)
            if isinstance(step.action, Turn):
                if step.action is Turn.DONE or not self._in_flight:
                    self.finished = "the method has nothing left to try"
                return None
            own = step.action.operator in MEASURING
            with self._store.transaction(durable=False) as transaction:
                brief = transaction.add_brief(self._name, step.action if own else replace(step.action, operator=TOLD))
                transaction.set_marks(self._name, msgspec.json.encode(step.marks))
            self._marks, self._in_flight[brief.number] = step.marks, brief
            return brief

    def _measure(self, brief: Brief) -> None:
        """A program of the elite is played on fresh instances; other threads go on meanwhile."""
        proposal = Proposal(self._bench.memory.program(brief.parents[0]), brief.operator)
        with self._lock, self._store.transaction(durable=False) as transaction:
            transaction.add_proposal(self._name, brief.number, 0, proposal)
        self._judge(brief, proposal)

    def _question(self, brief: Brief) -> Question:
        with self._lock:
            question = question_of(self._campaign, self._record, self._store, self._bench.memory, brief, self._token)
            self._open[brief.number] = question
            return question

    @in_python()
    def tell(self, question: Question, source: Source, idea: str = "") -> Found:
        """Judge the program that answers the question; its verdict is committed and comes back.

        A program that fails, is refused before it runs, or is stopped because it is clearly behind (`racing`), comes
        back with its status and reason. One that the campaign has judged already is not judged again. Raises
        ConfigError for a question that is not open, and Unavailable when a part of ours stays gone, or the search is
        closed meanwhile: then the program is kept, and judged when the campaign goes on.
        """
        program = program_of(source)
        with self._lock:
            brief = self._take(question)
            normal, proposal = self._proposal(program, TOLD, brief.parents, idea)
            with self._store.transaction(durable=False) as transaction:
                transaction.add_proposal(self._name, brief.number, 0, proposal, normal)
        return self._judge(brief, proposal)

    @in_python()
    def drop(self, question: Question) -> None:
        """Close the question without an answer."""
        with self._lock:
            brief = self._take(question)
            with self._store.transaction(durable=False) as transaction:
                transaction.close_brief(self._name, brief.number)
            del self._in_flight[brief.number]

    @in_python()
    def add(self, source: Source, idea: str = "") -> Found:
        """Judge a program that answers no question; it may become a parent like any other."""
        program = program_of(source)
        with self._lock:
            self._check_open()
            normal, proposal = self._proposal(program, ADD, (), idea)
            with self._store.transaction(durable=True) as transaction:
                brief = transaction.add_brief(self._name, Brief(ADD))
                transaction.add_proposal(self._name, brief.number, 0, proposal, normal)
            self._in_flight[brief.number] = brief
        return self._judge(brief, proposal)

    def close(self) -> None:
        """Close open questions, end the referees, let go of the campaign. Nothing happens the second time.

        A `tell` or `add` that still waits for its verdict on another thread raises Unavailable.
        """
        with self._lock:
            for question in list(self._open.values()):
                self.drop(question)
            self._token = ""
            self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Search {self._name}: {len(self._open)} questions open>"

    def _check_open(self) -> None:
        if not self._token:
            raise ConfigError("search", "one that is open", "one that was closed", "Open it again: it goes on.")

    def _check_going(self) -> None:
        if not self._token:
            raise Unavailable("the search was closed first. The program is kept, and judged when the campaign goes on")

    def _take(self, question: Question) -> Brief:
        """The brief of an open question of ours, which is open no longer."""
        self._check_open()
        if not isinstance(question, Question):
            raise ConfigError("question", "what ask() returned", question)
        if question._token != self._token:
            raise ConfigError("question", "a question of this search", f"number {question.number} of another")
        if question.number not in self._open:
            raise ConfigError("question", "one that is open", f"number {question.number}, which was told or dropped")
        del self._open[question.number]
        return self._in_flight[question.number]

    def _proposal(
        self, program: Program, operator: str, parents: tuple[str, ...], idea: str
    ) -> tuple[str | None, Proposal]:
        """Checked like any other; with the hash of its normal form when it may run."""
        proposal = self._bench.checked(Proposal(program, operator, parents, idea))
        return (None if proposal.refusal else normal_hash(program)), proposal

    def _judge(self, brief: Brief, proposal: Proposal) -> Found:
        started = time.monotonic()
        program = proposal.program
        if program is None or proposal.refusal:
            refused = Evaluation(Status.REFUSED, None, reason=proposal.refusal, stage="proposal")
            return self._commit(brief, proposal, refused, "", False, started)
        key = self._bench.key(program, brief)
        race = f"{key} {brief.bar}"
        with self._lock:
            self._check_going()
            known = self._store.reusable(key, self._name)
            twin = self._judging.get(race)
            if known is None and twin is None:
                self._judging[race] = self._pool.submit(self._bench.job(brief, program, self._tracker.best))
            future = self._judging.get(race)
        try:
            evaluation = self._bench.verdict(brief, program, future.result()) if future and known is None else known
        except BaseException:  # the caller looks at it; the program is kept, and judged when the campaign goes on
            with self._lock:
                self._judging.pop(race, None)
            raise
        assert evaluation is not None
        return self._commit(brief, proposal, evaluation, key, known is not None or twin is not None, started)

    def _commit(
        self, brief: Brief, proposal: Proposal, judged: Evaluation, key: str, reused: bool, started: float
    ) -> Found:
        """The verdict and the end of its brief, in one durable transaction."""
        with self._lock:
            self._check_going()
            evaluation = self._watch.seen(proposal, judged, reused=reused)
            with self._store.transaction(durable=True) as transaction:
                seconds = time.monotonic() - started
                entry: Entry = transaction.add_verdict(
                    self._name, brief.number, 0, evaluation, key, reused, brief.tags, seconds
                )
                transaction.add_active(self._name, self._tracker.unsaved_seconds())
                transaction.close_brief(self._name, brief.number)
            self._judging.pop(f"{key} {brief.bar}", None)
            self._in_flight.pop(brief.number, None)
            self._bench.memory.forget()
            self._tracker.committed([entry])
            return found_of(self._store, self._record, entry)
