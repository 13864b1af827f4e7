"""Typed parameters: `--set name=value` read by the type of the default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from heuresis.errors import ConfigError

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def read_parameters(defaults: Mapping[str, Any], given: Mapping[str, str], prefix: str = "--set") -> dict[str, Any]:
    """Defaults overlaid with the given texts. Raises ConfigError naming the key, what was expected, what came."""
    values = dict(defaults)
    for name, text in given.items():
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, n=1)
            known = ", ".join(sorted(defaults)) or "none"
            hint = f"Did you mean {close[0]!r}?" if close else ""
            raise ConfigError(f"{prefix} {name}", f"one of the known names ({known})", name, hint)
        values[name] = _convert(f"{prefix} {name}", defaults[name], text)
    return values


def _convert(key: str, default: Any, text: str) -> Any:
    if isinstance(default, bool):
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ConfigError(key, "true or false", text)
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise ConfigError(key, "a whole number", text) from None
    if isinstance(default, float):
        try:
            value = float(text)
        except ValueError:
            raise ConfigError(key, "a number", text) from None
        if value != value or value in (float("inf"), float("-inf")):
            raise ConfigError(key, "a finite number", text)
        return value
    return text
