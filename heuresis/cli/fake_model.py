"""`heuresis fake-model`: try a search with a model that is none."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.output import say
from heuresis.cli.stores import Shell
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.testing.server import ModelServer


def fake_model(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8790,
    seconds: Annotated[float, typer.Option("--seconds", min=0.0, help="Until an answer begins.")] = 0.0,
    faults: Annotated[float, typer.Option("--faults", min=0.0, max=1.0, help="Share of calls that go wrong.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the edits and the faults.")] = 0,
) -> None:
    """Serve a stand-in for a language model: random edits, no model.

    It talks like OpenAI's API on this machine only, until Ctrl-C: a search,
    its budget and its retries can be tried without a key.
    """
    from heuresis.testing.fake import stand_in
    from heuresis.testing.server import ModelServer

    server = ModelServer(stand_in(seed=seed, seconds=seconds, faults=faults), port=port, keep=0)
    _start(server, port)
    try:
        _tell(server.url)
        _wait()
    finally:
        server.close()


def _start(server: ModelServer, port: int) -> None:
    try:
        server.start()
    except OSError as error:
        raise ConfigError("--port", "a port that is free", str(port), f"{error.strerror or error}.") from error


def _wait() -> None:
    """Until Ctrl-C or SIGTERM; also where the shell that started us in the background has them ignored."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.default_int_handler)
    threading.Event().wait()


def _tell(url: str) -> None:
    say("This is a stand-in, not a language model: it edits programs at random.", "bold")
    say(f"It listens at {url} until Ctrl-C. Try it in another window:")
    search = ("run", "online_bin_packing", "--model", "openai/stand-in", "--api-base", url, "--price", "0,0")
    say(f"  {Shell().command(*search)}")
    sys.stdout.flush()  # somebody may read it through a pipe while this goes on
