"""Options that several commands share."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Sequence
from typing import Annotated

import typer

from heuresis.errors import ConfigError
from heuresis.library import defaults

DEFAULT_STORAGE = defaults.DEFAULT_STORAGE
STORAGE_VARIABLE = "HEURESIS_STORAGE"


class Format(enum.StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TextOrJson(enum.StrEnum):
    TABLE = "table"
    JSON = "json"


Storage = Annotated[
    str, typer.Option("--storage", envvar=STORAGE_VARIABLE, metavar="URL", help="The store: sqlite:///FILE.")
]
OwnCampaign = Annotated[
    str | None,
    typer.Option("--campaign", metavar="NAME", help="Default: the one where the program did best."),
]
CampaignArgument = Annotated[
    str | None, typer.Argument(metavar="[CAMPAIGN]", help="Default: the only campaign of the store, or the newest.")
]
CampaignAlias = Annotated[str | None, typer.Option("--campaign", metavar="NAME", hidden=True)]
"""The same as the argument, for hands that are used to the option of other commands."""
Formats = Annotated[Format, typer.Option("--format", help="How to print it.")]
CampaignName = Annotated[
    str | None,
    typer.Option("--campaign", metavar="NAME", help="Default: the only campaign of the store, or the newest."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the problem (instances=FILE.json); repeatable."),
]
ProblemName = Annotated[
    str,
    typer.Argument(metavar="PROBLEM", help="See: heuresis problems. Or package.module:Class, path/to/file.py:Class."),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="For problems that want a GPU: auto, cpu, cuda:N or GPU-UUID."),
]
MinIsolation = Annotated[
    str,
    typer.Option("--min-isolation", metavar="NAME", help="Use no weaker jail than this: see heuresis sandbox check."),
]
Isolation = Annotated[
    str,
    typer.Option(
        "--isolation", metavar="NAME", help="The kind of jail: see heuresis sandbox check. Or package.module:Class."
    ),
]
UnsafeNoSandbox = Annotated[
    bool,
    typer.Option(
        "--unsafe-no-sandbox", help="Run programs WITHOUT isolation where no sandbox works. Only for code you trust."
    ),
]


def read_pairs(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping. Raises ConfigError for one without `=`, or a key given twice."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ConfigError(option, "KEY=VALUE", text)
        if key in pairs:
            raise ConfigError(f"{option} {key}", "one value", f"two: {pairs[key]} and {value}")
        pairs[key] = value
    return pairs


def did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]}?" if close else ""
