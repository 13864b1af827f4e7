"""What the operators that ask a language model share: questions, answers read as programs, and tries to mend them.

    prompt -> reply -> program -> verdict -> scored: done
                ^                      |
                '- what went wrong <---'   at most `repairs` times

Every try is a proposal of its own. The generators are parts of an operator's `run`; none ever yields an empty batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from heuresis.agent.operators.asking_words import trouble
from heuresis.agent.protocols import Outcome, Work, Workshop
from heuresis.agent.reply.draft import Draft, Unusable
from heuresis.agent.settings import check
from heuresis.archive.calls import Ask, Message, Reply
from heuresis.archive.records import Entry, Lesson, Note, Proposal
from heuresis.evaluators.nouns import Status
from heuresis.prompts.exhibit import quoted_feedback, quoted_reason
from heuresis.prompts.quote import shortened

T = TypeVar("T")
Turns = Generator[Sequence[Work], Sequence[Outcome], T]
"""A part of an operator: yields batches, is sent their outcomes, returns what came of them."""

KNOWN = "the search has tried this program before, the same but for names, comments and spacing"
_MENDABLE = frozenset(Status) - {Status.SCORED, Status.STOPPED}
_LONGEST_ANSWER = 60_000
"""Characters of a model's own earlier answer in the conversation."""
_SEEDS = 2**31
"""Sampling seeds are below it: what every provider takes."""


@dataclass(frozen=True)
class ModelOperator:
    """The settings of every operator that asks."""

    temperature: float = -1.0
    """Of the sampling. Below 0: the provider's default, and some models take no other."""
    max_tokens: int = 8192
    """Of one reply, with whatever the model thinks before it."""
    repairs: int = 2
    """Times that a reply that is no program, or a program that failed, goes back with its reason."""
    name: str = ""

    def __post_init__(self) -> None:
        check(self, "temperature", -1.0, 2.0)
        check(self, "max_tokens", 16, 1_000_000)
        check(self, "repairs", 0, 10)

    def question(self, messages: tuple[Message, ...], purpose: str, rng: np.random.Generator) -> Ask:
        """An ask with its own sampling seed."""
        temperature = None if self.temperature < 0 else self.temperature
        return Ask(messages, purpose, temperature, self.max_tokens, int(rng.integers(_SEEDS)))


@dataclass(frozen=True)
class Prompt:
    """What is asked, and how the answer is read."""

    text: str
    """The user's message."""
    parents: tuple[str, ...]
    """Of the program in the answer; the first is the one that it was made from."""
    read: Callable[[str, bool], Draft]
    """(reply, whether it was cut at its length) -> program. Raises Unusable."""
    form: str = "full"
    """Of the answer, as the template `_form` knows it."""
    signatures: tuple[str, ...] = ()
    """Of what is to be defined, where the form names it."""
    reflections: tuple[str, ...] = ()
    """Messages that follow the first reply, one after another; only the last reply is read."""


@dataclass(frozen=True)
class _Talk:
    """One conversation about one program."""

    messages: tuple[Message, ...]
    told: bool = False
    """That the search knows its program."""

    @property
    def last(self) -> str:
        return self.messages[-1].content

    def answered(self, reply: str, text: str) -> _Talk:
        """The conversation after a reply and our next message.

        A reply without a word is left out and our messages become one: providers refuse empty turns.
        """
        if not reply.strip():
            return replace(self, messages=(*self.messages[:-1], Message("user", f"{self.last}\n\n{text}")))
        answer = Message("assistant", shortened(reply, _LONGEST_ANSWER))
        return replace(self, messages=(*self.messages, answer, Message("user", text)))


def ask(asks: Sequence[Ask]) -> Turns[list[Reply]]:
    """The replies, in order."""
    return _of(Reply, (yield asks)) if asks else []


def propose(proposals: Sequence[Proposal]) -> Turns[list[Entry]]:
    """The entries, in order."""
    return _of(Entry, (yield proposals)) if proposals else []


