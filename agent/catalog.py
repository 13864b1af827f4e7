"""Methods and operators by name, with their settings: ours, those of plugins, and a user's own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from heuresis.agent.protocols import Method, Operator
from heuresis.agent.settings import build, settable
from heuresis.errors import ConfigError
from heuresis.plugins import absolute, load_plugin, offered, resolve

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
    settings: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """With their defaults."""
    origin: str = ""
    """The package that brought it, and its version; empty for ours."""
    trouble: str = ""
    """Why it cannot be used; empty when it can."""


def load_method(name: str, settings: Mapping[str, object]) -> Method:
    """The method of this name (`heuresis.plugins.resolve` says which names), with its settings; values may be text.

    A key `operator.setting` belongs to an operator (`tune.step`); it is checked here and used by `load_operator`.
    Raises ConfigError that names the key and lists the known ones.
    """
    for key in settings:
        owner, dot, _ = key.rpartition(".")
        if dot:
            _known_operator(owner, key)
            load_operator(owner, settings)
    own = {key: value for key, value in settings.items() if "." not in key}
    method: Method = build(_class("method", name), own, f"{_short(name)}.")
    return method


def load_operator(name: str, settings: Mapping[str, object] | None = None) -> Operator:
    """The operator of this name. Of the settings only those under `name.` are read."""
    wanted = absolute(name)
    parts = {key: key.rpartition(".") for key in settings or {}}
    own = {parts[key][2]: value for key, value in (settings or {}).items() if absolute(parts[key][0]) == wanted}
    operator: Operator = build(_class("operator", name), own, f"{_short(name)}.")
    return operator


def methods() -> tuple[Described, ...]:
    """Our methods by name, then those of plugins; one that cannot be imported is described with its trouble."""
    return tuple(_described("method"))


def operators() -> tuple[Described, ...]:
    """Our operators by name, then those of plugins."""
    return tuple(_described("operator"))


def _described(what: str) -> Iterator[Described]:
    shipped = _SHIPPED[what]
    for name in sorted(shipped):
        kind = _class(what, name)
        text = inspect.getdoc(inspect.getmodule(kind)) or ""
        yield Described(name, text.partition("\n")[0].partition(": ")[2], settable(kind))
    for name, claims in offered(f"{what}s").items():
        if name in shipped:
            continue
        origin = claims[0].origin
        try:
            kind = _checked(what, name, load_plugin(what, claims, f"a {what}"))
        except ConfigError as error:
            yield Described(name, "", {}, origin, str(error))
        else:
            yield Described(name, (inspect.getdoc(kind) or "").partition("\n")[0], settable(kind), origin)


def _known_operator(owner: str, key: str) -> None:
    if owner not in OPERATORS and owner not in offered("operators") and ":" not in owner:
        known = ", ".join(sorted({*OPERATORS, *offered("operators")}))
        raise ConfigError(key, f"a setting of the method, or of an operator ({known})", key)


def _class(what: str, name: str) -> Any:
    article = "an" if what == "operator" else "a"
    return _checked(what, name, resolve(what, f"{what}s", name, _SHIPPED[what], f"{article} {what}"))


def _checked(what: str, name: str, found: Any) -> Any:
    """A frozen value with settings and the functions of its protocol, told before anything is spent."""
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ConfigError(what, "the name of a dataclass", name)
    lacking = [one for one in _PARTS[what] if not callable(getattr(found, one, None))]
    if not isinstance(getattr(found, "name", None), str):
        lacking.append("name: str = ...")
    if lacking:
        raise ConfigError(what, f"a dataclass with {', '.join(_PARTS[what])} and name", f"{name}: no {lacking[0]}")
    return found


def _short(name: str) -> str:
    """As errors call it: a file's path says nothing about a setting."""
    return name.rpartition(":")[2]


_SHIPPED: Mapping[str, Mapping[str, str]] = {"method": METHODS, "operator": OPERATORS}
_PARTS = {"method": ("populations", "next"), "operator": ("run",)}
