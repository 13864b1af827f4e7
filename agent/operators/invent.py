"""`invent`: a program independent of everything found so far, by a language model; without one, a random program."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heuresis.agent.operators.asking import ModelOperator, Prompt, Turns, converse, propose
from heuresis.agent.operators.asking_words import task_of
from heuresis.agent.operators.attempts import Edited, attempt
from heuresis.agent.protocols import Workshop
from heuresis.agent.reply.draft import Draft
from heuresis.agent.reply.full import full_text
from heuresis.agent.settings import check
from heuresis.agent.syntax import START_MARKER, roots, splice, with_numpy
from heuresis.agent.syntax_kinds import Kind, Names, declared
from heuresis.agent.vocabulary import Vocabulary
from heuresis.archive.records import Brief
from heuresis.evaluators.signature import EntryPoint, Parameter
from heuresis.program import Program
from heuresis.prompts.exhibit import exhibit


@dataclass(frozen=True)
class Invent(ModelOperator):
    """A new file; or, where the first parent has markers, that parent with something new between them.

    Nothing else of the parent is shown or used. `depth`, `tries` and `reductions` are read without a model only, the
    settings of `ModelOperator` with one only.
    """

    depth: int = 4
    """Of the random expressions; each program draws its own from 1 to this."""
    tries: int = 20
    reductions: float = 0.0002
    """See `Vocabulary`."""
    name: str = "invent"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "depth", 1, 10)
        check(self, "tries", 1, 1000)
        check(self, "reductions", 0.0, 1.0)

    def run(self, brief: Brief, workshop: Workshop, rng: np.random.Generator) -> Turns[None]:
        parent = workshop.programs[brief.parents[0]] if brief.parents else Program.of("")
        if workshop.task is not None:
            yield from converse(self, self._prompt(brief, parent, workshop), workshop, rng)
            return

        def child() -> Edited | None:
            if START_MARKER in parent.text:
                text = self._filled(parent.text, workshop.entry_points, rng)
            else:
                text = self.module(workshop.entry_points, rng)
            return None if text is None else Edited(text, "a random program")

        yield from propose([attempt(self.name, parent, brief, workshop, child, self.tries)])

    def _prompt(self, brief: Brief, parent: Program, workshop: Workshop) -> Prompt:
        frame = parent if START_MARKER in parent.text else None

        def read(reply: str, truncated: bool) -> Draft:
            return full_text(reply, frame, workshop.entry_points, truncated)

        shown = None if frame is None else exhibit("", "", frame.files).code
        text = workshop.render("invent", task=task_of(workshop).text.strip(), frame=shown)
        return Prompt(text, brief.parents + brief.inspirations, read)

    def module(self, entry_points: Sequence[EntryPoint], rng: np.random.Generator) -> str | None:
        """A file with one random expression per entry point; None if one of them does not return numbers."""
        functions = [self._function(entry, rng) for entry in entry_points]
        return None if None in functions else "import numpy as np\n" + "".join(f"\n\n{one}" for one in functions)

    def _function(self, entry: EntryPoint, rng: np.random.Generator) -> str | None:
        names = {p.name: kind for p in entry.parameters if (kind := declared(p)) is not None}
        returned = declared(Parameter("", entry.returns))
        if returned is None:
            return None
        head = ", ".join(parameter.name for parameter in entry.parameters)
        return f"def {entry.name}({head}):\n    return {self._expression(returned, names, rng)}\n"

    def _filled(self, text: str, entry_points: Sequence[EntryPoint], rng: np.random.Generator) -> str | None:
        """The text with the last expression between the markers of each entry point replaced; None if there is none."""
        text = with_numpy(text)
        for entry in entry_points:
            own = [root for root in roots(text, entry_points) if root.function == entry.name]
            returned = declared(Parameter("", entry.returns))
            if not own or returned is None:
                return None
            text = splice(text, {own[-1].span: self._expression(returned, own[-1].names, rng)})
        return text

    def _expression(self, kind: Kind, names: Names, rng: np.random.Generator) -> str:
        depth = int(rng.integers(1, self.depth + 1))
        written = Vocabulary(self.reductions).expression(kind, names, depth, rng)
        return ast.unparse(ast.parse(written, mode="eval"))
