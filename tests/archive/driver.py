"""A small driver that runs a campaign of three briefs, resuming whatever is open: the child of test_crash.py.

Usage: driver.py DATABASE LOG [CAMPAIGN]. After each commit it appends a line to LOG: what it now
believes to be kept.
"""

from __future__ import annotations

import sys

from heuresis.archive import leases
from heuresis.archive.calls import Ask, Message, Reply
from heuresis.archive.records import Brief, CampaignRecord, Cost, Entry, Proposal
from heuresis.archive.store import Store
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program

BRIEFS = 3
NAME = "c"
CONFIG = {"populations": [["best", {"capacity": 2}], ["islands", {"count": 2, "capacity": 2}]]}


def main(path: str, log: str) -> None:
    with Store.open(f"sqlite:///{path}") as store, open(log, "a") as told:

        def tell(line: str) -> None:
            told.write(line + "\n")
            told.flush()

        if store.campaign(NAME) is None:
            store.create_campaign(CampaignRecord(NAME, "p", "h", "m", CONFIG, 1, b"s"))
            tell("campaign")
        owner = leases.owner()
        store.acquire(NAME, owner, 60)
        for brief in store.open_briefs(NAME):
            work(store, brief, tell)
        while (number := store.totals(NAME).briefs) < BRIEFS:
            with store.transaction(durable=False) as transaction:
                brief = transaction.add_brief(NAME, Brief("mutate", tags={"island": number % 2}))
                transaction.set_marks(NAME, str(number).encode())
            tell(f"brief {number}")
            work(store, brief, tell)
        if not store.campaign(NAME).finished:
            store.finish(NAME, "budget")
            tell("finish")
        store.release(NAME, owner, 1.0)


def work(store: Store, brief: Brief, tell) -> None:
    """Two attempts, the second from the first; what is there already is not made again."""
    ask(store, brief.number, tell)
    parents: tuple[str, ...] = ()
    for attempt in range(2):
        made = dict(store.proposals_of(NAME, brief.number))
        if attempt not in made:
            with store.transaction(durable=True) as transaction:
                transaction.add_proposal(NAME, brief.number, attempt, proposal(brief.number, attempt, parents))
            tell(f"proposal {brief.number} {attempt}")
        entry: Entry | None = store.verdict_of(NAME, brief.number, attempt)
        if entry is None:
            with store.transaction(durable=True) as transaction:
                entry = transaction.add_verdict(NAME, brief.number, attempt, verdict(brief.number, attempt))
            tell(f"verdict {brief.number} {attempt}")
        parents = (entry.proposal.program.id,)
    with store.transaction(durable=False) as transaction:
        transaction.close_brief(NAME, brief.number)
    tell(f"close {brief.number}")


def ask(store: Store, number: int, tell) -> None:
    """One call to a model; one that is open is settled, not made again."""
    if not any(call.brief == number for call in store.calls(NAME)):
        with store.transaction(durable=True) as transaction:
            question = Ask((Message("user", f"What is {number}?"),), "improve")
            transaction.open_call(NAME, number, 0, question, "m", Cost(0.3, 9, 1))
        tell(f"call {number}")
    for call in store.open_calls(NAME):
        with store.transaction(durable=True) as transaction:
            transaction.settle_call(NAME, call.number, None, Reply("a number"), "{}", Cost(0.1, 3, 1), 1.0)
        tell(f"reply {number}")


def proposal(number: int, attempt: int, parents: tuple[str, ...]) -> Proposal:
    return Proposal(Program.of(f"x = {number}, {attempt}"), "mutate", parents, cost=Cost(0.1, 3, 1))


def verdict(number: int, attempt: int) -> Evaluation:
    value = float((7 * number + 3 * attempt) % 5)
    result = Result({"x": value}, artifacts={"found": b"f" * 100})
    return Evaluation(
        Status.SCORED, Score(value, 0.0, 1), results=(InstanceResult(Tier.VALID, 0, result),), wall_seconds=0.1
    )


if __name__ == "__main__":
    NAME = sys.argv[3] if len(sys.argv) > 3 else NAME
    main(*sys.argv[1:3])
