"""`Problem`: the class a person writes to have an algorithm searched for.

    class OnlineBinPacking(Problem):
        entry_points = ("priority(item: float, bins: float[n]) -> float[n]",)
        ...
        def run(self, program, instance, exam):
            scores = program.priority(item, bins)      # a remote call into the jail
            return Result({"bins": count})

`run` plays one instance against the program as if the program were a local object. The program sees the arguments
of one call and returns one value; it never sees the instance, the objective or the clock.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from heuresis.errors import ConfigError
from heuresis.evaluators import statistics
from heuresis.evaluators.nouns import Result, Score, Tier
from heuresis.evaluators.parameters import read_parameters
from heuresis.evaluators.sentinel import Sentinel
from heuresis.evaluators.signature import EntryPoint
from heuresis.evaluators.transformations import Transformation
from heuresis.program import Limits, Program


@dataclass(frozen=True)
class Objective:
    """What is optimised. The direction is turned once, here: scores are higher-is-better everywhere else."""

    metric: str
    """Name of a metric that `Problem.summarize` returns."""
    direction: Literal["min", "max"]
    unit: str = ""

    @property
    def sign(self) -> float:
        return -1.0 if self.direction == "min" else 1.0


@dataclass(frozen=True)
class Reference:
    """A published value, to compare with."""

    name: str
    value: float
    """In the first objective's metric."""
    source: str
    reproduced: bool
    """Whether this evaluator reproduces it (shown by a golden test)."""
    instances: str = ""
    """The instance set the value belongs to."""


class Exam(Protocol):
    """The services a problem's `run` may use; injected, frozen."""

    @property
    def rng(self) -> np.random.Generator:
        """Seeded by the instance: the same for every program."""
        ...

    @property
    def limits(self) -> Limits: ...

    @property
    def device(self) -> str:
        """Where the program finds its accelerator: `cuda:0` (the leased GPU, the only one it sees), or `cpu`."""
        ...

    @property
    def shared(self) -> Any:
        """What `Problem.prepare` returned for this block."""
        ...

    def save(self, name: str, data: bytes) -> None:
        """Keep an artifact with the result: the packing, the layout, the weights found."""
        ...

    def report(self, step: int, value: float) -> None:
        """One point of a learning curve, kept with the result's feedback."""
        ...


class Invalid(Exception):
    """Raised in `run`: the program answered what the problem forbids. The text is the reason the author is told."""


