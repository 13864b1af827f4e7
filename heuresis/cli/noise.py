"""What the noise pilot has seen, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heuresis.cli.output import say
from heuresis.cli.scale import Scale, places
from heuresis.cli.stores import short

if TYPE_CHECKING:
    from heuresis.archive.noise import Noise
    from heuresis.archive.store import Store


def tell_noise(store: Store, campaign: str, scale: Scale) -> None:
    """A line or two; none without a pilot."""
    from heuresis.archive.noise import noise_of

    seen = noise_of(store, campaign)
    for line in noise_lines(seen, scale) if seen else ():
        say(line, "dim" if seen and seen.repeats else "bold yellow")


def noise_lines(seen: Noise, scale: Scale) -> list[str]:
    """Whether the exam repeats, and which differences are noise."""
    return [line for line in (_exam(seen, scale), _floor(seen, scale)) if line]


def _exam(seen: Noise, scale: Scale) -> str:
    if seen.repeats:
        return ""
    again = f"The exam does not repeat: seed {short(seen.program)}, judged again on the same {seen.count} instances,"
    why = "Something in the problem is not seeded (exam.rng is), or depends on time or load."
    if seen.failed:
        return f"{again} ended {seen.failed}. {why}"
    return f"{again} moved by {scale.amount(seen.deviation, places(seen.deviation))}. {why}"


def _floor(seen: Noise, scale: Scale) -> str:
    if seen.floor is None:
        return "" if not seen.repeats else f"The exam repeats to the last bit (seed {short(seen.program)})."
    amount = scale.amount(seen.floor, places(seen.floor))
    repeats = "; the exam repeats to the last bit" if seen.repeats else ""
    return (
        f"Noise floor {amount}: differences below {amount} between programs on different sets of {seen.count} "
        f"instances are noise (from the best seed, on {seen.played} instances{repeats})."
    )
