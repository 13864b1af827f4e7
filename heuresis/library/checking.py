"""`check_problem`: a red team for a problem, before money is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from heuresis.evaluators.checking.check import check
from heuresis.evaluators.checking.report import Report
from heuresis.library.arguments import ProblemLike, check_flags, problem_name, texts
from heuresis.library.mistakes import check_started, in_python


@in_python()
def check_problem(
    problem: ProblemLike,
    *,
    settings: Mapping[str, object] | None = None,
    quick: bool = False,
    isolation: str = "auto",
    min_isolation: str = "",
    device: str = "auto",
    unsafe_no_sandbox: bool = False,
    told: Callable[[str], None] | None = None,
) -> Report:
    """What is wrong with a problem: findings, the programs that were played, and whether a campaign may begin.

        report = heuresis.check_problem("thresholds.py:Secretary")
        report.fit, report.first, [finding.reason for finding in report.findings]

    Plays seeds, sentinels, cheats and programs that fail through the real referee in the real jail. Stores nothing.

    problem: a name, a reference (`package.module:Class`, `path/to/file.py:Class`), or a class derived from Problem.
    settings: parameters of the problem, by name.
    quick: play the first 8 instances of valid instead of the whole base set.
    isolation, min_isolation, device, unsafe_no_sandbox: as for `heuresis.run`.
    told: is called with a few words whenever something new is begun.

    Raises ConfigError for a mistake, Unavailable without a jail.
    """
    check_started("check_problem")
    check_flags(quick=quick, unsafe_no_sandbox=unsafe_no_sandbox)
    return check(
        problem_name(problem),
        texts("settings", settings),
        quick=quick,
        isolation=isolation,
        min_isolation=min_isolation,
        device=device,
        allow_none=unsafe_no_sandbox,
        told=told or (lambda words: None),
    )
