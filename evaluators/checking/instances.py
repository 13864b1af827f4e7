"""Are the tiers what they promise: other instances at each index, tier and secret, and a shift that shifts?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import msgspec

from heuresis.evaluators.checking.looking import Sighting, Wanted
from heuresis.evaluators.checking.report import Finding, Level
from heuresis.evaluators.checking.stage import Bench, Hangs
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.pool import referee_environment
from heuresis.evaluators.tiers import PUBLIC_SECRET

_LOOK = "import sys; sys.path[:] = sys.argv[1:]; from heuresis.evaluators.checking.looking import run; run()"
_OTHER_SECRET = b"another secret, to see whether instances depend on it"
_MOST = 40
"""Instances of a tier that are looked at."""
_DIFFERENT = 1.95
"""Least distance of two samples, in units of sqrt((n + m) / (n m)): two samples of one distribution are further apart
in one case of a thousand (Smirnov 1948)."""


def look(bench: Bench) -> list[Sighting]:
    """Every instance that a check compares. Raises Hangs where `generate` does not come back, ValueError where it
    raises."""
    sizes = {tier: min(bench.problem.tier_size(tier), _MOST) for tier in Tier}
    if bench.problem.own_instances is not None:
        sizes[Tier.VALID] = 0  # the user's own, not generated
    wanted = Wanted(bench.setup.problem, bench.setup.settings, (PUBLIC_SECRET, _OTHER_SECRET), sizes)
    command = [sys.executable, "-P", "-c", _LOOK, *sys.path]
    try:
        done = subprocess.run(
            command,
            input=msgspec.msgpack.encode(wanted),
            capture_output=True,
            timeout=bench.patience_seconds,
            env=referee_environment(),
        )
    except subprocess.TimeoutExpired:
        raise Hangs(f"generate did not come back within {bench.patience_seconds:.0f} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(lines[-1] if lines else f"exit status {done.returncode}")
    return msgspec.msgpack.decode(done.stdout, type=list[Sighting])


def check_tiers(bench: Bench, seen: Sequence[Sighting]) -> list[Finding]:
    """`tiers` and `shift`."""
    return [_tiers(bench, seen), *_shift(seen)]


def drawn_otherwise(seen: Sequence[Sighting]) -> list[Sighting]:
    """Instances that came out otherwise when they were drawn again with the same random numbers."""
    first = {(one.tier, one.index): one.digest for one in seen if not one.again and one.secret == 0}
    return [one for one in seen if one.again and one.digest != first[one.tier, one.index]]


def _tiers(bench: Bench, seen: Sequence[Sighting]) -> Finding:
    once = [one for one in seen if not one.again and one.secret == 0]
    drawn = {(one.tier, one.index): one.digest for one in once}
    if moved := drawn_otherwise(seen):
        where = f"{moved[0].tier.value} {moved[0].index}"
        reason = (
            f"generate({where}) gives another instance when it is called again with the same rng: draw from `rng` only."
        )
        return Finding("tiers", Level.FAIL, reason)
    if all(bench.problem.tier_size(tier) == 1 for tier in (Tier.TRAIN, Tier.VALID, Tier.TEST)):
        return Finding("tiers", Level.PASS, "One task by design: every tier but shift has a single instance.")
    if len(once) > 1 and len(set(drawn.values())) == 1:
        return Finding("tiers", Level.FAIL, "generate ignores its rng: every instance of every tier is the same.")
    return _overlap(once, [one for one in seen if one.secret == 1])


def _overlap(once: Sequence[Sighting], other: Sequence[Sighting]) -> Finding:
    open_ones = {one.digest for one in once if one.tier in (Tier.TRAIN, Tier.VALID)}
    held = [one for one in once if one.tier is Tier.TEST]
    known = sum(one.digest in open_ones for one in held)
    train, valid = ({one.digest for one in once if one.tier is tier} for tier in (Tier.TRAIN, Tier.VALID))
    figures = {"distinct": len({one.digest for one in once}), "instances": len(once), "test_known_from_search": known}
    if held and known * 2 >= len(held):
        reason = f"{known} of {len(held)} test instances are instances of train or valid: what is held out is known."
        return Finding("tiers", Level.FAIL, reason, figures)
    same = {(one.tier, one.index): one.digest for one in once}
    if other and all(one.digest == same[one.tier, one.index] for one in other):
        reason = (
            "Instances do not depend on the campaign's secret: generate ignores its rng, and anybody can make the test"
        )
        return Finding("tiers", Level.WARN, f"{reason} instances beforehand.", figures)
    if known or train & valid:
        reason = f"{known} test instances stand in train or valid too, {len(train & valid)} of train in valid."
        return Finding("tiers", Level.WARN, reason, figures)
    reason = (
        f"{len(once)} instances looked at, {figures['distinct']} of them distinct; no tier shares one with another."
    )
    return Finding("tiers", Level.PASS, reason, figures)


def _shift(seen: Sequence[Sighting]) -> list[Finding]:
    once = [one for one in seen if not one.again and one.secret == 0]
    test, shift = ([one.features for one in once if one.tier is tier] for tier in (Tier.TEST, Tier.SHIFT))
    if not (test and shift):
        return []
    names = ("how many numbers an instance holds", "their mean", "their spread", "their smallest", "their largest")
    scale = ((len(test) + len(shift)) / (len(test) * len(shift))) ** 0.5
    outside = sum(any(not low <= x <= high for x, low, high in zip(row, *_range(test), strict=True)) for row in shift)
    distances = [_distance([row[k] for row in test], [row[k] for row in shift]) for k in range(len(names))]
    best = max(range(len(names)), key=lambda k: distances[k])
    figures = {"distance": distances[best], "test_instances": len(test), "shift_instances": len(shift)}
    if distances[best] >= min(1.0, _DIFFERENT * scale):
        reason = f"Shift instances differ from test instances, most in {names[best]}."
        return [Finding("shift", Level.PASS, reason, figures)]
    if 2 * outside >= len(shift):
        reason = f"{outside} of {len(shift)} shift instances lie outside of what test instances are like."
        return [Finding("shift", Level.PASS, reason, {**figures, "outside": outside})]
    reason = (
        "Shift instances look like test instances: give that tier another size, family or horizon, or no instances."
    )
    return [Finding("shift", Level.WARN, reason, figures)]


def _range(rows: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Smallest and largest of each feature."""
    columns = list(zip(*rows, strict=True))
    return [min(column) for column in columns], [max(column) for column in columns]


def _distance(one: Sequence[float], two: Sequence[float]) -> float:
    """Largest difference of the two empirical distribution functions (Kolmogorov-Smirnov)."""
    at = sorted({*one, *two})
    return max(abs(sum(x <= a for x in one) / len(one) - sum(x <= a for x in two) / len(two)) for a in at)
