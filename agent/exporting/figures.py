"""Figures and texts from elsewhere as an exported package shows them, rounded as the command line rounds them. Pure."""

from __future__ import annotations

import math
import re


def places(standard_error: float | None) -> int | None:
    """Decimals that show two digits of the standard error, at least two; None when there is no error to go by."""
    if not standard_error or standard_error <= 0:
        return None
    return min(10, max(2, 1 - math.floor(math.log10(standard_error))))


def figure(value: float | str | None, standard_error: float | None = None) -> str:
    """With the decimals that its standard error leaves meaningful; without one, eight significant digits."""
    digits = places(standard_error)
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:.8g}" if digits is None else f"{value:,.{digits}f}"


def measured(value: float | None, standard_error: float | None, unit: str) -> str:
    """`0.713 % ± 0.021`."""
    error = "" if standard_error is None else f" ± {figure(standard_error, standard_error)}"
    return f"{figure(value, standard_error)} {unit}".rstrip() + error


def interval(ends: tuple[float, float] | str | None, standard_error: float | None = None) -> str:
    if ends is None or isinstance(ends, str):
        return ends or "-"
    return f"{figure(ends[0], standard_error)} to {figure(ends[1], standard_error)}"


def shown(value: object, standard_error: float | None) -> object:
    """A figure or an interval as text; anything else as it is. `figure` and `interval` leave such text alone."""
    if isinstance(value, float):
        return figure(value, standard_error)
    return interval(value, standard_error) if isinstance(value, tuple) else value


_MARKS = re.compile(r"[\\`*{}\[\]<>|#!$~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What Markdown would read as markup: within a word an underscore is a letter (CommonMark, section 6.2)."""


def cell(text: object) -> str:
    """Text from elsewhere (a model, a person), within a table: data, never markup."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", " ".join(str(text).split()))
