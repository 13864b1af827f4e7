"""`evaluate`: any program on any problem, with instances that everybody gets."""

from __future__ import annotations

from collections.abc import Mapping

from heuresis.agent import judging
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.library.arguments import ProblemLike, Source, check_flags, problem_name, program_of, texts
from heuresis.library.mistakes import check_started, in_python

_OPEN = (Tier.TRAIN, Tier.VALID)


@in_python()
def evaluate(
    problem: ProblemLike,
    source: Source,
    *,
    settings: Mapping[str, object] | None = None,
    tier: str = "valid",
    isolation: str = "auto",
    min_isolation: str = "",
    device: str = "auto",
    unsafe_no_sandbox: bool = False,
) -> Evaluation:
    """The referee's verdict on a program: its status, and its score where there is one.

        seen = heuresis.evaluate("online_bin_packing", pathlib.Path("rule.py"))
        seen.status, seen.metrics["excess_percent"], seen.score.standard_error

    The program runs in a jail. The instances come from public seeds, so everybody gets the same numbers; nothing is
    stored. A program that fails is a status with a reason, never an exception.

    problem: a name, a reference (`package.module:Class`, `path/to/file.py:Class`), or a class derived from Problem.
    source: the text of the program, the path of its file, or a Program.
    settings: parameters of the problem, by name.
    tier: "valid" or "train"; held-out tiers belong to campaigns and are opened by `heuresis test`.
    isolation, min_isolation, device, unsafe_no_sandbox: as for `heuresis.run`.

    Raises ConfigError for a mistake, Unavailable without a jail.
    """
    check_started("evaluate")
    check_flags(unsafe_no_sandbox=unsafe_no_sandbox)
    if tier not in _OPEN:
        raise ConfigError("tier", "valid or train", tier, "Held-out tiers belong to campaigns: heuresis test.")
    program = program_of(source)
    return judging.evaluate(
        problem_name(problem),
        program,
        texts("settings", settings),
        allow_none=unsafe_no_sandbox,
        isolation=isolation,
        min_isolation=min_isolation,
        device=device,
        tier=Tier(tier),
    )
