"""A problem told in words, to whoever writes programs for it: a person or a model."""

from __future__ import annotations

from heuresis.agent.protocols import Task
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.problem import Objective, Problem, Reference
from heuresis.prompts.render import render


def task_of(problem: Problem) -> Task:
    """The problem as prompts tell it: its seed programs are shown as programs of the archive."""
    objective = problem.objectives[0]
    return Task(problem_text(problem, seeds=False), objective.metric, objective.unit, objective.direction == "min")


def problem_text(problem: Problem, *, seeds: bool = True) -> str:
    """Markdown: statement, signatures, limits, how it is judged, seeds. Nothing of any tier's instances."""
    objective, limits = problem.objectives[0], problem.limits
    return render(
        "problem",
        name=problem.name,
        statement=problem.statement.strip(),
        signatures=[entry.signature for entry in problem.required],
        runtime=list(problem.runtime),
        block_size=problem.block_size,
        wall_seconds=f"{limits.wall_seconds:g}",
        cpu_seconds=f"{limits.cpu_seconds:g}",
        memory_mib=limits.memory_bytes >> 20,
        processes=limits.processes,
        output_kib=limits.output_bytes >> 10,
        metric=objective.metric,
        unit=objective.unit,
        direction=objective.direction,
        instances=problem.tier_size(Tier.VALID),
        one_task=problem.one_task,
        self_reported=problem.self_reported,
        other_objectives=[_objective(one) for one in problem.objectives[1:]],
        references=[_reference(one, objective) for one in problem.references],
        seeds=[{"name": name, "text": text.strip()} for name, text in problem.seeds.items()] if seeds else [],
    )


def _objective(objective: Objective) -> str:
    unit = f" [{objective.unit}]" if objective.unit else ""
    return f"{objective.metric}{unit} ({objective.direction})"


def _reference(reference: Reference, objective: Objective) -> str:
    value = f"{reference.value:g} {objective.unit}".rstrip()
    instances = f" on {reference.instances}" if reference.instances else ""
    reproduced = "" if reference.reproduced else ", not reproduced here"
    return f"{reference.name}: {value}{instances} ({reference.source}{reproduced})"
