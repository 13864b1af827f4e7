"""`heuresis adopt`: a search over a folder that was written for OpenEvolve or ShinkaEvolve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.exits import ExitCode
from heuresis.cli.model_options import (
    ApiBase,
    CallSeconds,
    Concurrency,
    MaxCalls,
    MaxTokens,
    MaxUsd,
    ModelName,
    PriceText,
    Prompts,
    Stream,
)
from heuresis.cli.options import (
    DEFAULT_STORAGE,
    Isolation,
    MinIsolation,
    Settings,
    Storage,
    UnsafeNoSandbox,
    read_pairs,
)
from heuresis.cli.output import counted, say
from heuresis.cli.run import (
    Evaluations,
    Hooks,
    Method,
    MethodSettings,
    Minutes,
    Name,
    New,
    Patience,
    Seed,
    Target,
    Workers,
    run,
)
from heuresis.cli.scale import number, seconds_text
from heuresis.cli.stamp import MEANING

if TYPE_CHECKING:
    from heuresis.evaluators.adopted.problem import Adopted

Directory = Annotated[str, typer.Argument(metavar="DIR", help="With an initial program and its evaluator.")]
Check = Annotated[bool, typer.Option("--check", help="Judge the initial program once, store nothing.")]
_LISTED = 6


def adopt(
    directory: Directory, check: Check = False, method: Method = None,
    evaluations: Evaluations = None, minutes: Minutes = None, target: Target = None, patience: Patience = None,
    seed: Seed = 0, workers: Workers = None, settings: Settings = None, method_settings: MethodSettings = None,
    name: Name = None, new: New = None, hook: Hooks = None,
    model: ModelName = None, api_base: ApiBase = None, max_usd: MaxUsd = None, max_tokens: MaxTokens = None,
    max_calls: MaxCalls = None, price: PriceText = None, stream: Stream = False, prompts: Prompts = None,
    concurrency: Concurrency = 8, call_seconds: CallSeconds = 300.0,
    storage: Storage = DEFAULT_STORAGE, isolation: Isolation = "auto", min_isolation: MinIsolation = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
) -> int:  # fmt: skip
    """Search over a folder of OpenEvolve or ShinkaEvolve.

    Its evaluator and the program run together in one jail, so scores are
    SELF_REPORTED. The same command goes on where it stopped. --set
    timeout=SECONDS changes the limit of one evaluation.
    """
    from heuresis.evaluators.adopted.problem import PREFIX, absolute_reference, adopted_class

    reference = absolute_reference(f"{PREFIX}{directory}")
    found = adopted_class(reference)(read_pairs("--set", settings))
    _tell(found)
    if check:
        given = read_pairs("--set", settings)
        return _check(found, reference, given, isolation, min_isolation, allow_none=unsafe_no_sandbox)
    return run(
        reference, method=method, evaluations=evaluations, minutes=minutes, target=target, patience=patience,
        seed=seed, workers=workers, settings=settings, method_settings=method_settings, name=name, new=new, hook=hook,
        model=model, api_base=api_base, max_usd=max_usd, max_tokens=max_tokens, max_calls=max_calls, price=price,
        stream=stream, prompts=prompts, concurrency=concurrency, call_seconds=call_seconds,
        storage=storage, isolation=isolation, min_isolation=min_isolation, unsafe_no_sandbox=unsafe_no_sandbox,
    )  # fmt: skip


def _tell(found: Adopted) -> None:
    """What the folder is, before anything of it is run."""
    folder, one = found.folder, found.limits
    say(f"{found.name}: {folder.layout.value} layout, {folder.program} judged by {folder.evaluator}", "bold")
    memory = f"{one.memory_bytes >> 30} GiB"
    files, packages = counted(len(folder.files), "file"), ", ".join(folder.packages)
    say(f"{files}; packages: {packages}; {one.wall_seconds:g} s and {memory} each")
    for what, names in (("not staged", folder.skipped), ("without effect here", folder.configuration.ignored)):
        if names:
            more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            say(f"{what}: {', '.join(names[:_LISTED])}{more}", "dim")
    say(MEANING, "bold yellow")


def _check(
    found: Adopted, reference: str, given: Mapping[str, str], isolation: str, least: str, *, allow_none: bool
) -> int:
    from heuresis.agent import judging
    from heuresis.program import Program

    program = Program.of(found.folder.text)
    seen = judging.evaluate(reference, program, given, isolation=isolation, min_isolation=least, allow_none=allow_none)
    if seen.score is None:
        say(f"{found.folder.program}: {seen.status.value}: {' '.join(seen.reason.split())}", "bold red")
        if seen.feedback:
            say(seen.feedback, "dim")
        return ExitCode.PROGRAM_FAILED
    for metric, value in seen.metrics.items():
        say(f"  {metric} {number(value)}")
    for line in seen.feedback.splitlines():
        if line.startswith("metrics left out: "):
            say(line, "dim")
    say(f"{seconds_text(seen.wall_seconds)} in the jail ({seen.isolation}); nothing is stored", "dim")
    return ExitCode.OK
