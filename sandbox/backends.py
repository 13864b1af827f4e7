"""Which kinds of jail there are, and which one this machine really has: found by attacking it, never by guessing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from heuresis.errors import ConfigError, HeuresisError, Unavailable
from heuresis.plugins import cause_of, resolve
from heuresis.sandbox.probe import probe_jail
from heuresis.sandbox.protocol import Worker
from heuresis.sandbox.runtime import find_installation


class Backend(Protocol):
    """A kind of jail. Built without arguments. `auto` never takes one that is not ours: it is used when it is named."""

    name: str
    """Stands on every row that was judged in it."""
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
"""Name -> why it failed its probe in this process; empty when it passed."""
Open = Callable[[Backend], Worker]


def choose_backend(isolation: str, allow_none: bool, open_probe: Open) -> Backend:
    """The named kind of jail, or the strongest of ours that passes its probe.

    Raises `Unavailable` with what is missing, ConfigError for a name that nothing has.

    A name that is not ours is a plugin, `package.module:Class` or `path/to/file.py:Class`.
    """
    if isolation not in ISOLATIONS:
        return _own(isolation, allow_none, open_probe)
    failures = []
    for tier in _TIERS:
        if isolation in ("auto", tier.name):
            failure = _probed(tier.name, tier, open_probe)
            if not failure:
                return tier
            failures.append(f"{tier.name}: {failure}")
    if allow_none and isolation in ("auto", "none"):
        return Bare()
    if isolation == "none":
        raise Unavailable(f"isolation 'none' is no jail and has to be allowed. {_UNSAFE}")
    raise Unavailable(f"no jail works on this machine ({'; '.join(failures)}). {_UNSAFE}")


def _own(isolation: str, allow_none: bool, open_probe: Open) -> Backend:
    """A backend from elsewhere. It must be a jail: for none there is an option, which says so on every row."""
    backend = load_backend(isolation)
    if allow_none:
        raise ConfigError("isolation", "no --unsafe-no-sandbox beside a jail that is named", isolation)
    failure = _probed(isolation, backend, open_probe)
    if failure:
        raise Unavailable(f"the jail {isolation} does not hold on this machine: {failure}")
    return backend


def load_backend(isolation: str) -> Backend:
    """A backend from elsewhere, by name; not probed. Raises ConfigError for what is none."""
    shipped = dict.fromkeys(ISOLATIONS, "")
    kind = resolve("isolation", "sandboxes", isolation, shipped, "a kind of jail")
    if not (isinstance(kind, type) and callable(getattr(kind, "configure", None))):
        raise ConfigError("isolation", "a class with `configure`", isolation, "See heuresis.sandbox.backends.Backend.")
    try:
        backend: Backend = kind()
    # The named class may raise anything; it is told in words and with its cause.
    except Exception as error:
        raise ConfigError("isolation", "a class built without arguments", isolation, cause_of(error)) from error
    name = getattr(backend, "name", None)
    if not isinstance(name, str) or not name or name in ISOLATIONS:
        raise ConfigError(f"{kind.__name__}.name", "a name of its own", name, "It stands on every row judged in it.")
    if getattr(backend, "jailed", None) is not True:
        raise ConfigError(f"{kind.__name__}.jailed", "True", getattr(backend, "jailed", None), _UNSAFE)
    return backend


def _probed(name: str, backend: Backend, open_probe: Open) -> str:
    """Why this jail does not hold on this machine; empty when every attack failed. Found once in a process."""
    if name not in _results:
        try:
            _results[name] = probe_jail(lambda: open_probe(backend))
        except HeuresisError:
            raise
        # A backend from elsewhere may raise anything; what it raised is why its jail is not used.
        except Exception as error:
            _results[name] = cause_of(error)
    return _results[name]
