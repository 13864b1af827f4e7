"""Options of commands that ask a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from heuresis.agent.asking import Asking

_PANEL = "Language model"


def _option(*names: str, help: str, **more: object) -> object:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL, **more)  # type: ignore[arg-type]


ModelName = Annotated[
    str | None,
    _option("--model", help="openai/NAME, PROVIDER/NAME, any name with --api-base, or package.module:function."),
]
ApiBase = Annotated[
    str | None, _option("--api-base", metavar="URL", help="An OpenAI-compatible endpoint: http://localhost:8000/v1.")
]
MaxUsd = Annotated[float | None, _option("--max-usd", help="Stop before the calls cost more, in US dollars.")]
MaxTokens = Annotated[int | None, _option("--max-tokens", min=1, help="Stop before more tokens are read and written.")]
MaxCalls = Annotated[int | None, _option("--max-calls", min=1, help="Stop after this many calls.")]
PriceText = Annotated[
    str | None, _option("--price", metavar="IN,OUT", help="USD per million tokens, where it is not known.")
]
Concurrency = Annotated[int, _option("--concurrency", help="Calls in flight at once.")]
CallSeconds = Annotated[float, _option("--call-seconds", help="A call is given up after this.")]
Stream = Annotated[bool, _option("--stream", help="Ask for streamed replies (some providers want it).")]
Prompts = Annotated[
    Path | None, _option("--prompts", metavar="FOLDER", help="Templates of yours that replace ours of the same name.")
]


def model_words(asking: Asking) -> list[str]:
    """The words of a command that asks in this way."""
    words = ["--model", asking.name]
    for option, value in (("--api-base", asking.api_base), ("--price", asking.price), ("--prompts", asking.prompts)):
        words += [option, str(value)] if value else []
    words += ["--concurrency", str(asking.concurrency)] if asking.concurrency != 8 else []
    words += ["--call-seconds", f"{asking.call_seconds:g}"] if asking.call_seconds != 300.0 else []
    return words + (["--stream"] if asking.stream else [])
