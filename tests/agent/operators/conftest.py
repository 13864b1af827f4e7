"""A workshop with three programs, a scripted model, and a loop that runs one brief by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from heuresis.agent.protocols import Operator, Outcome, Shown, Task, Work, Workshop
from heuresis.archive.calls import Ask, Reply
from heuresis.archive.records import Brief, Entry, Lesson, Note, Proposal
from heuresis.evaluators.nouns import Evaluation, Score, Status
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import Program
from heuresis.testing.scripted import ScriptedModel

ENTRY = (EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]"),)
HEAD = "import numpy as np\n\n\ndef priority(item, bins):\n    return "
GOOD, POOR = Program.of(HEAD + "-bins\n"), Program.of(HEAD + "bins\n")
BROKEN = Program.of(HEAD + "bin\n")
MARKED = Program.of(
    "import numpy as np\n# EVOLVE-BLOCK-START\ndef priority(item, bins):\n    return bins\n# EVOLVE-BLOCK-END\n"
)
TASK = Task("# packing\n\nPut items into bins.\n", "excess_percent", "%", True)
Judge = Callable[[Program], Evaluation]


def shown(program: Program, value: float | None = 4.0, idea: str = "an idea") -> Shown:
    if value is None:
        return Shown(program, Status.CRASHED, None, idea, "NameError: bin", "it printed this")
    return Shown(program, Status.SCORED, value, idea, "", "5 bins for 9 items")


def workshop(*programs: Shown, known: Sequence[Program] = (), notes: dict[int, str] | None = None) -> Workshop:
    by_id = {one.program.id: one for one in programs}
    return Workshop(
        ENTRY,
        {key: one.program for key, one in by_id.items()},
        {key: -one.value for key, one in by_id.items() if one.value is not None},
        lambda program: program in known,
        TASK,
        by_id,
        notes or {},
    )


SHOP = workshop(shown(GOOD, 3.0), shown(POOR, 9.0), shown(BROKEN, None))
BRIEF = Brief("any", (GOOD.id,), (POOR.id,), number=4)


def code(expression: str, name: str = "priority") -> str:
    program = f"{HEAD}{expression}\n".replace("priority", name)
    return f"I try {expression}.\n\n```python\n{program}```\n"


def scored(program: Program) -> Evaluation:
    return Evaluation(Status.SCORED, Score(-4.0, 0.1, 20))


def crashed(program: Program) -> Evaluation:
    return Evaluation(Status.CRASHED, None, reason="ZeroDivisionError: division by zero", feedback="1 of 3 done")


@dataclass
class Log:
    """All that an operator did."""

    asks: list[Ask] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    """The kinds of work in each batch."""

    @property
    def prompts(self) -> list[str]:
        return [ask.messages[-1].content for ask in self.asks]


def run(
    operator: Operator,
    replies: Sequence[str] | Callable[[Ask], Reply],
    shop: Workshop = SHOP,
    brief: Brief = BRIEF,
    judge: Judge = scored,
    seed: int = 0,
) -> Log:
    """One brief, asked of a scripted model (or of a function), judged by a function."""
    log, model = Log(), None if callable(replies) else ScriptedModel(replies)

    def answer(ask: Ask) -> Reply:
        if model is None:
            assert callable(replies)
            return replies(ask)
        came = model.complete(ask, 1.0)
        return Reply(came.text, came.finish, came.model)

    def outcome(work: Work) -> Outcome:
        match work:
            case Ask():
                log.asks.append(work)
                return answer(work)
            case Lesson():
                log.lessons.append(work)
                return Note(len(log.lessons), work.text, work.programs)
            case Proposal():
                log.proposals.append(work)
                refused = Evaluation(Status.REFUSED, None, reason=work.refusal or "none", stage="proposal")
                evaluation = judge(work.program) if work.program is not None and not work.refusal else refused
                return Entry(len(log.proposals), "campaign", brief.number, 0, work, evaluation, brief.tags)

    generator = operator.run(brief, shop, np.random.default_rng(seed))
    batch = next(generator, ())
    while batch:
        log.batches.append([type(work).__name__ for work in batch])
        try:
            batch = generator.send([outcome(work) for work in batch])
        except StopIteration:
            batch = ()
    return log


THOUGHT = (
    '{"thought": "use the negative", "name": "Negative", "code": "def priority(item, bins):\\n    return item - bins"}'
)
ANSWERS = {
    "improve": code("item - bins"),
    "combine": code("item - bins"),
    "invent": code("item - bins"),
    "versions": code("item - bins", "priority_v2"),
    "repair": code("item - bins"),
    "reflect": "Prefer full bins.",
    "design": THOUGHT,
}


def pair(operator: Operator) -> Brief:
    return replace(BRIEF, parents=(GOOD.id, POOR.id), inspirations=()) if operator.name == "reflect" else BRIEF


class Lab:
    """What the tests of operators work with."""

    head, good, poor, broken, marked = HEAD, GOOD, POOR, BROKEN, MARKED
    shop, brief, answers, thought = SHOP, BRIEF, ANSWERS, THOUGHT
    shown, workshop, pair = staticmethod(shown), staticmethod(workshop), staticmethod(pair)
    code, run, scored, crashed = staticmethod(code), staticmethod(run), staticmethod(scored), staticmethod(crashed)


@pytest.fixture
def lab() -> Lab:
    return Lab()
