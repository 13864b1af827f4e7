"""Programs in the words of a prompt: how they are called, how they did, what of them is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heuresis.agent.protocols import Shown, Task, Workshop
from heuresis.agent.syntax import START_MARKER
from heuresis.archive.records import Brief, Entry
from heuresis.evaluators.nouns import Status
from heuresis.prompts.exhibit import Exhibit, exhibit
from heuresis.prompts.quote import quoted_line

_LONGEST_NOTE = 1_000

_FAILURES: Mapping[Status, str] = {
    Status.SCORED: "its result is not trusted.",
    Status.STOPPED: "it was far behind and was stopped early.",
    Status.REFUSED: "it was not run.",
    Status.CRASHED: "it raised an error.",
    Status.INVALID: "it ran, but its answer is not allowed.",
    Status.TIMED_OUT: "it took too much time.",
    Status.OUT_OF_MEMORY: "it used too much memory.",
    Status.VIOLATION: "it broke a limit of the process that it runs in.",
}


def task_of(workshop: Workshop) -> Task:
    """The problem in words. Raises ValueError without a language model."""
    if workshop.task is None:
        raise ValueError("this operator asks a language model, and there is none")
    return workshop.task


def trouble(entry: Entry) -> str:
    """How a model's last answer failed."""
    if entry.proposal.program is None:
        return "Your answer could not be used:"
    return f"Your program has no score: {_FAILURES[entry.evaluation.status]}"


def result(shown: Shown, task: Task) -> str:
    """Its value with metric and unit, or how it failed."""
    if shown.value is None:
        return f"No score: {_FAILURES[shown.status]}"
    return f"{task.metric}: {shown.value:.6g} {task.unit}".rstrip()


def exhibits(
    workshop: Workshop,
    programs: Sequence[str],
    labels: Sequence[str],
    *,
    feedback: bool = True,
    files: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Exhibit]:
    """These programs as templates show them; `files` in place of a program's own where given."""
    task, found = task_of(workshop), []
    for one, label in zip(programs, labels, strict=True):
        shown = workshop.shown[one]
        found.append(
            exhibit(
                label,
                result(shown, task),
                (files or {}).get(one, shown.program.files),
                shown.idea,
                shown.reason,
                shown.feedback if feedback else "",
                len(programs) - 1,
                START_MARKER in shown.program.text,
            )
        )
    return found


def numbered(count: int, start: int = 1) -> list[str]:
    """Program 1, Program 2, ..."""
    return [f"Program {number}" for number in range(start, start + count)]


def notes_of(brief: Brief, workshop: Workshop) -> list[str]:
    """The brief's notes, quoted: a model wrote them."""
    return [quoted_line(workshop.notes[number], _LONGEST_NOTE) for number in brief.notes]
