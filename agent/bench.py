"""A campaign's bench: where its briefs are opened as sessions and its proposals are checked and committed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from heuresis.agent import measuring
from heuresis.agent.campaign import BEST, Campaign
from heuresis.agent.catalog import load_operator
from heuresis.agent.fixed import FIXED, SEED, FixedOperator
from heuresis.agent.protocols import Operator, Step, Workshop
from heuresis.agent.randomness import brief_rng
from heuresis.agent.session import Attempt, Session, Stored
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.agent.syntax_normal import normal_hash
from heuresis.agent.telling import task_of
from heuresis.agent.view import LoopView, Memory
from heuresis.archive.records import REMEASURE, REPEAT, Brief, CampaignRecord, Cost, Member, Proposal
from heuresis.archive.store import Store
from heuresis.archive.transaction import Transaction
from heuresis.evaluators import jobs
from heuresis.evaluators.gate import refusal
from heuresis.evaluators.joining import joined, withheld
from heuresis.evaluators.nouns import Evaluation, Status, Tier
from heuresis.evaluators.racing import Bar
from heuresis.program import Program

_BARS = 256
"""Kept at hand."""


class Bench:
    """Everything between a method's step and a referee that neither waits nor decides."""

    def __init__(self, campaign: Campaign, record: CampaignRecord, store: Store) -> None:
        self._campaign = campaign
        self._record = record
        self._store = store
        self.memory = Memory(store, record.name, campaign.problem.objectives[0].sign)
        self._bar = lru_cache(_BARS)(self._load_bar)
        self._task = task_of(campaign.problem) if campaign.asks else None

    def next(self, number: int, marks: Mapping[str, object], in_flight: list[Brief], seeds: list[str]) -> Step:
        """What the campaign does next: now and then it measures again what it has, else the method's step."""
        own = self.measure(number, in_flight, seeds)
        return self.step(number, marks, in_flight, seeds) if own is None else Step(own, marks)

    def measure(self, number: int, in_flight: list[Brief], seeds: list[str]) -> Brief | None:
        """The brief of this number, where it is one to play a known program again."""
        problem = self._campaign.problem
        position = number - len(problem.seeds)
        if not (0 <= position < measuring.PILOT or measuring.turn(number)):
            return None
        members = self.memory.members(BEST.name).values()
        if position < measuring.PILOT:
            return measuring.pilot(position, problem, members, seeds) if position >= 0 else None
        busy = {brief.parents[0] for brief in in_flight if brief.operator == REMEASURE}
        scored = self._store.totals(self._record.name).by_status.get(Status.SCORED.value, 0)
        member = measuring.elite(number, scored, problem, members, busy)
        if member is None:
            return None
        plays = self._store.entry(self._record.name, member.program).tags.get(measuring.PLAYS, "")
        return measuring.brief_for(problem, member, str(plays))

    def pilot(self, seeds: list[str]) -> Brief | None:
        """The next brief of the noise pilot, committed; None when it has none left, or the method has begun."""
        number = self._store.totals(self._record.name).briefs
        begun = number >= len(self._campaign.problem.seeds) + measuring.PILOT
        brief = None if begun else self.measure(number, [], seeds)
        if brief is None:
            return None
        with self._store.transaction(durable=False) as transaction:
            return transaction.add_brief(self._record.name, brief)

    def step(self, number: int, marks: Mapping[str, object], in_flight: list[Brief], seeds: list[str]) -> Step:
        """What the method does next."""
        view = LoopView(number, in_flight, seeds, self.memory, self._campaign.asks)
        made = self._campaign.method.next(view, marks, brief_rng(self._record.seed, number, "method"))
        if self._campaign.racing or not isinstance(made.action, Brief):
            return made
        return replace(made, action=replace(made.action, bar=""))

    def bar(self, brief: Brief) -> Bar | None:
        """What the brief's programs race against; None where that has no score (any longer)."""
        score = self.memory.score(brief.bar) if brief.bar else None
        return None if score is None else self._bar(brief.bar, score)

    def _load_bar(self, program: str, _score: float) -> Bar:
        """Kept until the program has another score."""
        entry = self._store.entry(self._record.name, program)
        return Bar.of(program, entry.evaluation.results)

    def stored(self, brief: Brief) -> Stored:
        """What the store holds of an open brief: what has already been paid is not made again."""
        name, number = self._record.name, brief.number
        proposals = dict(self._store.proposals_of(name, number))
        verdicts = {one: self._store.verdict_of(name, number, one) for one in proposals}
        return Stored(
            proposals,
            {one: entry for one, entry in verdicts.items() if entry is not None},
            self._store.replies_of(name, number),
            self._store.notes_of(name, number),
            resumed=True,
        )

    def open(self, brief: Brief, stored: Stored) -> Session:
        """The brief's session, run up to the first outcome that it needs."""
        operator = self._operator(brief, stored)
        rng = brief_rng(self._record.seed, brief.number, brief.operator)
        session = Session(brief, operator.run(brief, self._workshop(brief), rng), stored)
        session.advance()
        return session

    def _operator(self, brief: Brief, stored: Stored) -> Operator:
        if brief.operator in measuring.MEASURING:
            return FixedOperator(Proposal(self.memory.program(brief.parents[0]), brief.operator))
        if brief.operator in FIXED:
            return FixedOperator(stored.proposals.get(0))
        return load_operator(brief.operator, self._campaign.method_settings)

    def job(self, brief: Brief, program: Program, champion: Member | None) -> jobs.Job:
        """What a referee is asked about a program of the brief. Seeds are not chosen among many: no champion."""
        files = dict(program.files)
        if brief.operator == REPEAT:
            return jobs.Job(files, Tier.VALID, tuple(range(self._campaign.problem.tier_size(Tier.VALID))))
        if brief.operator == REMEASURE:
            return jobs.Job(files, Tier.VALID, tuple(measuring.indices(str(brief.tags[measuring.PLAYS]))))
        if champion is None or brief.operator == SEED:
            return jobs.Job(files, bar=self.bar(brief))
        return jobs.Job(files, champion=self._bar(champion.program, champion.score), bar=self.bar(brief))

    def verdict(self, brief: Brief, program: Program, seen: Evaluation) -> Evaluation:
        """The referee's answer, joined with what the program had played before where it was measured again."""
        if brief.operator == REPEAT:
            return withheld(seen)
        if brief.operator == REMEASURE:
            before = self._store.entry(self._record.name, program.id).evaluation
            return joined(self._campaign.problem, before, seen)
        return seen

    def _workshop(self, brief: Brief) -> Workshop:
        ids = dict.fromkeys((*brief.parents, *brief.inspirations))

        def known(program: Program) -> bool:
            return self._store.knows_normal(self._record.name, normal_hash(program), brief.horizon)

        return Workshop(
            self._campaign.problem.required,
            {one: self.memory.program(one) for one in ids},
            {one: score for one in ids if (score := self.memory.score_then(one)) is not None},
            known,
            self._task,
            {one: self.memory.shown(one) for one in ids} if self._task else {},
            {one: self.memory.note(one) for one in brief.notes},
            self._campaign.render,
        )

    def go_on(self, session: Session, transaction: Transaction) -> bool:
        """Advance a session within a transaction, keeping its lessons; closes its brief and says True when it ended."""
        session.advance()
        while session.lessons:
            while session.lessons:
                one = session.lessons.popleft()
                one.outcome = transaction.add_note(self._record.name, session.brief.number, one.number, one.lesson)
            session.advance()
        if session.ended:
            transaction.close_brief(self._record.name, session.brief.number)
        return session.ended

    def propose(self, session: Session, attempt: Attempt) -> Proposal:
        """Check a proposal and commit it; it comes back as it stands in the store."""
        attempt.proposal = self.checked(attempt.proposal)
        if attempt.number not in session.stored.proposals and session.brief.operator not in FIXED:
            attempt.proposal = replace(attempt.proposal, cost=self._share(session))
            program = attempt.proposal.program
            normal = normal_hash(program) if program is not None and not attempt.proposal.refusal else None
            with self._store.transaction(durable=False) as transaction:
                transaction.add_proposal(
                    self._record.name, session.brief.number, attempt.number, attempt.proposal, normal
                )
        return attempt.proposal

    def _share(self, session: Session) -> Cost:
        """What the brief's calls have cost so far, shared among the proposals of a batch."""
        if not session.asked:
            return Cost()
        whole, among = self._store.unshared_cost(self._record.name, session.brief.number), 1 + len(session.waiting)
        return Cost(whole.usd / among, whole.tokens // among, -(-whole.model_calls // among))

    def checked(self, proposal: Proposal) -> Proposal:
        """What the gate refuses, or what changes its parent outside the evolve blocks, is refused, whoever made it."""
        if proposal.program is None or proposal.refusal:
            return proposal
        reason = refusal(proposal.program, self._campaign.problem.required)
        if reason is not None:
            return replace(proposal, refusal=reason)
        if not proposal.parents:
            return proposal
        parent = self.memory.program(proposal.parents[0])
        if not changed_outside_blocks(parent.text, proposal.program.text):
            return proposal
        return replace(proposal, refusal="changes the program outside its EVOLVE-BLOCK markers")

    def key(self, program: Program, brief: Brief) -> str:
        """Of a verdict, which is reused only where program, problem, parameters, secret, limits and plan are equal."""
        if brief.operator == REPEAT:
            return ""  # what it is for: a verdict that is made again
        parts = (
            program.id,
            self._record.problem_hash,
            self._record.secret.hex(),
            repr(self._campaign.problem.limits),
            "judge" if brief.operator != REMEASURE else f"judge {brief.tags[measuring.PLAYS]}",
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
