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
    """Whether the exam repeats, and which differences are noise; each line fits a window of 100 columns."""
    return [*_exam(seen, scale), *_floor(seen, scale)]


def _exam(seen: Noise, scale: Scale) -> list[str]:
    whose = f"seed {short(seen.program)}"
    if seen.repeats:
        return [f"The exam repeats to the last bit ({whose}, judged again)."]
    again = f"The exam does not repeat: {whose}, judged again on the same {seen.count} instances,"
    moved = f"moved by {scale.amount(seen.deviation, places(seen.deviation))}"
    why = "Something in the problem is not seeded (exam.rng is), or depends on time or load."
    return [f"{again} {f'ended {seen.failed}' if seen.failed else moved}.", why]


def _floor(seen: Noise, scale: Scale) -> list[str]:
    if seen.floor is None:
        return []
    amount = scale.amount(seen.floor, places(seen.floor))
    return [f"Noise floor {amount}: smaller differences on different sets of {seen.count} instances are noise."]
