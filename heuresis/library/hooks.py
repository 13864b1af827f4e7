"""`Hook`: code of your own that is told what happens in a search. It sees, and changes nothing.

A hook may raise, hang or be slow: it runs on a thread of its own, and the search waits for it nowhere but, some
seconds, at the end.
"""

from __future__ import annotations

import inspect
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from heuresis.agent.progress import Progress
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable
from heuresis.library.found import Found, found_of
from heuresis.plugins import cause_of, resolve

if TYPE_CHECKING:
    from heuresis.library.ran import Ran

GRACE_SECONDS = 5.0
"""The end of a run waits so long for hooks that are behind."""
_log = logging.getLogger("heuresis")


@dataclass(frozen=True)
class Running:
    """A search that has begun, as a hook sees it."""

    campaign: str
    problem: str
    method: str
    _stop: threading.Event = field(repr=False, compare=False)
    best: Found | None = None
    """The best program that the campaign has already; None for one that is new."""

    def stop(self) -> None:
        """Ask for a clean end; everything judged is kept, and the same call goes on later."""
        self._stop.set()


class Hook:
    """Derive from it and write the methods that you want; the others do nothing.

        class Tell(heuresis.Hook):
            def judged(self, found):
                print(found)

    All methods of all hooks of a run are called one after another on one thread that is not the search's. What is
    raised there is logged once per hook and method, kept as an event of the campaign, and ends nothing.
    Where nothing is left to run, because the campaign's limits are spent, no method is called.
    """

    def started(self, running: Running) -> None:
        """The search begins, or goes on: `running.best` is what it has found before. `running.stop()` asks for its end,
        now or later."""

    def judged(self, found: Found) -> None:
        """A verdict is committed: once for each, in commit order, failures too. None is left out while the run goes on,
        however slow the hook is."""

    def progressed(self, progress: Progress) -> None:
        """A moment of the search, some times a second; left out while hooks are behind."""

    def ended(self, ran: Ran) -> None:
        """The search is over. What is still running here some seconds later is not waited for."""


_Call = Callable[[Hook], object]
_VERDICTS: tuple[str, _Call] = ("judged", lambda hook: None)
"""In the queue: verdicts are due."""


