"""Live progress: a panel that repaints itself on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from heuresis.cli.output import console
from heuresis.cli.scale import seconds_text
from heuresis.cli.visible import visible

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

    from heuresis.agent.progress import Progress
    from heuresis.cli.board import Board

_REPAINT_SECONDS = 0.2
_LINE_SECONDS = 5.0
_WARMING = "warming up"
_COMPILES = " (on its first run on a machine it compiles for some seconds)"


class Display(Protocol):
    """Shows the moments of a run; used by the campaign loop's thread only."""

    def __call__(self, now: Progress) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def note(self, text: str) -> None:
        """Something to tell beside the figures."""
        ...


def display_for(board: Board) -> Display:
    return Panel(board) if console().is_terminal and not console().is_dumb_terminal else Lines(board)


class Lines:
    """A line every five seconds, and one at each new best."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._best = ""
        self._trouble = ""
        self._seeds: tuple[str, ...] = ()
        self._next = 0.0
        self._said: tuple[object, ...] = ()

    def __enter__(self) -> Self:
        self._next = time.monotonic() + _LINE_SECONDS
        print(self._board.title, flush=True)
        print(self._board.meaning, flush=True)
        print(warming(self._board), flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def __call__(self, now: Progress) -> None:
        if now.trouble and now.trouble != self._trouble:
            print(f"waiting: {visible(now.trouble)}", flush=True)
        self._trouble = now.trouble
        if now.seeds and not self._seeds:
            self._seeds = tuple(now.seeds)
            print(f"judging the problem's seeds: {visible(', '.join(now.seeds))}", flush=True)
        moment = time.monotonic()
        if now.best_program == self._best and moment < self._next and not now.forced:
            return
        self._best, self._next = now.best_program, moment + _LINE_SECONDS
        said = (now.evaluations, now.best_program, now.calls, sum(now.by_status.values()))
        if now.forced and said == self._said:
            return  # the last line says it already
        self._said = said
        print(line_of(self._board, now), flush=True)

    def note(self, text: str) -> None:
        print(text, flush=True)


def warming(board: Board) -> str:
    """What is said before the first verdict. Problems that compile have loaded numba; loading it takes seconds too."""
    _ = board.campaign.problem
    return _WARMING + (_COMPILES if "numba" in sys.modules else "")


def line_of(board: Board, now: Progress) -> str:
    failed, count = board.failures(now), board.evaluations(now)
    parts = [
        f"{seconds_text(now.active_seconds):>7}",
        f"{count:>7} evaluation{'s' * (count != '1')}",
        f"{board.rate(now):>10}",
        f"best {board.best_id(now)} {board.best(now)}" if now.best_program else "no score yet",
        f"stopped early {stopped}" if (stopped := board.stopped(now)) else "",
        f"failed {failed}" if failed != "none" else "",
        _seeding(now),
        board.money(now),
        f"faults {board.faults(now)}" if now.faults else "",
        f"{seconds_text(now.seconds_left)} left" if now.seconds_left and not now.forced else "",
    ]
    return "  ".join(part for part in parts if part)


def _seeding(now: Progress) -> str:
    """Which seeds are at a referee; empty once the search itself is on."""
    return f"judging seed{'s' * (len(now.seeds) != 1)} {visible(', '.join(now.seeds))}" if now.seeds else ""


class Panel:
    """A few aligned lines that are painted over."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._next = 0.0
        self._note = ""
        self._live: Live | None = None
        self._now: Progress | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(self._picture(), console=console(), auto_refresh=False, transient=True)
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, now: Progress) -> None:
        self._now = now
        moment = time.monotonic()
        if moment >= self._next or now.forced:
            self._next = moment + _REPAINT_SECONDS
            self._paint()

    def note(self, text: str) -> None:
        self._note = text
        self._paint()

    def _paint(self) -> None:
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        title = Text(self._board.title, "bold", no_wrap=True, overflow="ellipsis")
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True, min_width=len("stopped early"))
        table.add_column(no_wrap=True, overflow="ellipsis")
        for name, text in self._facts():
            table.add_row(name, Text(text, no_wrap=True, overflow="ellipsis"))
        return Group(title, Text(self._board.meaning, "dim", no_wrap=True, overflow="ellipsis"), table)

    def _facts(self) -> list[tuple[str, str]]:
        board, now = self._board, self._now
        if now is None:
            rows = [("", warming(board))]
        else:
            best = f"{board.best(now)}  {board.best_id(now)}"
            rows = [
                ("evaluations", f"{board.evaluations(now)}, {board.rate(now)}"),
                ("", _seeding(now)),
                ("best", best),
                ("best seed", board.seed()),
                ("published", board.published()),
                ("stopped early", board.stopped(now)),
                ("failed", board.failures(now)),
                ("model", board.money(now)),
                ("faults", board.faults(now)),
                ("waiting", visible(now.trouble)),
                ("time", board.time(now)),
            ]
        return [row for row in [*rows, ("", self._note)] if row[1]]
