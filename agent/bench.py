"""A campaign's bench: where its briefs are opened as sessions and its proposals are checked and committed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from heuresis.agent.campaign import Campaign
from heuresis.agent.catalog import load_operator
from heuresis.agent.fixed import FIXED, FixedOperator
from heuresis.agent.protocols import Operator, Step, Workshop
from heuresis.agent.randomness import brief_rng
from heuresis.agent.session import Attempt, Session, Stored
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.agent.syntax_normal import normal_hash
from heuresis.agent.telling import task_of
from heuresis.agent.view import LoopView, Memory
from heuresis.archive.records import Brief, CampaignRecord, Cost, Proposal
from heuresis.archive.store import Store
from heuresis.archive.transaction import Transaction
from heuresis.evaluators.gate import refusal
from heuresis.program import Program


class Bench:
    """Everything between a method's step and a referee that neither waits nor decides."""

    def __init__(self, campaign: Campaign, record: CampaignRecord, store: Store) -> None:
        self._campaign = campaign
        self._record = record
        self._store = store
        self.memory = Memory(store, record.name, campaign.problem.objectives[0].sign)
        self._task = task_of(campaign.problem) if campaign.asks else None

    def step(self, number: int, marks: Mapping[str, object], in_flight: list[Brief], seeds: list[str]) -> Step:
        """What the method does next."""
        view = LoopView(number, in_flight, seeds, self.memory, self._campaign.asks)
        return self._campaign.method.next(view, marks, brief_rng(self._record.seed, number, "method"))

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
        operator: Operator = (
            FixedOperator(stored.proposals.get(0))
            if brief.operator in FIXED
            else load_operator(brief.operator, self._campaign.method_settings)
        )
        rng = brief_rng(self._record.seed, brief.number, brief.operator)
        session = Session(brief, operator.run(brief, self._workshop(brief), rng), stored)
        session.advance()
        return session

    def _workshop(self, brief: Brief) -> Workshop:
        ids = dict.fromkeys((*brief.parents, *brief.inspirations))

        def known(program: Program) -> bool:
            return self._store.knows_normal(self._record.name, normal_hash(program), brief.horizon)

        return Workshop(
            self._campaign.problem.required,
            {one: self.memory.program(one) for one in ids},
            {one: score for one in ids if (score := self.memory.score(one)) is not None},
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

    def key(self, program: Program) -> str:
        """Of a verdict, which is reused only where program, problem, parameters, secret, limits and plan are equal."""
        parts = (
            program.id,
            self._record.problem_hash,
            self._record.secret.hex(),
            repr(self._campaign.problem.limits),
            "judge",
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