class Problem:
    """Base class of every problem. Class attributes say what it is, `generate` and `run` say how it is judged."""

    name: ClassVar[str] = ""
    """As on the command line; default: the class name in snake_case."""
    statement: ClassVar[str] = ""
    """For the writer of programs, a person or a model: what the program must do and how it is judged."""
    entry_points: ClassVar[Sequence[str]] = ()
    """Signatures of what a program defines: `priority(item: float, bins: float[n]) -> float[n]`."""
    seeds: ClassVar[Mapping[str, str]] = {}
    """Name -> source of the programs a search starts from: classic methods, at least one."""
    sentinels: ClassVar[Mapping[str, Sentinel | str]] = {}
    """Name -> program, in the order their scores must come in, the lowest first: `no-op`, `random`, `known good`, and
    cheats anywhere. `heuresis problem check` plays them; it makes a no-op and a random one where there is none."""
    objectives: ClassVar[Sequence[Objective]] = (Objective("score", "max"),)
    """The first is the score."""
    references: ClassVar[Sequence[Reference]] = ()
    runtime: ClassVar[Sequence[str]] = ("numpy",)
    """Packages a program may import, besides the standard library."""
    parameters: ClassVar[Mapping[str, Any]] = {}
    """Name -> default of what `--set name=value` may change; the type of the default is the type."""
    tier_sizes: ClassVar[Mapping[Tier, int]] = {Tier.TRAIN: 5, Tier.VALID: 20, Tier.TEST: 40, Tier.SHIFT: 10}
    one_task: ClassVar[bool] = False
    """Whether train, valid and test are one and the same instance, which the statement tells: then a score is no sample
    of anything, and nothing is held out but `shift`."""
    promotions: ClassVar[Sequence[int]] = (60, 140)
    """Valid instances a program must have played, in all, to stand above the best one known: no lucky champion stays.
    Counts above the size of the base set; each step is played only by what still stands above."""
    block_size: ClassVar[int] = 64
    """Instances per jailed child, at most: the unit of fork, pairing and caching."""
    race_size: ClassVar[int] = 10
    """A race (`heuresis.evaluators.racing`) looks after train, and after so many instances of the base set each time. A
    block ends there, which costs a fork and the calls that its instances would have shared."""
    train_as_valid: ClassVar[bool] = True
    """Whether train instances are drawn as valid ones are: then a race looks at both."""
    limits: ClassVar[Limits] = Limits()
    """Of one jailed child, that is of one block. With `gpu_memory_bytes` programs get so much of a GPU."""
    cost_seconds: ClassVar[float] = 3.0
    """Cost class: seconds of a full `valid` evaluation of a typical program on 2 cores (3, 15 or 60)."""
    suspicious_jump: ClassVar[float | None] = 5.0
    """How many times further than the whole search so far a program may jump without being put into quarantine (see
    docs/auditing.md). None: as far as it likes, for a problem whose best programs are known to come at once."""
    transformations: ClassVar[Sequence[Transformation]] = ()
    """Variations of an instance under which a sound program holds; `heuresis audit` plays them."""
    self_reported: ClassVar[bool] = False
    """Whether what is scored runs beside what scores it, in one jail: then a program can forge its score, and every
    verdict says so. Only for problems that were adopted from elsewhere."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """`settings`: `--set` values as text. Raises ConfigError for an unknown name or a bad value."""
        given = dict(settings or {})
        source = given.pop("instances", None)
        self._instances_source = source
        self.set = read_parameters(self.parameters, given)
        self.own_instances = self.load_instances(source) if source is not None else None
        """The user's own instances, which replace the generated `valid` tier."""

    # what a problem defines

    def generate(self, tier: Tier, index: int, rng: np.random.Generator) -> Any:
        """The instance number `index` of `tier`: any object; `run` receives it as it is."""
        raise NotImplementedError(f"{type(self).__name__}.generate")

    def prepare(self, program: Any, instances: Sequence[Any], exam: Exam) -> Any:
        """Once per block, before its runs: what they share (`exam.shared`), such as a table of answers."""
        return None

    def run(self, program: Any, instance: Any, exam: Exam) -> Result:
        """Play one instance. Raise `Invalid(reason)` when an answer is not allowed."""
        raise NotImplementedError(f"{type(self).__name__}.run")

    def summarize(self, results: Sequence[Result]) -> Mapping[str, float]:
        """Metrics over several instances; default: the mean of each. Override where a mean of ratios is wrong."""
        return statistics.mean_metrics(results)

    def load_instances(self, source: str) -> Sequence[Any]:
        """Read the user's instances (`--set instances=FILE.json`). Default: not offered."""
        raise ConfigError("--set instances", "no value: this problem does not read instance files", source)

    def instance_name(self, instance: Any) -> str:
        """What a person calls this instance; default: its `name`, where it has one."""
        return str(getattr(instance, "name", ""))

    def is_about(self, reference: Reference) -> bool:
        """Whether a published value belongs to the very instances that are played here. Default: no, since instances
        are drawn from secret seeds."""
        return False

    def bound(self, instance: Any) -> Mapping[str, float] | None:
        """Metrics that no program can beat on this instance, with all names that `run` returns. Default: not known.

        Lets a race be decided for sure where there are no fresh instances. An aggregate over results in which one is
        replaced by its bound must not be worse than without.
        """
        return None

    def quarantine(self, metrics: Mapping[str, float]) -> str | None:
        """A reason to distrust these metrics (they lie beyond a proven bound), or None."""
        return None

    def staged(self, program: Program) -> Program:
        """What is loaded into the jail for this program; default: the program itself. It defines `entries`."""
        return program

    def content(self) -> str:
        """What verdicts depend on beside source, parameters and instances, such as files; part of `hash`."""
        return ""

    # what follows from it

    def aggregate(self, results: Sequence[Result]) -> Score:
        """The score of the first objective over these instances, with its jackknife standard error."""
        objective = self.objectives[0]
        value, error = statistics.jackknife(results, lambda some: self.summarize(some)[objective.metric])
        return Score(objective.sign * value, error, len(results))

    @cached_property
    def entries(self) -> tuple[EntryPoint, ...]:
        return tuple(EntryPoint.parse(signature) for signature in self.entry_points)

    @property
    def required(self) -> tuple[EntryPoint, ...]:
        """What a program's own text must define; default: the entry points."""
        return self.entries

    @cached_property
    def hash(self) -> str:
        """Of the problem's source (with the modules beside it that it imports), parameters, instance file and content.

        Part of the key of every result; a changed hash is another problem.
        """
        parts = {
            "source": _source_of(type(self)),
            "parameters": {name: repr(value) for name, value in sorted(self.set.items())},
            "instances": _content_of(self._instances_source),
            **({"content": content} if (content := self.content()) else {}),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def tier_size(self, tier: Tier) -> int:
        if tier is Tier.VALID and self.own_instances is not None:
            return len(self.own_instances)
        return self.tier_sizes[tier]

    @property
    def promotion_steps(self) -> tuple[int, ...]:
        """None where the valid tier is the user's own instances: there are no fresh ones."""
        return () if self.own_instances is not None else tuple(self.promotions)

    @property
    def may_race(self) -> bool:
        """Whether a program that is clearly behind can be told before it has played everything."""
        return bool(self.promotion_steps) or type(self).bound is not Problem.bound

    def describe_value(self, score_value: float) -> float:
        """A score back in the first objective's own metric and direction."""
        return self.objectives[0].sign * score_value


def _source_of(kind: type) -> str:
    """The text of every file that defines the class or a base below Problem, and of the modules beside these."""
    files: dict[str, str] = {}
    for base in kind.__mro__:
        if base not in (Problem, object):
            _read_sources(sys.modules.get(base.__module__), files)
    return "\n".join(files[path] for path in sorted(files))


def _read_sources(module: ModuleType | None, files: dict[str, str]) -> None:
    path = getattr(module, "__file__", None)
    if module is None or path is None or path in files:
        return
    files[path] = Path(path).read_text(encoding="utf-8", errors="replace")
    for value in vars(module).values():
        other = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
        beside = getattr(other, "__file__", None)
        if beside is not None and Path(beside).parent == Path(path).parent and other is not sys.modules[__name__]:
            _read_sources(other, files)


def _content_of(source: str | None) -> str | None:
    """Hash of the instance file."""
    return None if source is None else hashlib.sha256(Path(source).read_bytes()).hexdigest()