class Dispatch:
    """Hands what happens to hooks, from the search's thread to theirs.

    What waits takes no room, however long a hook hangs: each verdict is read from the store when its turn comes.
    """

    def __init__(self, hooks: Sequence[Hook], store: Store, grace_seconds: float = GRACE_SECONDS) -> None:
        self._hooks = tuple(hooks)
        self._store = store
        self._grace_seconds = grace_seconds
        self._calls: queue.SimpleQueue[tuple[str, _Call] | None] = queue.SimpleQueue()
        self._told_to = self._due_to = 0
        """Sequence numbers of verdicts: the last that was told, the last that is to be."""
        self._due = self._delivered = 0
        self._verdicts_queued = False
        self._latest: Progress | None = None
        self._told: set[tuple[int, str]] = set()
        self._troubles: deque[Mapping[str, str]] = deque()
        self._abandoned = False
        self._record: CampaignRecord | None = None
        self._thread = threading.Thread(target=self._work, name="heuresis-hooks", daemon=True)
        if self._hooks:
            self._thread.start()

    def started(self, running: Running) -> None:
        self._put("started", lambda hook: hook.started(running))

    def committed(self, entries: Sequence[Entry]) -> None:
        """`heuresis.agent.loop.Commits`."""
        if not self._hooks:
            return
        if self._record is None:
            self._record = self._store.campaign(entries[0].campaign)
            self._told_to = entries[0].sequence - 1
        self._keep_troubles(entries[0].campaign)
        self._due_to, self._due = entries[-1].sequence, self._due + len(entries)
        if not self._verdicts_queued:
            self._verdicts_queued = True
            self._calls.put(_VERDICTS)

    def progressed(self, now: Progress) -> None:
        """`heuresis.agent.loop.Observer`. One that comes before the last was told takes its place."""
        if not self._hooks:
            return
        waiting = self._latest is not None
        self._latest = replace(now, by_status=dict(now.by_status), faults=dict(now.faults))
        if not waiting:
            self._calls.put(("progressed", self._tell_latest))

    def end(self, campaign: str, ran: Ran | None) -> None:
        """Tell of the end (None: the run was broken off by an error) and wait for the hooks, for some seconds."""
        if not self._hooks:
            return
        if ran is not None:
            self._put("ended", lambda hook: hook.ended(ran))
        self._calls.put(None)
        self._thread.join(self._grace_seconds)
        if self._thread.is_alive():
            self._abandoned = True
            left = f"hooks were still at work {self._grace_seconds:g} s after the end and are not waited for"
            _log.warning("%s; %d verdicts were not told to all of them", left, self._due - self._delivered)
            self._troubles.append({"hook": "", "method": "", "error": left})
        self._keep_troubles(campaign)

    def _put(self, method: str, call: _Call) -> None:
        if self._hooks:
            self._calls.put((method, call))

    def _tell_latest(self, hook: Hook) -> None:
        now = self._latest
        if now is not None:
            hook.progressed(now)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None and not self._abandoned:
            method, call = item
            if item is _VERDICTS:
                self._tell_verdicts()
                continue
            for hook in self._hooks:
                self._call(hook, method, call)
            if method == "progressed":
                self._latest = None

    def _tell_verdicts(self) -> None:
        """All that are due."""
        self._verdicts_queued = False  # one that is committed from here on asks for another round
        try:
            for entry in self._store.entries(self._record.name if self._record else "", self._told_to):
                if self._abandoned or entry.sequence > self._due_to:
                    return
                self._tell(entry)
        except Unavailable as error:  # the file is gone; the search finds that out by itself
            _log.warning("verdicts cannot be read for hooks: %s", error)

    def _tell(self, entry: Entry) -> None:
        if self._record is not None:
            found = found_of(self._store, self._record, entry)
            for hook in self._hooks:
                self._call(hook, "judged", lambda hook: hook.judged(found))
        self._told_to, self._delivered = entry.sequence, self._delivered + 1

    def _call(self, hook: Hook, method: str, call: _Call) -> None:
        try:
            call(hook)
        # Whatever a hook raises, SystemExit and KeyboardInterrupt too: the user reads it in the log and in the store.
        except BaseException as error:
            place = (id(hook), method)
            if place not in self._told:
                self._told.add(place)
                name = f"{type(hook).__name__}.{method}"
                _log.warning("hook %s raised; the search goes on. %s", name, cause_of(error))
                self._troubles.append({"hook": type(hook).__name__, "method": method, "error": cause_of(error)})

    def _keep_troubles(self, campaign: str) -> None:
        """As events of the campaign, on the search's thread, between its transactions."""
        while self._troubles and self._store.campaign(campaign) is not None:
            payload = self._troubles.popleft()
            with self._store.transaction(durable=False) as transaction:
                transaction.add_event(campaign, "hook", dict(payload))


def checked_hooks(hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    """The hooks. Raises ConfigError for anything that is none."""
    if isinstance(hooks, Hook):
        raise ConfigError("hooks", "a list of hooks", f"one hook: {hooks!r}", "Write hooks=[...].")
    for one in hooks:
        if not isinstance(one, Hook):
            hint = f"Write {one.__name__}()." if isinstance(one, type) and issubclass(one, Hook) else ""
            raise ConfigError("hooks", "objects of classes derived from heuresis.Hook", one, hint)
    return tuple(hooks)


def load_hook(name: str) -> Hook:
    """The hook of a plugin's name, `package.module:Name` or `path/to/file.py:Name`: a class derived from Hook, or an
    object of one. Raises ConfigError."""
    found = resolve("--hook", "hooks", name, {}, "a hook")
    if isinstance(found, type) and issubclass(found, Hook):
        _check_no_arguments(found)
        try:
            found = found()
        # The user's own constructor may raise anything; it is told in words and with its cause.
        except Exception as error:
            raise ConfigError("--hook", "a hook that can be made without arguments", name, cause_of(error)) from error
    if not isinstance(found, Hook):
        raise ConfigError("--hook", "a class derived from heuresis.Hook, or an object of one", name)
    return found


def _check_no_arguments(kind: type[Hook]) -> None:
    """Raises ConfigError for a class that cannot be called without arguments."""
    try:
        inspect.signature(kind).bind()
    except ValueError:  # it does not tell its arguments; calling it will
        return
    except TypeError:
        name = kind.__name__
        raise ConfigError(
            "--hook",
            "a hook that can be made without arguments",
            f"{name}, which needs some",
            f"Make an object of {name} in its file and name that object.",
        ) from None
