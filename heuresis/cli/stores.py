"""Opening the store, choosing the campaign, and writing commands that can be copied."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heuresis.cli.options import DEFAULT_STORAGE, STORAGE_VARIABLE
from heuresis.cli.output import remark
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.archive.records import CampaignRecord
    from heuresis.archive.store import Store

_SHORT = 8


def open_store(storage: str, *, create: bool = False) -> Store:
    """The store at this URL. Raises ConfigError in a sentence."""
    from heuresis.archive.store import Store

    return Store.open(storage, create=create)


def choose(
    store: Store, name: str | None, also: str | None = None, *, tell: bool = True, begun: bool = False
) -> CampaignRecord:
    """The campaign named (as an argument, or `also` by option), or the newest; `begun`: of those that hold a program.

    Which one it took is said on stderr where there are several.
    """
    if name is not None and also is not None:
        raise ConfigError("--campaign", "no campaign beside it as an argument", f"{name} and --campaign {also}")
    name = name if also is None else also
    records = store.campaigns()
    if not records:
        raise ConfigError("storage", "a store with a campaign", f"{store.path}, which has none", "Start: heuresis run.")
    if name is None:
        if begun:
            records = [one for one in records if store.totals(one.name).briefs] or records
        if tell and len(records) > 1:
            remark(f"campaign {records[-1].name}, the newest of {len(records)} (another: give its name)")
        return records[-1]
    for record in records:
        if record.name == name:
            return record
    from heuresis.cli.options import did_you_mean

    names = [record.name for record in records]
    raise ConfigError("campaign", f"one of {', '.join(names)}", name, did_you_mean(name, names))


def tell_campaign(store: Store, name: str, program_id: str) -> None:
    """On stderr, where the program is in several campaigns: which one is shown."""
    others = [one for one in store.campaigns_with(program_id) if one != name]
    if others:
        listed = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        remark(f"as in campaign {name}; also in {listed} (--campaign NAME)")


def short(program_id: str) -> str:
    """As shown in tables."""
    return program_id[:_SHORT]


def unique(store: Store, program_id: str) -> str:
    """The shortest prefix of at least 8 digits that means only this program."""
    for length in range(_SHORT, len(program_id)):
        try:
            store.full_id(program_id[:length])
        except ConfigError:
            continue
        return program_id[:length]
    return program_id


@dataclass(frozen=True)
class Shell:
    """Writes command lines that work when they are copied into the user's shell."""

    storage: str | None = None
    """Where it is not the one that is taken without --storage."""

    def command(self, *words: str) -> str:
        usual = os.environ.get(STORAGE_VARIABLE) or DEFAULT_STORAGE
        where = () if self.storage in (None, usual) else ("--storage", self.storage)
        return f"{_program()} {shlex.join((*words, *where))}"


def _program() -> str:
    """`heuresis` where the shell finds ours; else the script beside this interpreter; else the module."""
    script = Path(sys.executable).parent / "heuresis"
    found = shutil.which("heuresis")
    if found and Path(found).resolve() == script.resolve():
        return "heuresis"
    if os.access(script, os.X_OK):
        here = Path.cwd()
        return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))
    return f"{shlex.quote(sys.executable)} -m heuresis"
