"""Names of packages: one that pip takes, and the one that Python imports it by."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass

from heuresis.errors import ConfigError

_PEP_508 = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_LONGEST = 100


@dataclass(frozen=True)
class Name:
    """Of a package."""

    package: str
    """For pip: letters, digits, `-`."""
    module: str
    """For `import`."""


def name_of(wanted: str | None, problem: str, program_id: str, taken: Collection[str]) -> Name:
    """The wanted name, or one made from the problem and the program. `taken`: import names that it must not hide.

    Raises ConfigError for a name that pip or Python would not take.
    """
    package = _default(problem, program_id) if wanted is None else wanted
    if not _PEP_508.fullmatch(package) or len(package) > _LONGEST:
        raise ConfigError("--name", "letters, digits and - _ . between them (PEP 508)", package)
    module = re.sub(r"[-_.]+", "_", package).lower()
    if not module.isidentifier() or keyword.iskeyword(module):
        raise ConfigError("--name", "a name that Python can import", f"{package}, which would be {module!r}")
    if module in sys.stdlib_module_names or module in {"heuresis", "pytest", "program", "replay", *taken}:
        raise ConfigError("--name", "a name that hides no other package", package)
    return Name(re.sub(r"[-_.]+", "-", package), module)


def _default(problem: str, program_id: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", problem)
    plain = re.sub(r"[^a-z0-9]+", "-", spaced.lower()).strip("-") or "program"
    return f"{'p-' if plain[0].isdigit() else ''}{plain[: _LONGEST - 20]}-{program_id[:8]}"
