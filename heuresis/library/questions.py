"""`Question`: what a method wants to have built on, for whoever writes the program."""

from __future__ import annotations

from dataclasses import dataclass, field

from heuresis.agent.campaign import Campaign
from heuresis.agent.operators.asking_words import exhibits
from heuresis.agent.protocols import Task, Workshop
from heuresis.agent.reply.draft import Unusable
from heuresis.agent.reply.full import full_text
from heuresis.agent.syntax import START_MARKER
from heuresis.agent.telling import task_of
from heuresis.agent.view import Memory
from heuresis.archive.records import Brief, CampaignRecord
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.signature import EntryPoint
from heuresis.library.found import Found, found_of
from heuresis.program import Program
from heuresis.prompts.exhibit import exhibit


@dataclass(frozen=True)
class Question:
    """One step of a search, for you to answer with a program. Held-out tiers are not in it."""

    number: int
    """Within the campaign."""
    parents: tuple[Found, ...]
    """The first is the one to change; none: write something new."""
    inspirations: tuple[Found, ...]
    problem: str = field(repr=False)
    """The problem in words (Markdown): what to write, and how it is judged."""
    prompt: str = field(repr=False)
    """All of it as one text for a language model: rules, problem, the first parent, how to answer."""
    _entry_points: tuple[EntryPoint, ...] = field(repr=False, compare=False)
    _token: str = field(repr=False, compare=False)

    def read(self, reply: str) -> Program:
        """The program in a model's reply to `prompt`. Raises ConfigError that says what is wrong with the reply."""
        parent = self.parents[0].program if self.parents else None
        try:
            return full_text(reply, parent, self._entry_points, truncated=False).program
        except Unusable as unusable:
            raise ConfigError("reply", "a reply with a program", str(unusable)) from unusable


def question_of(
    campaign: Campaign, record: CampaignRecord, store: Store, memory: Memory, brief: Brief, token: str
) -> Question:
    """The brief as a question."""

    def found(program: str) -> Found:
        return found_of(store, record, store.entry(record.name, program))

    task, problem = task_of(campaign.problem), campaign.problem
    return Question(
        number=brief.number,
        parents=tuple(found(one) for one in brief.parents),
        inspirations=tuple(found(one) for one in brief.inspirations),
        problem=task.text.strip(),
        prompt=_prompt(campaign, memory, brief, task),
        _entry_points=tuple(problem.required),
        _token=token,
    )


def _prompt(campaign: Campaign, memory: Memory, brief: Brief, task: Task) -> str:
    """As the operators `improve` and `invent` ask."""
    render, text = campaign.render, task.text.strip()
    if not brief.parents:
        return _joined(render("system"), render("invent", task=text, frame=_frame(campaign)))
    parent = brief.parents[0]
    workshop = Workshop(
        campaign.problem.required,
        {parent: memory.program(parent)},
        {},
        lambda program: False,
        task,
        {parent: memory.shown(parent)},
        render=render,
    )
    [shown] = exhibits(workshop, [parent], ["The program"])
    return _joined(render("system"), render("improve", task=text, parent=shown, notes=[], kind="full"))


def _frame(campaign: Campaign) -> str | None:
    """The file to fill, where the problem's seeds have one."""
    for seed in campaign.problem.seeds.values():
        if START_MARKER in seed:
            return exhibit("", "", Program.of(seed).files).code
    return None


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts) + "\n"
