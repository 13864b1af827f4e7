"""A program without what it does not need: cuts are tried, the largest first, as long as the score holds.

Delta debugging (Zeller & Hildebrandt 2002, https://doi.org/10.1109/32.988498) over the syntax tree instead of over
lines; whether a text still fails is here whether its score still holds. Every comparison is paired and with the whole
program, never with the last smaller one, so that small losses do not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from heuresis.agent.auditing.comparing import gap_of, value_of
from heuresis.agent.auditing.cuts import Cut, carried_out, cuts, measure
from heuresis.agent.auditing.findings import Gap, Minimal, Part
from heuresis.agent.operators.attempts import with_text
from heuresis.agent.syntax_normal import normal_hash
from heuresis.errors import ConfigError
from heuresis.evaluators.gate import refusal
from heuresis.evaluators.nouns import Evaluation
from heuresis.evaluators.problem import Problem
from heuresis.program import Program

BATCH = 4
"""Cuts tried side by side. Not the number of referees: the result must not depend on the machine."""
_MOST_TOLD = 12
"""Parts in a report."""

Play = Callable[[Sequence[Program]], list[Evaluation]]
"""Programs -> their verdicts, all on the same instances."""
Watch = Callable[[int, Program], None]
"""Evaluations so far, and the smallest program that holds."""


@dataclass
class _Search:
    """What is remembered while a program is made smaller."""

    problem: Problem
    whole: Program
    seen: Evaluation
    """Of the whole program."""
    play: Play
    left: int
    watch: Watch
    current: Program
    chain: list[tuple[Program, Part]] = field(default_factory=list)
    """Every smaller program that held, in order."""
    losses: dict[str, Part] = field(default_factory=dict)
    """Of the current program: its parts, each with the cut of it that costs least and is still too much."""
    tried: dict[str, Part] = field(default_factory=dict)
    """Normal form -> what came of it, of all texts that do not hold."""
    borne_not: set[tuple[str, str]] = field(default_factory=set)
    """Cuts that an earlier text did not bear: tried again last."""
    spent: int = 0

    def step(self) -> bool:
        """One batch; whether there was anything to try."""
        batch = self._batch()
        if not batch:
            return False
        found = self._played([program for _, program in batch])
        taken = None
        for (cut, program), seen in zip(batch, found, strict=True):
            part, held = self._judged(cut, seen)
            if not held:
                self.tried[normal_hash(program)] = part
                self._lose(cut, part)
                self.borne_not.add((cut.part, cut.instead))
            elif taken is None:  # the others that held were cuts of another text
                taken = program, part
        if taken is not None:
            self.current, self.losses = taken[0], {}
            self.chain.append(taken)
        self.watch(self.spent, self.current)
        return True

    def _batch(self) -> list[tuple[Cut, Program]]:
        """The next cuts of the current text; those that failed before come last. Each text is played once."""
        wanted: list[tuple[Cut, Program]] = []
        for cut in self._ordered():
            if len(wanted) >= min(BATCH, self.left):
                break
            text = carried_out(self.current.text, cut)
            program = None if text is None else with_text(self.current, text)
            if program is None or refusal(program, self.problem.required) is not None:
                continue
            normal = normal_hash(program)
            if normal in self.tried:
                self._lose(cut, replace(self.tried[normal], what=cut.words))
                continue
            if all(normal_hash(other) != normal for _, other in wanted):
                wanted.append((cut, program))
        return wanted

    def _lose(self, cut: Cut, part: Part) -> None:
        known = self.losses.get(cut.part)
        if known is None or known.gap is None or (part.gap is not None and part.gap.value > known.gap.value):
            self.losses[cut.part] = part

    def _ordered(self) -> Iterator[Cut]:
        every = cuts(self.current.text)
        again = [cut for cut in every if (cut.part, cut.instead) in self.borne_not]
        yield from (cut for cut in every if (cut.part, cut.instead) not in self.borne_not)
        yield from again

    def _played(self, programs: Sequence[Program]) -> list[Evaluation]:
        self.left -= len(programs)
        self.spent += len(programs)
        return self.play(programs)

    def _judged(self, cut: Cut, seen: Evaluation) -> tuple[Part, bool]:
        if seen.score is None or seen.quarantine is not None:
            return Part(cut.words, None, seen.quarantine or f"{seen.status.value}: {seen.reason}"), False
        gap = gap_of(self.problem, seen, self.seen)
        return Part(cut.words, gap), holds(gap, self.seen)


def holds(gap: Gap, whole: Evaluation) -> bool:
    """Whether a smaller program is as good as the whole one: its loss is within the noise of their difference, and no
    larger than the standard error of the whole one's score."""
    error = whole.score.standard_error if whole.score is not None else 0.0
    return gap.value >= 0 or (gap.high >= 0 and -gap.value <= error)


def minimise(
    problem: Problem,
    whole: Program,
    play: Play,
    confirm: Play,
    evaluations: int,
    watch: Watch = lambda spent, program: None,
) -> Minimal:
    """The smallest program found with at most so many evaluations. `confirm` plays on instances that choose nothing.

    Raises ConfigError when the program itself has no score on these instances.
    """
    [seen] = play([whole])
    if seen.score is None:
        raise ConfigError("id", "a program that runs", f"one that ended {seen.status.value}: {seen.reason}")
    search = _Search(
        problem,
        whole,
        seen,
        play,
        evaluations - 1,
        watch,
        whole,
        tried={normal_hash(whole): Part("nothing", None)},
        spent=1,
    )
    complete = False
    while search.left > 0 and not complete:
        complete = not search.step()
    return _confirmed(search, confirm, complete)


def _confirmed(search: _Search, confirm: Play, complete: bool) -> Minimal:
    """The last program of the chain that also holds where it was not chosen; all before it are taken to hold, too."""
    [whole] = confirm([search.whole])
    search.spent += 1
    held, fails, last = 0, len(search.chain) + 1, whole
    while fails - held > 1:
        middle = len(search.chain) if fails > len(search.chain) else (held + fails) // 2  # the smallest one first
        [seen] = confirm([search.chain[middle - 1][0]])
        search.spent += 1
        if seen.score is not None and holds(gap_of(search.problem, seen, whole), whole):
            held, last = middle, seen
        else:
            fails = middle
    chain = search.chain[:held]
    program = chain[-1][0] if chain else search.whole
    before, after = measure(search.whole.text), measure(program.text)
    needed = sorted(search.losses.values(), key=_importance) if program is search.current else []
    return Minimal(
        program.text,
        *(before[0], after[0], before[1], after[1]),
        search.spent,
        complete and program is search.current,
        [part for _, part in chain],
        needed[:_MOST_TOLD],
        value_of(search.problem, whole),
        value_of(search.problem, last),
        gap_of(search.problem, last, whole),
    )


def _importance(part: Part) -> tuple[bool, float]:
    """What nothing runs without first, then by what is lost."""
    return part.gap is not None, 0.0 if part.gap is None else part.gap.value
