"""The referee process, started by `heuresis.evaluators.pool` with the descriptors of its channel and its lifeline.

Answers one Setup with Ready, then each Job with Done, until the driver is gone. It owns one warm worker.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from dataclasses import replace

from heuresis.errors import ConfigError, Unavailable
from heuresis.evaluators import jobs
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.recording import Tape, Transcript
from heuresis.evaluators.referee import Referee
from heuresis.program import Program
from heuresis.sandbox.worker import open_worker

_in_referee = False


def in_referee() -> bool:
    """Whether this process is a referee: here no search and no evaluation may be started."""
    return _in_referee


def main(channel_fd: int, lifeline_fd: int) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle: it stops us cleanly
    threading.Thread(target=_die_with_the_driver, args=(lifeline_fd,), daemon=True).start()
    with socket.socket(fileno=channel_fd) as channel:
        setup = jobs.receive(channel, jobs.Setup)
        if setup is None:
            return 0
        try:
            problem = load_problem(setup.problem, setup.settings)
            if setup.problem_hash not in ("", problem.hash):
                raise ConfigError(
                    "problem", "the code as when the campaign was started", "a file that has changed since"
                )
            _tighten(problem, setup.wall_seconds)
            worker = open_worker(
                tuple(problem.runtime),
                setup.isolation,
                allow_none=setup.allow_none,
                min_isolation=setup.min_isolation,
                device=setup.device,
                gpu_memory_bytes=problem.limits.gpu_memory_bytes,
            )
        except ConfigError as error:
            jobs.send(channel, jobs.Ready(config_error=str(error)))
            return 0
        except Unavailable as error:
            jobs.send(channel, jobs.Ready(unavailable=str(error)))
            return 0
        with worker:
            jobs.send(channel, jobs.Ready(isolation=worker.isolation))
            _serve(channel, Referee(problem, worker, setup.secret))
    return 0


def _tighten(problem: Problem, wall_seconds: float) -> None:
    """Less time than the problem gives, where that was asked for; of this object, not of its class."""
    if 0 < wall_seconds < problem.limits.wall_seconds:
        vars(problem)["limits"] = replace(problem.limits, wall_seconds=wall_seconds)


def _serve(channel: socket.socket, referee: Referee) -> None:
    while (job := jobs.receive(channel, jobs.Job)) is not None:
        program = Program(job.files)
        try:
            jobs.send(channel, _done(referee, program, job))
        except Unavailable as error:
            jobs.send(channel, jobs.Done(unavailable=str(error)))


def _done(referee: Referee, program: Program, job: jobs.Job) -> jobs.Done:
    referee.tape = Tape(job.record_bytes) if job.record_bytes > 0 else None
    if job.tier is None:
        evaluation = referee.judge(program, job.champion, job.bar)
    else:
        evaluation = referee.examine(program, job.tier, job.indices, job.transformation)
    return jobs.Done(evaluation, transcript=referee.tape.transcript() if referee.tape else Transcript())


def _die_with_the_driver(lifeline_fd: int) -> None:
    """Blocks until the driver's end closes, however it died; our own end closing takes the jail along."""
    os.read(lifeline_fd, 1)
    os._exit(0)


def run() -> None:
    global _in_referee
    _in_referee = True  # before a user's file is imported, which may ask
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
