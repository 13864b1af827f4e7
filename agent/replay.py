"""Replay: a campaign run again, step by step in its own order, from its stored replies and verdicts. Spends nothing.

The log says what happened in which order; what happens at each step is computed anew by the same code (method,
operators, prompts, reply reading) and must come out as it did. So a replay shows that a campaign is what its settings,
its model's replies and its verdicts make it, and it finds out what a change of the code would have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from heuresis.agent.bench import Bench
from heuresis.agent.campaign import Campaign
from heuresis.agent.fixed import FIXED, TOLD
from heuresis.agent.measuring import MEASURING
from heuresis.agent.protocols import Step as Made
from heuresis.agent.protocols import Turn
from heuresis.agent.session import Attempt, Question, Session, Stored
from heuresis.agent.trusted import Trusted
from heuresis.archive.calls import Ask
from heuresis.archive.records import Brief, CampaignRecord, Cost, Entry, Step
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.racing import Bar
from heuresis.program import Program

Judge = Callable[[Program, Evaluation, Bar | None], Evaluation]
"""A program, its stored verdict, what it raced against -> the verdict made anew, on the same instances."""
_FREE = Cost(0.0, 0, 1)


@dataclass(frozen=True)
class Replayed:
    """What a replay came to."""

    steps: int
    calls: int
    """Replies taken from the store."""
    verdicts: int
    """Taken from the store, or made again."""
    changed: tuple[str, ...]
    """Verdicts that came out otherwise when they were made again, in words."""


class Replay:
    """One replay of `source` into a new campaign of the same store."""

    def __init__(self, campaign: Campaign, source: str, target: CampaignRecord, store: Store, judge: Judge | None):
        self._source = source
        self._target = target
        self._store = store
        self._judge = judge
        self._bench = Bench(campaign, target, store)
        self._campaign = campaign
        self._marks: Mapping[str, object] = {}
        self._sessions: dict[int, Session] = {}
        self._due: dict[int, Session] = {}
        """Sessions that have a note to keep or a brief to close; the log says in which order they did."""
        self._unanswered: dict[int, Session] = {}
        """Questions that nobody answered: each is open until the log closes it."""
        self._notes: dict[int, int] = {}
        self._trusted = Trusted(store, source, target.name)
        self._calls = self._verdicts = 0
        self._changed: list[str] = []

    def run(self) -> Replayed:
        """All steps. Raises ConfigError naming the first that does not come out as it did."""
        log = self._store.log(self._source)
        if not log and self._store.totals(self._source).briefs:
            raise ConfigError(
                "campaign", "one that keeps its log", self._source, "It was made by an older Heuresis: no replay."
            )
        act = {"brief": self._brief, "reply": self._reply, "proposal": self._proposal, "verdict": self._verdict}
        for position, step in enumerate(log):
            if self._trusted.apply(position):
                self._bench.memory.forget()
            if step.kind in ("note", "close") and step.brief in self._due:
                self._go_on(self._due.pop(step.brief))
            elif step.kind == "close" and step.brief in self._unanswered:
                self._go_on(self._unanswered.pop(step.brief))
            elif step.kind in ("brief", "proposal"):
                self._go_on_with_due()
            if step.kind in act:
                act[step.kind](step)
        self._go_on_with_due()
        self._trusted.apply(len(log))
        self._compare_logs(log)
        return Replayed(len(log), self._calls, self._verdicts, tuple(self._changed))

    def _brief(self, step: Step) -> None:
        was = self._store.brief(self._source, step.brief)
        if was.operator in FIXED:
            marks = self._told_marks(step, was) if was.operator == TOLD else None
            brief = self._commit(replace(was, number=-1, horizon=None), marks)
            stored = dict(self._store.proposals_of(self._source, step.brief))
            self._open(brief, Stored(proposals=stored))
            return
        sessions = [one.brief for one in self._sessions.values()]
        made = self._made(step.brief, was, sessions)
        if not isinstance(made.action, Brief) or _told(made.action) != _told(self._translated(was)):
            raise _diverged(f"brief {step.brief}", _told(was), made.action)
        self._marks = made.marks
        self._open(self._commit(made.action, msgspec.json.encode(made.marks)), Stored())

    def _made(self, number: int, was: Brief, sessions: list[Brief]) -> Made:
        """By whom the brief was: the method, or the campaign, which plays known programs again."""
        if was.operator not in MEASURING:
            return self._bench.step(number, self._marks, sessions, self._seeds())
        own = self._bench.measure(number, sessions, self._seeds())
        return Made(Turn.WAIT if own is None else own, self._marks)

    def _told_marks(self, step: Step, was: Brief) -> bytes:
        """What the method remembered when it chose the parents of a brief that somebody outside answered."""
        in_flight = [one.brief for one in self._sessions.values()]
        made = self._bench.step(step.brief, self._marks, in_flight, self._seeds())
        if not isinstance(made.action, Brief) or made.action.parents != was.parents:
            raise _diverged(f"brief {step.brief}", was.parents, made.action)
        self._marks = made.marks
        return msgspec.json.encode(made.marks)

    def _commit(self, brief: Brief, marks: bytes | None) -> Brief:
        with self._store.transaction(durable=False) as transaction:
            numbered = transaction.add_brief(self._target.name, brief)
            if marks is not None:
                transaction.set_marks(self._target.name, marks)
        return numbered

    def _open(self, brief: Brief, stored: Stored) -> None:
        session = self._bench.open(brief, stored)
        self._sessions[brief.number] = session
        if session.ended and brief.operator == TOLD:
            self._unanswered[brief.number] = session
        elif session.ended or session.lessons:
            self._go_on(session)

    def _translated(self, brief: Brief) -> Brief:
        """Notes have other numbers here."""
        return replace(brief, notes=tuple(self._notes.get(number, number) for number in brief.notes))

    def _seeds(self) -> list[str]:
        entries = [self._store.verdict_of(self._target.name, n, 0) for n in range(len(self._campaign.problem.seeds))]
        return [one.proposal.program.id for one in entries if one is not None and one.proposal.program is not None]

    def _reply(self, step: Step) -> None:
        session = self._session(step)
        question = self._question(session, step)
        reply = self._store.replies_of(self._source, step.brief).get(step.item)
        if reply is None:
            raise ConfigError("replay", f"a stored reply to question {step.item} of brief {step.brief}", "none")
        with self._store.transaction(durable=False) as transaction:
            name = f"replay of {self._source}"
            call = transaction.open_call(self._target.name, step.brief, step.item, question.ask, name, Cost())
            transaction.settle_call(self._target.name, call, None, reply, "", _FREE, 0.0)
        question.outcome = reply
        self._calls += 1
        self._advance(session)

    def _question(self, session: Session, step: Step) -> Question:
        """The question that is asked now, seen to be the one that was asked then."""
        found = next((one for one in session.batch if isinstance(one, Question) and one.number == step.item), None)
        asked = self._store.ask_of(self._source, step.brief, step.item)
        if asked is None:
            raise ConfigError("replay", f"question {step.item} of brief {step.brief} in the store", "none")
        if found is None or found.ask != asked:
            raise _diverged(f"question {step.item} of brief {step.brief}", _asked(asked), found and _asked(found.ask))
        return found

    def _proposal(self, step: Step) -> None:
        session = self._session(step)
        attempt = next((one for one in session.waiting if one.number == step.item), None)
        if attempt is None:
            if session.brief.operator in FIXED and step.item == 0:
                return
            raise _diverged(f"attempt {step.item} of brief {step.brief}", "a proposal", None)
        if session.brief.operator in FIXED:
            with self._store.transaction(durable=False) as transaction:
                transaction.add_proposal(self._target.name, step.brief, 0, attempt.proposal)
            return
        proposal = self._bench.propose(session, attempt)
        was = dict(self._store.proposals_of(self._source, step.brief))[step.item]
        if (proposal.program, proposal.refusal) != (was.program, was.refusal):
            raise _diverged(f"attempt {step.item} of brief {step.brief}", was.idea or was.refusal, proposal.idea)

    def _verdict(self, step: Step) -> None:
        session = self._session(step)
        attempt = self._attempt(session, step)
        was = self._store.verdict_of(self._source, step.brief, step.item)
        if was is None:
            raise ConfigError("replay", f"a stored verdict on attempt {step.item} of brief {step.brief}", "none")
        program = attempt.proposal.program
        evaluation, apart = self._trusted.then(program, self._judged(was, session.brief))
        shared = program is not None and not attempt.proposal.refusal and not apart
        with self._store.transaction(durable=True) as transaction:
            entry = transaction.add_verdict(
                self._target.name,
                step.brief,
                step.item,
                evaluation,
                self._bench.key(program, session.brief) if shared and program is not None else "",
                was.reused or self._judge is None,
                session.brief.tags,
            )
        attempt.outcome = entry
        self._verdicts += 1
        self._bench.memory.forget()
        self._advance(session)

    def _attempt(self, session: Session, step: Step) -> Attempt:
        for one in list(session.waiting):
            if one.number == step.item:
                session.waiting.remove(one)
        return next(one for one in session.batch if isinstance(one, Attempt) and one.number == step.item)

    def _judged(self, was: Entry, brief: Brief) -> Evaluation:
        program, before = was.proposal.program, was.evaluation
        if self._judge is None or program is None or was.proposal.refusal or was.reused:
            return before
        now = self._judge(program, before, self._bench.bar(brief))
        if _outcome(now) == _outcome(before):
            return before
        self._changed.append(f"{program.id[:8]}: {_verdict_words(before)}, now {_verdict_words(now)}")
        return now

    def _advance(self, session: Session) -> None:
        session.advance()
        if session.ended or session.lessons:
            self._due[session.brief.number] = session

    def _go_on_with_due(self) -> None:
        due, self._due = self._due, {}
        for session in due.values():
            self._go_on(session)

    def _go_on(self, session: Session) -> None:
        before = self._store.notes_of(self._target.name, session.brief.number)
        with self._store.transaction(durable=False) as transaction:
            ended = self._bench.go_on(session, transaction)
        if ended:
            del self._sessions[session.brief.number]
        after = self._store.notes_of(self._target.name, session.brief.number)
        then = self._store.notes_of(self._source, session.brief.number)
        self._notes |= {then[item].number: note.number for item, note in after.items() - before.items() if item in then}

    def _session(self, step: Step) -> Session:
        if step.brief not in self._sessions:
            raise _diverged(f"brief {step.brief}", f"a {step.kind} {step.item}", "its end")
        return self._sessions[step.brief]

    def _compare_logs(self, log: list[Step]) -> None:
        now = self._store.log(self._target.name)
        if now != log:
            place = next((n for n, (a, b) in enumerate(zip(log, now, strict=False)) if a != b), min(len(log), len(now)))
            raise _diverged(f"step {place}", log[place : place + 1], now[place : place + 1])


def _told(brief: Brief) -> tuple[object, ...]:
    return brief.operator, brief.parents, brief.inspirations, brief.notes, dict(brief.tags), brief.bar


def _asked(ask: Ask) -> str:
    return f"{ask.purpose}: {ask.messages[-1].content[:200]!r} (seed {ask.seed})"


def _outcome(seen: Evaluation) -> tuple[object, ...]:
    """What counts of a verdict. Of one that was stopped the evidence is in its reason; other reasons may differ."""
    return seen.status, seen.score, seen.reason if seen.status is Status.STOPPED else ""


def _verdict_words(seen: Evaluation) -> str:
    return f"{seen.status} {seen.score.value:g}" if seen.score is not None else str(seen.status)


def _diverged(where: str, then: object, now: object) -> ConfigError:
    return ConfigError(
        "replay",
        f"{where} as it was then: {then}",
        f"now: {now}",
        "The code, the prompts or a setting that is not stored has changed since, or a program was added by hand.",
    )
