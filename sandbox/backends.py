"""Which kinds of jail there are, and which one this machine really has: found by attacking it, never by guessing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox.probe import probe_jail
from heuresis.sandbox.protocol import Worker
from heuresis.sandbox.runtime import find_installation


class Backend(Protocol):
    """A kind of jail."""

    name: str
    jailed: bool
    """False: programs run as we do, and see what we see."""

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        """The warm parent's configuration, as JSON values. Raises `ConfigError` for a package that is not installed."""
        ...


class Namespaces:
    """Linux namespaces, capabilities, Landlock and seccomp; as root or, where allowed, as anybody."""

    name = "namespaces"
    jailed = True

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        return _configure(runtime, jailed=True)


class Bare:
    """No jail: a plain fork with the limits of setrlimit. For programs that are trusted."""

    name = "none"
    jailed = False

    def configure(self, runtime: tuple[str, ...]) -> dict[str, Any]:
        return _configure(runtime, jailed=False)


def _configure(runtime: tuple[str, ...], jailed: bool) -> dict[str, Any]:
    found = find_installation(runtime)
    return {
        "jailed": jailed, "python": found.python, "sys_path": found.first_path, "jail_path": found.jail_path,
        "python_path": found.python_path, "runtime": runtime, "trees": found.trees, "covered": found.covered,
        "packages": found.packages,
    }  # fmt: skip


_TIERS: tuple[Backend, ...] = (Namespaces(),)
"""Strongest first."""
ISOLATIONS = ("auto", *(tier.name for tier in _TIERS), "none")
_UNSAFE = "Programs can be run without a jail with --unsafe-no-sandbox, where they are trusted."
_results: dict[str, str] = {}
"""Tier -> why it failed its probe in this process; empty when it passed."""


def choose_backend(isolation: str, allow_none: bool, open_probe: Callable[[Backend], Worker]) -> Backend:
    """The named tier, or the strongest that passes its probe. Raises `Unavailable` with what is missing."""
    if isolation not in ISOLATIONS:
        raise ConfigError("isolation", f"one of {', '.join(ISOLATIONS)}", isolation)
    failures = []
    for tier in _TIERS:
        if isolation in ("auto", tier.name):
            failure = _probed(tier, open_probe)
            if not failure:
                return tier
            failures.append(f"{tier.name}: {failure}")
    if allow_none and isolation in ("auto", "none"):
        return Bare()
    if isolation == "none":
        raise Unavailable(f"isolation 'none' is no jail and has to be allowed. {_UNSAFE}")
    raise Unavailable(f"no jail works on this machine ({'; '.join(failures)}). {_UNSAFE}")


def _probed(tier: Backend, open_probe: Callable[[Backend], Worker]) -> str:
    if tier.name not in _results:
        _results[tier.name] = probe_jail(lambda: open_probe(tier))
    return _results[tier.name]