def learn(lessons: Sequence[Lesson]) -> Turns[list[Note]]:
    """The notes, in order."""
    return _of(Note, (yield lessons)) if lessons else []


def _of(kind: type[T], outcomes: Sequence[Outcome]) -> list[T]:
    found: list[T] = [one for one in outcomes if isinstance(one, kind)]
    if len(found) != len(outcomes):
        raise TypeError(f"expected outcomes of the kind {kind.__name__}")
    return found


def opening(workshop: Workshop, text: str) -> tuple[Message, ...]:
    """The messages of a conversation that begins."""
    return Message("system", workshop.render("system")), Message("user", text)


def converse(
    operator: ModelOperator, prompt: Prompt, workshop: Workshop, rng: np.random.Generator, samples: int = 1
) -> Turns[None]:
    """Ask for `samples` programs side by side, propose them, and send back what failed."""
    talks = [_Talk(opening(workshop, prompt.text))] * samples
    for attempt in range(operator.repairs + 1):
        first = attempt == 0
        purpose, reflections = (operator.name, prompt.reflections) if first else ("repair", ())
        talks, replies = yield from _answers(operator, talks, purpose, reflections, rng)
        proposals = [
            _proposal(operator, prompt, one, reply, workshop) for one, reply in zip(talks, replies, strict=True)
        ]
        entries = yield from propose(proposals)
        if attempt < operator.repairs:
            triples = zip(talks, replies, entries, strict=True)
            talks = [again for one in triples if (again := _retry(prompt, *one, workshop)) is not None]
        if not talks:
            return


def _answers(
    operator: ModelOperator,
    talks: Sequence[_Talk],
    purpose: str,
    reflections: Sequence[str],
    rng: np.random.Generator,
) -> Turns[tuple[list[_Talk], list[Reply]]]:
    """The replies to be read, with the conversations that they end. A talk that got no reply goes no further."""
    now = list(talks)
    replies = yield from ask([operator.question(one.messages, purpose, rng) for one in now])
    for text in reflections:
        open_talks = [index for index, reply in enumerate(replies) if not reply.refusal]
        for index in open_talks:
            now[index] = now[index].answered(replies[index].text, text)
        asks = [operator.question(now[index].messages, "reflect", rng) for index in open_talks]
        for index, reply in zip(open_talks, (yield from ask(asks)), strict=True):
            replies[index] = reply
    return now, replies


def _proposal(operator: ModelOperator, prompt: Prompt, talk: _Talk, reply: Reply, workshop: Workshop) -> Proposal:
    """What a reply comes to. One that the search knows is refused here, before anything is spent on it."""
    program, idea, refusal = None, "", reply.refusal
    if not refusal:
        try:
            draft = prompt.read(reply.text, reply.finish == "length")
        except Unusable as unusable:
            refusal = str(unusable)
        else:
            idea = ": ".join(part for part in (draft.name, draft.idea) if part)
            program, refusal = (None, KNOWN) if workshop.known(draft.program) else (draft.program, "")
    return Proposal(program, operator.name, prompt.parents, idea, refusal, talk.last, reply.text, reply.model)


def _retry(prompt: Prompt, talk: _Talk, reply: Reply, entry: Entry, workshop: Workshop) -> _Talk | None:
    """The conversation that goes on with what went wrong; None when there is nothing to mend.

    That its program is known is told once: who repeats himself twice will do so again. It depends on the entry alone,
    so a brief that is run again takes the same way.
    """
    known = entry.proposal.refusal == KNOWN
    if reply.refusal or entry.evaluation.status not in _MENDABLE or (known and talk.told):
        return None
    seen = entry.evaluation
    text = workshop.render(
        "retry",
        known=known,
        trouble=trouble(entry),
        reason=quoted_reason(seen.reason),
        feedback=quoted_feedback(seen.feedback),
        kind=prompt.form,
        signatures=prompt.signatures,
    )
    return replace(talk.answered(reply.text, text), told=talk.told or known)
