"""`heuresis doctor`: can this machine do what is asked of it?"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, Format, Formats, Storage
from heuresis.cli.output import Column, counted, print_rows
from heuresis.errors import ConfigError, HeuresisError

_OPTIONAL = {"torch": "pip install 'heuresis[torch]'"}
_NEEDED = ("numpy", "numba", "scipy", "sqlalchemy", "msgspec", "greenlet", "jinja2", "rich", "typer")
_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor."""

    what: str
    verdict: Literal["ok", "optional", "warn", "bad"]
    """optional: what is not there is wanted by some problems only."""
    text: str


def doctor(form: Formats = Format.TABLE, storage: Storage = DEFAULT_STORAGE) -> int:
    """Check this machine: Python, jail, plugins, store, caches, cores.

    Ends with 3 when something needed is missing.
    """
    findings = [finding for look in _LOOKS for finding in look()] + list(_storage(storage))
    columns = [Column("verdict", "verdict"), Column("what", "what"), Column("text", "found")]
    print_rows(columns, [[one.verdict, one.what, one.text] for one in findings], form)
    return ExitCode.UNAVAILABLE if any(one.verdict == "bad" for one in findings) else ExitCode.OK


def _python() -> Iterator[Finding]:
    import heuresis

    yield Finding("heuresis", "ok", f"{heuresis.__version__}, {Path(heuresis.__file__).parent}")
    version = platform.python_version()
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "bad", f"{version}, {sys.executable}")


def _machine() -> Iterator[Finding]:
    linux = sys.platform == "linux"
    kernel = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("platform", "ok" if linux else "bad", kernel if linux else f"{kernel}: the jail needs Linux")
    root = os.geteuid() == 0
    yield Finding("user", "ok", "root" if root else f"uid {os.geteuid()}, unprivileged")
    yield Finding("cores", "ok", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} may be used")


def _jail() -> Iterator[Finding]:
    from heuresis.sandbox.backends import NO_CGROUP
    from heuresis.sandbox.checking import survey

    jails = [one for one in survey(times=0) if one.name != "none"]
    holding = [one.isolation for one in jails if one.isolation]
    if not holding:
        yield Finding("jail", "bad", "; ".join(f"{one.name}: {one.trouble}" for one in jails))
        return
    text = f"{holding[0]} (probed by attacking it)"
    if holding[0].endswith(NO_CGROUP):
        text += ": no control group, so limits are sampled"
    yield Finding("jail", "warn" if holding[0].endswith(NO_CGROUP) else "ok", text)
    others = f"{', '.join(holding[1:])} would do too" if holding[1:] else "none would do"
    yield Finding("other jails", "ok", f"{others}; all {len(jails)} kinds: heuresis sandbox check")


def _gpus() -> Iterator[Finding]:
    from heuresis.sandbox.gpu import find_devices, free_bytes
    from heuresis.sandbox.leases import LeaseBook, default_folder

    try:
        book = LeaseBook(default_folder(), free_bytes)
        for device in find_devices():
            trouble, leased = book.quarantine(device), book.leased_bytes(device) / (1 << 30)
            text = f"{device.name}, {device.memory_bytes / (1 << 30):.0f} GiB, {leased:.3g} GiB leased"
            yield Finding(
                f"cuda:{device.index}", "warn" if trouble else "ok", f"{text}; {trouble}" if trouble else text
            )
    except HeuresisError as error:
        yield Finding("GPU", "optional", str(error))


def _other_jails() -> Iterator[Finding]:
    """Jails of plugins, used only where they are named."""
    from heuresis.plugins import found
    from heuresis.sandbox.backends import ISOLATIONS
    from heuresis.sandbox.worker import open_worker

    for name, plugin in found("sandboxes").items():
        if name in ISOLATIONS:
            continue  # told with the plugins
        try:
            with open_worker(isolation=name) as worker:
                yield Finding(f"jail {name}", "ok", f"{worker.isolation} of {plugin.origin} (probed by attacking it)")
        except HeuresisError as error:
            yield Finding(f"jail {name}", "warn", f"of {plugin.origin}: {error}")


def _plugins() -> Iterator[Finding]:
    from heuresis.cli.plugins import states

    seen = list(states())
    broken = [f"{one.plugin.name} ({one.plugin.origin})" for one in seen if one.trouble]
    if broken:
        yield Finding("plugins", "warn", f"cannot be used: {', '.join(broken)}; why: heuresis plugins")
    else:
        yield Finding("plugins", "ok", f"{len(seen)} can be used" if seen else "none installed")


def _packages() -> Iterator[Finding]:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        yield Finding("packages", "bad", f"missing: {', '.join(missing)}; install heuresis again")
    else:
        yield Finding("packages", "ok", ", ".join(f"{name} {_version(name)}" for name in _NEEDED[:4]))
    for name, how in _OPTIONAL.items():
        there = importlib.util.find_spec(name) is not None
        yield Finding(name, "ok" if there else "optional", _version(name) if there else f"not installed: {how}")


def _version(name: str) -> str:
    return importlib.metadata.version(name)


def _numba_cache() -> Iterator[Finding]:
    """numba writes compiled code beside the source, else into the user's cache folder."""
    import heuresis.evaluators

    wanted = os.environ.get("NUMBA_CACHE_DIR")
    places = [Path(wanted)] if wanted else [Path(p) for p in heuresis.evaluators.__path__] + [Path.home() / ".cache"]
    writable = [place for place in places if os.access(place, os.W_OK)]
    if writable:
        yield Finding("numba cache", "ok", str(writable[0]))
    else:
        text = "no folder to write to: every start compiles anew; set NUMBA_CACHE_DIR"
        yield Finding("numba cache", "warn", text)


def _temporary() -> Iterator[Finding]:
    folder = Path(tempfile.gettempdir())
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    verdict: Literal["ok", "warn"] = "ok" if free > _FREE_BYTES else "warn"
    yield Finding("temporary", verdict, f"{folder}, {free / (1 << 30):.1f} GiB free")


def _storage(url: str) -> Iterator[Finding]:
    """Opens an existing store and looks it over; of one that is not there only the folder is looked at."""
    from heuresis.cli.stores import open_store

    try:
        with open_store(url) as store:
            store.look_over()
            count, path = len(store.campaigns()), store.path
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        text = f"{path}, {counted(count, 'campaign')}" if writable else f"{path} cannot be written"
        yield Finding("storage", "ok" if writable else "bad", text)
    except ConfigError as error:
        path = Path(url.removeprefix("sqlite:///")).absolute()
        new = "no store at" in str(error) and os.access(path.parent, os.W_OK)
        yield Finding("storage", "ok" if new else "bad", f"{path}: `heuresis run` makes it" if new else str(error))


_LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    *(_python, _machine, _jail, _other_jails, _gpus, _packages, _plugins, _numba_cache, _temporary),
)
