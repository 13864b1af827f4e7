"""Which kinds of jail there are, and which one this machine really has: found by attacking it, never by guessing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from heuresis.errors import ConfigError, HeuresisError, Unavailable
from heuresis.plugins import cause_of, load_reference, resolve
from heuresis.sandbox.backends.base import Backend
from heuresis.sandbox.probe import probe_jail
from heuresis.sandbox.protocol import Worker

SHIPPED: Mapping[str, str] = {
    "namespaces": "heuresis.sandbox.backends.namespaces:Namespaces",
    "bubblewrap": "heuresis.sandbox.backends.bubblewrap:Bubblewrap",
    "docker": "heuresis.sandbox.backends.docker:Docker",
    "landlock": "heuresis.sandbox.backends.landlock:Landlock",
    "none": "heuresis.sandbox.backends.bare:Bare",
}
"""Name -> class, strongest first: the order in which `auto` tries them.

`namespaces` and `bubblewrap` raise the same walls around a child; the first is ours from end to end and faster, and as
root it needs no set-up by somebody else. `docker` raises them within a container. `landlock` shares the processes'
numbers and the folders' names with its host.
"""
ISOLATIONS = ("auto", *SHIPPED)
NO_CGROUP = "-nocgroup"
"""Behind the name of a jail whose programs no control group caps."""
LEVELS = (*(name + suffix for name in SHIPPED if name != "none" for suffix in ("", NO_CGROUP)), "none")
"""What a row's isolation and `min_isolation` may be, strongest first."""
_UNSAFE = "Programs can be run without a jail with --unsafe-no-sandbox, where they are trusted."
_results: dict[str, str] = {}
"""Name -> why it failed its probe in this process; empty when it passed."""
Open = Callable[[Backend], Worker]


def choose_backend(isolation: str, allow_none: bool, open_probe: Open) -> Backend:
    """The named kind of jail, or the strongest of ours that passes its probe.

    Raises `Unavailable` with what is missing, ConfigError for a name that nothing has. A name that is not ours is a
    plugin, `package.module:Class` or `path/to/file.py:Class`. `none` is taken only where it is allowed.
    """
    if isolation not in ISOLATIONS:
        return _own(isolation, allow_none, open_probe)
    tried = [name for name in SHIPPED if name != "none" and isolation in ("auto", name)]
    failures = []
    for name in tried:
        backend = shipped_backend(name)
        failure = probed(name, backend, open_probe)
        if not failure:
            return backend
        failures.append(f"{name}: {failure}")
    if allow_none and isolation in ("auto", "none"):
        return shipped_backend("none")
    if isolation == "none":
        raise Unavailable(f"isolation 'none' is no jail and has to be allowed. {_UNSAFE}")
    raise Unavailable(f"{_which(isolation)} works on this machine ({'; '.join(failures)}). {_UNSAFE}")


def _which(isolation: str) -> str:
    return "no jail" if isolation == "auto" else f"the jail {isolation} was asked for, and does not hold: none other"


def shipped_backend(name: str) -> Backend:
    """One of ours, not probed."""
    backend: Backend = load_reference("isolation", SHIPPED[name], "a kind of jail")()
    return backend


def check_level(isolation: str, least: str) -> None:
    """Raises `Unavailable` when a worker's `isolation` is weaker than `least` (one of `LEVELS`; empty: anything).

    A jail that is not ours has no place in our order: it satisfies its own name, and `none`.
    """
    if least and least not in LEVELS and not _is_elsewhere(least):
        raise ConfigError("min_isolation", f"one of {', '.join(LEVELS)}", least)
    if not least or least in ("none", isolation):
        return
    if isolation not in LEVELS or least not in LEVELS or LEVELS.index(isolation) > LEVELS.index(least):
        raise Unavailable(
            f"the jail that this machine has is {isolation!r}, and min_isolation asks for {least!r} or stronger"
            f" ({_stronger(least)})"
        )


def _is_elsewhere(name: str) -> bool:
    """A reference, or a plugin's name: nothing of ours starts so."""
    return ":" in name


def _stronger(least: str) -> str:
    places: Sequence[str] = LEVELS[: LEVELS.index(least) + 1] if least in LEVELS else (least,)
    return "accepted: " + ", ".join(places)


def _own(isolation: str, allow_none: bool, open_probe: Open) -> Backend:
    """A backend from elsewhere. It must be a jail: for none there is an option, which says so on every row."""
    backend = load_backend(isolation)
    if allow_none:
        raise ConfigError("isolation", "no --unsafe-no-sandbox beside a jail that is named", isolation)
    failure = probed(isolation, backend, open_probe)
    if failure:
        raise Unavailable(f"the jail {isolation} does not hold on this machine: {failure}")
    return backend


def load_backend(isolation: str) -> Backend:
    """A backend from elsewhere, by name; not probed. Raises ConfigError for what is none."""
    shipped = dict.fromkeys(ISOLATIONS, "")
    kind = resolve("isolation", "sandboxes", isolation, shipped, "a kind of jail")
    if not (isinstance(kind, type) and all(callable(getattr(kind, name, None)) for name in _METHODS)):
        wanted = f"a class with {', '.join(f'`{name}`' for name in _METHODS)}"
        raise ConfigError("isolation", wanted, isolation, "See heuresis.sandbox.backends.base.Backend.")
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


_METHODS = ("missing", "configure", "launch")


def probed(name: str, backend: Backend, open_probe: Open) -> str:
    """Why this jail does not hold on this machine; empty when every attack failed. Found once in a process."""
    if name not in _results:
        try:
            _results[name] = backend.missing() or probe_jail(lambda: open_probe(backend))
        except HeuresisError:
            raise
        # A backend from elsewhere may raise anything; what it raised is why its jail is not used.
        except Exception as error:
            _results[name] = cause_of(error)
    return _results[name]
