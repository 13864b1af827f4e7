"""Checks on what a program returned. Each gives back the plain value or raises `Invalid` with a reason in words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heuresis.evaluators.problem import Invalid


def real_array(value: Any, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    """A float64 array of this shape; NaN and infinities pass. Accepts numpy arrays and lists of numbers."""
    if isinstance(value, (list, tuple)):
        if not _is_nested(value, shape):
            raise Invalid(f"{name} returned a list that is not numbers of shape {shape}")
        try:
            value = np.array(value, dtype=np.float64).reshape(shape)
        except OverflowError:
            raise Invalid(f"{name} returned a number too large for a float") from None
    if not isinstance(value, np.ndarray):
        raise Invalid(f"{name} returned {_kind(value)}, expected an array of shape {shape}")
    if value.shape != shape:
        raise Invalid(f"{name} returned an array of shape {value.shape}, expected {shape}")
    if value.dtype.kind not in "fiub":
        raise Invalid(f"{name} returned an array of {value.dtype}, expected real numbers")
    return value.astype(np.float64, copy=False)


def finite_array(value: Any, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    """Like `real_array`, without NaN or infinity."""
    array = real_array(value, shape, name)
    if not np.isfinite(array).all():
        raise Invalid(f"{name} returned an array with NaN or infinity")
    return array


def finite_float(value: Any, name: str) -> float:
    """A finite number; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Invalid(f"{name} returned {_kind(value)}, expected a number")
    number = float(value)
    if not np.isfinite(number):
        raise Invalid(f"{name} returned {number}, expected a finite number")
    return number


def index_in(value: Any, count: int, name: str) -> int:
    """An integer from 0 to count - 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{name} returned {_kind(value)}, expected an integer")
    if not 0 <= value < count:
        raise Invalid(f"{name} returned {value}, expected 0 to {count - 1}")
    return value


def argmax(priorities: NDArray[np.float64], name: str) -> int:
    """Like `numpy.argmax`: the first NaN wins, ties go to the lowest index. Only NaN is no ranking: Invalid."""
    best = int(priorities.argmax())
    if priorities[best] != priorities[best] and np.isnan(priorities).all():
        raise Invalid(f"{name} returned only NaN")
    return best


def _is_nested(value: Any, shape: tuple[int, ...]) -> bool:
    """Lists of just this shape with plain numbers at the bottom; nothing is converted, nothing grows."""
    if not shape:
        return type(value) in (int, float, bool)
    return type(value) in (list, tuple) and len(value) == shape[0] and all(_is_nested(one, shape[1:]) for one in value)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
