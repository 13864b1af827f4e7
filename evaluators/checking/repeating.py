"""Is a verdict the same again: in another process, in another order, in other blocks, on a slow day?

The known good program is played whole and in a few blocks, then again in a fresh process whole and in the same blocks
backwards. A block is seeded by its first instance, so the same block has the same random numbers wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from heuresis.evaluators.checking import programs
from heuresis.evaluators.checking.cast import Actor, Cast
from heuresis.evaluators.checking.comparing import Change, change, moved_with
from heuresis.evaluators.checking.report import Finding, Level
from heuresis.evaluators.checking.stage import Bench, Stage, fresh
from heuresis.evaluators.nouns import InstanceResult, Status, Tier

REPEATABLE, BLOCKS, WALL_TIME = "repeatable", "blocks", "wall time"

_SLEEP_SECONDS = 0.02
"""Per call, where there are few."""
_SLEPT_SECONDS = 1.5
"""In all, at most."""
_OWN_RANDOM = re.compile(r"\b(random|rng|urandom|secrets|seed|uuid|shuffle)\b")
_OWN_CLOCK = re.compile(r"\b(time|perf_counter|monotonic|datetime|process_time)\b")

Rows = Sequence[InstanceResult]


def check_repeating(bench: Bench, stage: Stage, cast: Cast, explained: str = "") -> list[Finding]:
    """`repeatable`, `blocks`, `wall time`. `explained` names a finding that is why nothing can repeat."""
    actor = cast.known_good
    whole = actor.evaluation.results
    bench.told("playing the known good in other blocks")
    parts = whole if len(bench.chunks) == 1 else _in_blocks(bench, stage, actor.source)
    with fresh(bench, "playing it again in another process") as other:
        again = other.play(actor.source, Tier.VALID, bench.valid).evaluation.results
        backwards = again if len(bench.chunks) == 1 else _in_blocks(bench, other, actor.source, backwards=True)
    differs = change(whole, again) or change(parts, backwards)
    moved = _moved(bench, stage, actor, [whole, again])
    if differs is None:
        return [_repeats(), _blocks_of(actor, change(whole, parts)), _wall_time(bench, actor, moved, steady=True)]
    if _moves_by_itself(bench, actor.source):
        objective = bench.problem.objectives[0].metric
        wall = _wall_time(bench, actor, moved, steady=False)
        known = WALL_TIME if wall.level is Level.FAIL else explained
        return [_unseeded(actor, differs, known, objective), _untold(), wall]
    return [_repeats(), _kept_state(differs), _wall_time(bench, actor, moved, steady=True)]


def _in_blocks(bench: Bench, stage: Stage, source: str, backwards: bool = False) -> Rows:
    chunks = bench.chunks[::-1] if backwards else bench.chunks
    return [row for chunk in chunks for row in stage.play(source, Tier.VALID, chunk).evaluation.results]


def _moves_by_itself(bench: Bench, source: str) -> bool:
    """Whether two processes that have played nothing else disagree: then it is no state that one of them kept."""
    rows = []
    for why in ("results differ: once more in a fresh process", "and once more"):
        with fresh(bench, why) as stage:
            rows.append(stage.play(source, Tier.VALID, bench.valid).evaluation.results)
    return change(rows[0], rows[1]) is not None


def _repeats() -> Finding:
    return Finding(
        REPEATABLE, Level.PASS, "The same program has the same results again, to the last bit, in another process."
    )


def _unseeded(actor: Actor, differs: Change, explained: str, objective: str) -> Finding:
    if explained:
        return Finding(
            REPEATABLE, Level.WARN, f"Results do not repeat, for the reason told under {explained}: {differs.text}."
        )
    if _OWN_CLOCK.search(actor.source) or re.search(r"urandom|secrets|uuid|default_rng\(\)", actor.source):
        reason = f"{actor.name} does not repeat ({differs.text}), and it reads a clock or random numbers of its own."
        return Finding(REPEATABLE, Level.WARN, f"{reason} Check again with a known good sentinel that does not.")
    what = "" if differs.metric in ("", objective) else f" (the score is `{objective}`)"
    reason = (
        f"Unseeded: the same program judged twice differs, {differs.text}{what}. "
        "Use the `rng` of generate and exam.rng for all that is random."
    )
    return Finding(REPEATABLE, Level.FAIL, reason, {"before": differs.before, "after": differs.after})


def _untold() -> Finding:
    return Finding(BLOCKS, Level.WARN, f"Cannot be told while results do not repeat: see {REPEATABLE}.")


def _kept_state(differs: Change) -> Finding:
    reason = (
        f"Results depend on what was played before: {differs.text}. "
        "Something is kept from one run to the next, on `self` or in a global."
    )
    return Finding(BLOCKS, Level.FAIL, reason, {"before": differs.before, "after": differs.after})


def _blocks_of(actor: Actor, differs: Change | None) -> Finding:
    if differs is None:
        return Finding(BLOCKS, Level.PASS, "Results are the same in other blocks and in another order.")
    if _OWN_RANDOM.search(actor.source):
        reason = f"{actor.name} has other results in other blocks ({differs.text}); it draws random numbers itself."
        return Finding(BLOCKS, Level.WARN, reason)
    reason = f"Results depend on which instances share a block: {differs.text}. Runs may share nothing but `prepare`."
    return Finding(BLOCKS, Level.FAIL, reason, {"before": differs.before, "after": differs.after})


def _moved(bench: Bench, stage: Stage, actor: Actor, quick: Sequence[Rows]) -> dict[str, tuple[float, float]] | None:
    """Metrics that moved when each call of the program took a little longer; None where it then had no score."""
    calls = max(1, actor.evaluation.calls)
    limit = bench.problem.limits.wall_seconds
    budget = min(_SLEPT_SECONDS, 0.1 * limit)
    every = max(1, round(calls * _SLEEP_SECONDS / budget))
    bench.told("playing the known good slowed down")
    source = programs.slowed(bench.problem.required, actor.source, _SLEEP_SECONDS, every)
    slow = stage.play(source, Tier.VALID, bench.valid).evaluation
    if slow.status is not Status.SCORED:
        return None
    if not moved_with(quick, slow.results):
        return {}
    later = stage.play(actor.source, Tier.VALID, bench.valid).evaluation  # what drifts by itself has drifted on by now
    return moved_with([*quick, later.results], slow.results)


def _wall_time(bench: Bench, actor: Actor, moved: dict[str, tuple[float, float]] | None, steady: bool) -> Finding:
    objective = bench.problem.objectives[0].metric
    if moved is None:
        return Finding(
            WALL_TIME, Level.WARN, f"{actor.name}, slowed down a little, has no score: its limits are close."
        )
    if not moved:
        figures = {"sleep_seconds_per_call": _SLEEP_SECONDS}
        return Finding(WALL_TIME, Level.PASS, "A program that is slowed down has the same results.", figures)
    if steady and (_OWN_CLOCK.search(actor.source) or bench.problem.self_reported):
        return Finding(WALL_TIME, Level.WARN, f"{actor.name} reads the clock itself: its results move with time.")
    name = objective if objective in moved else min(moved)
    before, after = moved[name]
    what = f"`{name}` goes from {before:.4g} to {after:.4g} when each call sleeps {1000 * _SLEEP_SECONDS:.0f} ms"
    figures = {"before": before, "after": after}
    if name != objective:
        return Finding(WALL_TIME, Level.WARN, f"A metric depends on wall time: {what}. The score does not.", figures)
    reason = (
        f"The score depends on wall time: {what}. A busy machine would judge otherwise; count calls or steps instead."
    )
    return Finding(WALL_TIME, Level.FAIL, reason, figures)
