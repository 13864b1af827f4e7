"""A pool of referee processes, one thread each: jobs in, futures out.

A thread only waits for its process. A process that dies is replaced and its job is tried again, at most twice more. A
program on which three referees in a row have died gets the status VIOLATION: it must not stop a campaign for good.
"""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from heuresis.errors import ConfigError, HeuresisError, Unavailable
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, Status
from heuresis.evaluators.recording import Transcript
from heuresis.plugins import StartedWhileLoaded, being_loaded

_TRIES = 3
_CLOSING = "the pool of referees is closing"
_SERVE = "import sys; sys.path[:] = sys.argv[3:]; from heuresis.evaluators.serve import run; run()"
"""It finds the modules that we find, in the same order: a user's in the current folder come last, as here."""


class RefereeProcess:
    """One referee process and the channel to it."""

    def __init__(self, setup: jobs.Setup) -> None:
        """Raises ConfigError or Unavailable with the process's own words."""
        _not_while_importing()
        ours, theirs = socket.socketpair()
        lifeline_read, self._lifeline = os.pipe()
        command = [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno()), str(lifeline_read), *sys.path]
        self._process = subprocess.Popen(
            command,
            pass_fds=(theirs.fileno(), lifeline_read),
            stdin=subprocess.DEVNULL,
            env=referee_environment(),
            start_new_session=True,  # Ctrl-C is the driver's; the lifeline ends us when the driver ends
        )
        theirs.close()
        os.close(lifeline_read)
        self._channel = ours
        self.isolation = self._set_up(setup)

    def _set_up(self, setup: jobs.Setup) -> str:
        try:
            jobs.send(self._channel, setup)
            ready = jobs.receive(self._channel, jobs.Ready)
        except OSError:
            ready = None
        if ready is None:
            self.close()
            raise Unavailable("the referee process ended before it was ready; its output above says why")
        if ready.config_error or ready.unavailable:
            self.close()
            raise _config_error(ready.config_error) if ready.config_error else Unavailable(ready.unavailable)
        return ready.isolation

    def judge(self, job: jobs.Job) -> Recorded:
        try:
            jobs.send(self._channel, job)
            done = jobs.receive(self._channel, jobs.Done)
        except OSError as error:
            raise _Died(str(error)) from error
        if done is None:
            raise _Died(f"the referee process ended with exit status {self._process.wait()}")
        if done.evaluation is None:
            raise Unavailable(done.unavailable)
        return Recorded(done.evaluation, done.transcript)

    def close(self) -> None:
        self._channel.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self._process.wait()


class _Died(HeuresisError):
    """The referee process is gone; its job may be tried on another."""


def _config_error(text: str) -> ConfigError:
    """One that the referee process has already put into words; what was expected and what came stay one sentence."""
    key, _, rest = text.partition(": expected ")
    error = ConfigError(key, rest, "")
    error.args = (text,)
    return error


@dataclass(frozen=True)
class Recorded:
    """A verdict and what crossed the wall on the way to it."""

    evaluation: Evaluation
    transcript: Transcript
    """Empty unless the job asks for it."""


class Pool:
    """`size` referee processes. `submit` returns at once; close kills what still runs."""

    def __init__(self, setup: jobs.Setup, size: int) -> None:
        self._setup = setup
        self._jobs: queue.SimpleQueue[tuple[jobs.Job, Future[Any], Callable[[Recorded], object]] | None]
        self._jobs = queue.SimpleQueue()
        self._closing = False
        self._submitting = threading.Lock()
        self._processes: list[RefereeProcess | None] = [RefereeProcess(setup)]
        self._processes += [None] * (size - 1)
        self.isolation = self._processes[0].isolation if self._processes[0] else ""
        self._threads = [threading.Thread(target=self._work, args=(slot,), daemon=True) for slot in range(size)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: jobs.Job) -> Future[Evaluation]:
        """Raises nothing; the future carries the verdict or `Unavailable`."""
        future: Future[Evaluation] = Future()
        self._put(job, future, lambda done: done.evaluation)
        return future

    def record(self, job: jobs.Job) -> Future[Recorded]:
        """As `submit`, with the transcript that the job asks for."""
        future: Future[Recorded] = Future()
        self._put(job, future, lambda done: done)
        return future

    def _put(self, job: jobs.Job, future: Future[Any], wanted: Callable[[Recorded], object]) -> None:
        with self._submitting:  # after `close` no thread is left to answer it
            if not self._closing:
                self._jobs.put((job, future, wanted))
                return
        future.set_exception(Unavailable(_CLOSING))

    def close(self) -> None:
        """Give up what runs and what waits: their futures carry `Unavailable`; processes and jails are gone."""
        with self._submitting:
            self._closing = True
            for _ in self._threads:
                self._jobs.put(None)
        for process in self._processes:
            if process is not None:
                process.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self, slot: int) -> None:
        while (item := self._jobs.get()) is not None:
            job, future, wanted = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(wanted(self._judge(slot, job)))
            # Whatever it is, the driver's loop looks at it next: it waits on this future.
            except BaseException as error:
                future.set_exception(error)

    def _judge(self, slot: int, job: jobs.Job) -> Recorded:
        last: Exception | None = None
        for _ in range(_TRIES):
            if self._closing:
                break
            try:
                return self._process(slot).judge(job)
            except _Died as died:
                last = died
                self._replace(slot)
        if self._closing:  # then it was `close` that ended the referee, not the program
            raise Unavailable(_CLOSING)
        reason = f"ended its referee {_TRIES} times in a row ({last})"
        return Recorded(Evaluation(Status.VIOLATION, None, reason=reason, stage="referee"), Transcript())

    def _process(self, slot: int) -> RefereeProcess:
        process = self._processes[slot]
        if process is None:
            process = self._processes[slot] = RefereeProcess(self._setup)
            if self._closing:  # `close` may have looked before this one was there
                process.close()
        return process

    def _replace(self, slot: int) -> None:
        process, self._processes[slot] = self._processes[slot], None
        if process is not None and not self._closing:
            process.close()


def _not_while_importing() -> None:
    """A referee imports the script that its problem is in; one that searches as it is imported would never end."""
    if being_loaded():
        raise StartedWhileLoaded("a search")


def referee_environment() -> dict[str, str]:
    """Ours without anything that looks like a key: the referee needs none."""
    secret = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    return {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in secret)}
