"""What of an adopted folder's configuration decides how it is judged."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heuresis.errors import ConfigError
from heuresis.evaluators import gate
from heuresis.evaluators.adopted.words import one_line

DEFAULT_TIMEOUT_SECONDS = 300.0
MAX_TIMEOUT_SECONDS = 1_000_000.0
"""Eleven days: what is above is a slip, and too long for the clocks that measure it."""
MAX_CONFIGURATION_CHARACTERS = 1 << 18
FILES = ("config.yaml", "config.yml")
"""The first of these that is there."""
_THRESHOLDS = (0.5, 0.75, 0.9)
_READ = {"prompt": {"system_message"}, "evaluator": {"timeout", "cascade_evaluation", "cascade_thresholds"}}


@dataclass(frozen=True)
class Configuration:
    """Of `config.yaml`, or the defaults where there is none."""

    message: str = ""
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    thresholds: tuple[float, ...] = _THRESHOLDS
    """Scores from which an evaluator's next stage is played; empty: no cascade."""
    ignored: tuple[str, ...] = ()
    """Keys that decide nothing here, as `section.key`."""


def read_configuration(files: Mapping[str, str], skipped: Sequence[str] = ()) -> Configuration:
    """From the folder's files as they were read; `skipped`: those that were not, each with its reason in brackets.

    Raises ConfigError that names the key where a value cannot be used, the file where it is no YAML.
    """
    unread = [one for one in skipped if one.startswith(tuple(f"{name} (" for name in FILES))]
    if unread:
        raise ConfigError("DIR", "a configuration that is a text file of the folder", unread[0])
    name = next((name for name in FILES if name in files), None)
    if name is None:
        return Configuration()
    values = _mapping(name, _yaml(name, files[name]))
    prompt, evaluator = (_mapping(f"{name}, {section}", values.get(section)) for section in _READ)
    message = prompt.get("system_message") or ""
    if not isinstance(message, str):
        raise _mistake(f"{name}, prompt.system_message", "text", message)
    thresholds = _thresholds(name, evaluator)
    return Configuration(message.strip(), _timeout(name, evaluator), thresholds, tuple(_ignored(values)))


def system_message(configuration: Configuration, files: Mapping[str, str]) -> str:
    """`prompt.system_message`; else the text that a `run_evo.py` gives to a name or argument like `task_sys_msg`."""
    return configuration.message or _assigned_message(files.get("run_evo.py", ""))


def check_timeout(key: str, seconds: float) -> float:
    """The same. Raises ConfigError for what is no limit."""
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        raise ConfigError(key, f"seconds above 0 and at most {MAX_TIMEOUT_SECONDS:,.0f}", f"{seconds:g}")
    return seconds


def _timeout(name: str, evaluator: Mapping[str, Any]) -> float:
    key = f"{name}, evaluator.timeout"
    return check_timeout(key, _number(key, evaluator.get("timeout", DEFAULT_TIMEOUT_SECONDS)))


def _thresholds(name: str, evaluator: Mapping[str, Any]) -> tuple[float, ...]:
    """None where the configuration wants no cascade."""
    cascade = evaluator.get("cascade_evaluation", True)
    if not isinstance(cascade, bool):
        raise _mistake(f"{name}, evaluator.cascade_evaluation", "true or false", cascade)
    key, given = f"{name}, evaluator.cascade_thresholds", evaluator.get("cascade_thresholds", _THRESHOLDS)
    if not isinstance(given, (list, tuple)):
        raise _mistake(key, "a list of numbers", given)
    thresholds = tuple(_number(key, one) for one in given)
    return thresholds if cascade else ()


def _assigned_message(text: str) -> str:
    try:
        tree = gate.parse(text)
    except SyntaxError:  # nothing of it is needed
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.keyword):
            names = [node.arg or ""]
        else:
            continue
        if any(name.endswith("sys_msg") for name in names) and isinstance(node.value, ast.Constant):
            return str(node.value.value).strip()
    return ""


def _yaml(name: str, text: str) -> object:
    """Plain values. An alias is refused: with aliases a few lines can stand for more than a memory holds."""
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML comes without types
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("it uses an alias (*name): write the value out")
            return super().compose_node(parent, index)

    if len(text) > MAX_CONFIGURATION_CHARACTERS:
        raise ConfigError(name, f"at most {MAX_CONFIGURATION_CHARACTERS:,} characters", f"{len(text):,}")
    try:
        return yaml.load(text, Plain)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a number of too many digits is a ValueError
        raise ConfigError(name, "a file that can be read as YAML", "another", one_line(str(error), 300)) from error


def _mapping(key: str, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mistake(key, "keys with values", value)
    return {str(name): one for name, one in value.items()}


def _number(key: str, value: object) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise _mistake(key, "a number", value)
        return float(value)
    except OverflowError:
        raise _mistake(key, "a number", value) from None


def _mistake(key: str, expected: str, value: object) -> ConfigError:
    """What came may be as long as the file."""
    return ConfigError(key, expected, one_line(repr(value), 60))


def _ignored(values: Mapping[str, Any]) -> list[str]:
    found = []
    for section, value in values.items():
        if section not in _READ:
            found.append(one_line(section, 60))
        elif isinstance(value, dict):
            found += [one_line(f"{section}.{key}", 60) for key in value if key not in _READ[section]]
    return found
