"""What of an adopted folder's configuration decides how it is judged."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heuresis.errors import ConfigError

DEFAULT_TIMEOUT_SECONDS = 300.0
_THRESHOLDS = (0.5, 0.75, 0.9)
_FILES = ("config.yaml", "config.yml")
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


def read_configuration(root: Path) -> Configuration:
    """Raises ConfigError that names the key where a value cannot be used, the file where it is no YAML."""
    path = next((root / name for name in _FILES if (root / name).is_file()), None)
    if path is None:
        return Configuration()
    values = _mapping(str(path), _yaml(path))
    prompt, evaluator = (_mapping(f"{path.name}, {name}", values.get(name)) for name in _READ)
    cascade = evaluator.get("cascade_evaluation", True)
    if not isinstance(cascade, bool):
        raise ConfigError(f"{path.name}, evaluator.cascade_evaluation", "true or false", cascade)
    timeout = _number(path.name, "evaluator.timeout", evaluator.get("timeout", DEFAULT_TIMEOUT_SECONDS))
    if timeout <= 0:
        raise ConfigError(f"{path.name}, evaluator.timeout", "seconds above 0", timeout)
    given = evaluator.get("cascade_thresholds", _THRESHOLDS)
    if not isinstance(given, (list, tuple)):
        raise ConfigError(f"{path.name}, evaluator.cascade_thresholds", "a list of numbers", given)
    thresholds = tuple(_number(path.name, "evaluator.cascade_thresholds", one) for one in given)
    return Configuration(
        str(prompt.get("system_message") or "").strip(), timeout, thresholds if cascade else (), tuple(_ignored(values))
    )


def system_message(root: Path, files: Mapping[str, str]) -> str:
    """`prompt.system_message`; else the text that a `run_evo.py` gives to a name or argument like `task_sys_msg`."""
    message = read_configuration(root).message
    return message or _assigned_message(files.get("run_evo.py", ""))


def _assigned_message(text: str) -> str:
    try:
        tree = ast.parse(text)
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


def _yaml(path: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            "config.yaml", "a file that can be read as YAML", path, " ".join(str(error).split())
        ) from error


def _mapping(key: str, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(key, "keys with values", value)
    return {str(name): one for name, one in value.items()}


def _number(file: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == float("inf"):
        raise ConfigError(f"{file}, {key}", "a number", value)
    return float(value)


def _ignored(values: Mapping[str, Any]) -> list[str]:
    found = []
    for section, value in values.items():
        if section not in _READ:
            found.append(section)
        elif isinstance(value, dict):
            found += [f"{section}.{key}" for key in value if key not in _READ[section]]
    return found
