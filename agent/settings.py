"""Settings of methods and operators: frozen dataclass fields, read from text, checked with errors that name the key."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from heuresis.errors import ConfigError

T = TypeVar("T")


def check(owner: object, key: str, low: float, high: float) -> None:
    """Raises ConfigError unless `low <= owner.key <= high`."""
    value = getattr(owner, key)
    if not low <= value <= high:
        name = getattr(owner, "name", type(owner).__name__)
        raise ConfigError(f"{name}.{key}", f"a number from {low:g} to {high:g}", value)


def settable(kind: type) -> dict[str, Any]:
    """The settings of a dataclass and their defaults: its fields that are bool, int, float or str, save its name."""
    fields = {f.name: f.default for f in dataclasses.fields(kind)}
    return {key: value for key, value in fields.items() if isinstance(value, (bool, int, float, str)) and key != "name"}


def build(kind: type[T], settings: Mapping[str, object], prefix: str) -> T:
    """An instance with these settings; values may be text. `prefix` goes before the key in errors."""
    known = settable(kind)
    for key in settings:
        if key not in known:
            options = f"one of {', '.join(sorted(known))}" if known else "no settings"
            raise ConfigError(f"{prefix}{key}", options, key, _nearest(key, known))
    return kind(**{key: _read(f"{prefix}{key}", value, type(known[key])) for key, value in settings.items()})


def _nearest(key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, list(known), 1)
    return f"Did you mean {near[0]}?" if near else ""


def _read(key: str, value: object, kind: type) -> object:
    if kind is bool and isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower(), value)
    elif kind in (int, float) and isinstance(value, str):
        try:
            value = kind(value)
        except ValueError:
            raise ConfigError(key, _NAMES[kind], value) from None
    elif kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(key, _NAMES[kind], value)
    return value


_NAMES: dict[type, str] = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}
