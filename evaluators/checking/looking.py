"""Looks at a problem's instances, in a process of its own: `generate` is somebody's code and may hang or draw from
anywhere.

The process is started by `heuresis.evaluators.checking.instances`; it prints one `Sighting` per instance.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

import msgspec
import numpy as np

from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.tiers import instance_rng

_DEEPEST = 12


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which instances to look at."""

    problem: str
    settings: Mapping[str, str]
    secrets: tuple[bytes, ...]
    """All instances with the first; a few of each tier with the others."""
    counts: Mapping[Tier, int]
    few: int = 3


@dataclasses.dataclass(frozen=True)
class Sighting:
    """What is left of an instance: enough to tell it from others, not enough to rebuild it."""

    secret: int
    tier: Tier
    index: int
    again: bool
    """Drawn a second time with the same random numbers."""
    digest: str
    features: tuple[float, ...]
    """How many numbers it holds; their mean, standard deviation, smallest, largest."""
    arrays: tuple[str, ...]
    """Digests of the rows of numbers in it."""


def run() -> None:
    wanted = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Wanted)
    problem = load_problem(wanted.problem, wanted.settings)
    with redirect_stdout(io.StringIO()):  # what the problem prints is not ours
        seen = list(_sightings(problem, wanted))
    sys.stdout.buffer.write(msgspec.msgpack.encode(seen))


def _sightings(problem: Problem, wanted: Wanted) -> Iterator[Sighting]:
    for number, secret in enumerate(wanted.secrets):
        for tier, count in wanted.counts.items():
            for index in range(count if number == 0 else min(count, wanted.few)):
                yield _sighting(problem, secret, number, tier, index, again=False)
                if number == 0 and index < wanted.few:
                    random.seed(index)  # whoever draws from a global generator shall not draw the same by luck
                    np.random.seed(index)
                    yield _sighting(problem, secret, number, tier, index, again=True)


def _sighting(problem: Problem, secret: bytes, number: int, tier: Tier, index: int, again: bool) -> Sighting:
    instance = problem.generate(tier, index, instance_rng(secret, tier, index))
    digest, numbers, arrays = hashlib.sha256(), [], []
    for part in _parts(instance, 0):
        if isinstance(part, np.ndarray):
            body = digest_of(part)
            arrays.append(body)
            digest.update(body.encode())
            if part.dtype.kind in "fiub" and part.size:
                numbers.append(part.astype(np.float64).ravel())
        else:
            digest.update(repr(part).encode())
            if isinstance(part, (int, float)):
                numbers.append(np.array([float(part)]))
    flat = np.concatenate(numbers) if numbers else np.zeros(0)
    return Sighting(number, tier, index, again, digest.hexdigest(), _features(flat), tuple(arrays))


def digest_of(array: np.ndarray[Any, Any]) -> str:
    """Of shape and numbers, whatever their type: what crosses the wall may have been converted."""
    plain = array.astype(np.float64) if array.dtype.kind in "fiub" else array
    body = plain.tobytes() if plain.dtype.kind != "O" else repr(plain.tolist()).encode()
    return hashlib.sha256(repr(array.shape).encode() + body).hexdigest()


def _features(flat: np.ndarray[Any, Any]) -> tuple[float, ...]:
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        return (float(flat.size), 0.0, 0.0, 0.0, 0.0)
    return (float(flat.size), *(float(one) for one in (finite.mean(), finite.std(), finite.min(), finite.max())))


def _parts(value: Any, depth: int) -> Iterator[Any]:
    """Its plain values and arrays, in a fixed order; functions and what is nested too deep are left out."""
    if depth > _DEEPEST or callable(value):
        return
    if isinstance(value, (np.ndarray, np.generic)):
        yield np.asarray(value)
    elif value is None or isinstance(value, (bool, int, float, str, bytes)):
        yield value
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield repr(key)
            yield from _parts(value[key], depth + 1)
    elif isinstance(value, (list, tuple)):
        numbers = all(type(item) in (int, float) for item in value) and len(value) > 0
        if numbers:
            yield np.array(value, dtype=np.float64)
        else:
            for item in value:
                yield from _parts(item, depth + 1)
    elif isinstance(value, (set, frozenset)):
        yield repr(sorted(map(repr, value)))
    else:
        yield type(value).__qualname__
        yield from _parts(_fields(value), depth + 1)


def _fields(value: Any) -> dict[str, Any]:
    slots = {name: getattr(value, name) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)}
    return {**slots, **getattr(value, "__dict__", {})}
