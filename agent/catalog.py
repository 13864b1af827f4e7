"""Methods and operators by name, with their settings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from heuresis.agent.protocols import Method, Operator
from heuresis.agent.settings import build, settable
from heuresis.errors import ConfigError

METHODS: Mapping[str, str] = {
    "funsearch": "heuresis.agent.methods.funsearch:FunSearch",
    "genetic": "heuresis.agent.methods.genetic:Genetic",
    "meta_agent": "heuresis.agent.methods.meta_agent:MetaAgent",
    "random": "heuresis.agent.methods.random:Random",
    "sequential": "heuresis.agent.methods.sequential:Sequential",
}
OPERATORS: Mapping[str, str] = {
    "combine": "heuresis.agent.operators.combine:Combine",
    "copy": "heuresis.agent.operators.versions_copy:Copy",
    "cross": "heuresis.agent.operators.cross:Cross",
    "design": "heuresis.agent.operators.design:Design",
    "improve": "heuresis.agent.operators.improve:Improve",
    "invent": "heuresis.agent.operators.invent:Invent",
    "mutate": "heuresis.agent.operators.mutate:Mutate",
    "reflect": "heuresis.agent.operators.reflect:Reflect",
    "repair": "heuresis.agent.operators.repair:Repair",
    "simplify": "heuresis.agent.operators.simplify:Simplify",
    "tune": "heuresis.agent.operators.tune:Tune",
    "versions": "heuresis.agent.operators.versions:Versions",
}


@dataclass(frozen=True)
class Described:
    """What a list of methods or operators shows."""

    name: str
    summary: str
    settings: Mapping[str, bool | int | float | str]
    """With their defaults."""


def load_method(name: str, settings: Mapping[str, object]) -> Method:
    """The method of this name, or `package.module:Name`, built with its settings (values may be text).

    A key `operator.setting` belongs to an operator (`tune.step`); it is checked here and used by `load_operator`.
    Raises ConfigError that names the key and lists the known ones.
    """
    for key in settings:
        owner, dot, _ = key.partition(".")
        if dot:
            _known_operator(owner, key)
            load_operator(owner, settings)
    own = {key: value for key, value in settings.items() if "." not in key}
    method: Method = build(_class("method", name, METHODS), own, f"{name}.")
    return method


def load_operator(name: str, settings: Mapping[str, object] | None = None) -> Operator:
    """The operator of this name, or `package.module:Name`. Of the settings only those under `name.` are read."""
    prefix = f"{name}."
    own = {key.removeprefix(prefix): value for key, value in (settings or {}).items() if key.startswith(prefix)}
    operator: Operator = build(_class("operator", name, OPERATORS), own, prefix)
    return operator


def methods() -> tuple[Described, ...]:
    """All shipped methods, by name."""
    return tuple(_described(name, path) for name, path in sorted(METHODS.items()))


def operators() -> tuple[Described, ...]:
    """All shipped operators, by name."""
    return tuple(_described(name, path) for name, path in sorted(OPERATORS.items()))


def _described(name: str, path: str) -> Described:
    kind = _import(name, path)
    text = inspect.getdoc(inspect.getmodule(kind)) or ""
    summary = text.splitlines()[0].partition(": ")[2] if text else ""
    return Described(name, summary, settable(kind))


def _known_operator(owner: str, key: str) -> None:
    if owner not in OPERATORS:
        raise ConfigError(key, f"a setting of the method, or of an operator ({', '.join(sorted(OPERATORS))})", key)


def _class(what: str, name: str, shipped: Mapping[str, str]) -> Any:
    if name not in shipped and ":" not in name:
        raise ConfigError(what, f"one of {', '.join(sorted(shipped))}, or package.module:Name", name)
    return _import(what, shipped.get(name, name))


def _import(what: str, path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(what, "package.module:Name that can be imported", path, str(error)) from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ConfigError(what, "the name of a dataclass", path)
    return found
