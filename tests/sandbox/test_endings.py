"""However a program ends, the referee learns why, and the worker is as it was."""

from __future__ import annotations

import gc
import glob
import os
from pathlib import Path

import pytest

from heuresis.errors import Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.protocol import Call, Ending, JailEnded
from heuresis.sandbox.session import JailSession
from heuresis.sandbox.worker import JailWorker, open_worker
from tests.sandbox.hostile import HONEST, HOSTILE, SMALL, Hostile


def play(worker: JailWorker, hostile: Hostile) -> tuple[Ending | None, str]:
    """The ending and its reason; or None and the answer's error."""
    try:
        with worker.start(Program.of(hostile.text), ("f",), hostile.limits, 0) as session:
            answer = session.call([Call("f")])[0]
    except JailEnded as ended:
        return ended.ending, ended.reason
    return None, answer.error or ""


def honest(worker: JailWorker) -> object:
    with worker.start(Program.of(HONEST), ("f",), Limits(), 11) as session:
        return session.call([Call("f")])[0].value


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_program_comes_to_its_ending(worker: JailWorker, hostile: Hostile) -> None:
    if worker.isolation.endswith("nocgroup") and hostile.ending is Ending.MEMORY:
        ending, reason = play(worker, hostile)  # an address space limit raises MemoryError first
        assert (ending, reason[:11]) in ((Ending.MEMORY, "memory limi"), (None, "MemoryError"))
        return
    ending, reason = play(worker, hostile)
    assert ending is hostile.ending, reason
    assert hostile.words in reason


def processes() -> set[str]:
    return {name for name in os.listdir("/proc") if name.isdigit() and _is_ours(name)}


def _is_ours(pid: str) -> bool:
    """True for this process and its descendants."""
    while pid not in ("0", "1"):
        if pid == str(os.getpid()):
            return True
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = file.read().rpartition(")")[2].split()[1]
        except OSError:
            return False
    return False


def our_cgroups() -> set[str]:
    return set(glob.glob(f"/sys/fs/cgroup/*/**/heuresis-{os.getpid()}-*", recursive=True))


def mounts() -> int:
    with open("/proc/self/mountinfo") as file:
        return len(file.readlines())


def traces() -> dict[str, object]:
    """What a careless worker would leave on the host."""
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    fds = sorted(os.readlink(link) for link in links if os.path.islink(link))
    return {"processes": processes(), "cgroups": our_cgroups(), "mounts": mounts(), "descriptors": fds}


@pytest.mark.slow
def test_a_hundred_hostile_programs_leave_the_worker_and_the_host_as_they_were() -> None:
    gc.collect()
    before = traces()
    quick = [hostile for hostile in HOSTILE if hostile.ending not in (Ending.WALL, Ending.CPU, Ending.MEMORY)]
    with open_worker() as worker:
        expected = honest(worker)
        warm = processes()
        for number in range(100):
            play(worker, quick[number % len(quick)])
            if number % 10 == 0:
                assert honest(worker) == expected
                assert processes() == warm
        assert honest(worker) == expected
    assert traces() == before


def test_honest_answers_are_bit_identical_between_attackers(worker: JailWorker) -> None:
    expected = honest(worker)
    for hostile in HOSTILE[:3]:
        play(worker, hostile)
        assert honest(worker) == expected


def test_an_ended_session_raises_the_same_end_again(worker: JailWorker) -> None:
    session = worker.start(Program.of("import os\ndef f(): os._exit(3)"), ("f",), SMALL, 0)
    for _ in range(2):
        with pytest.raises(JailEnded, match="exited with code 3"):
            session.call([Call("f")])
    session.close()
    session.close()


def call_often(session: JailSession) -> None:
    for _ in range(20):
        session.call([Call("f")])


def test_wall_time_is_counted_over_the_calls_of_a_session(worker: JailWorker) -> None:
    program = Program.of("import time\ndef f(): time.sleep(0.1)")
    with worker.start(program, ("f",), Limits(wall_seconds=0.55), 0) as session, pytest.raises(JailEnded) as ended:
        call_often(session)
    assert ended.value.ending is Ending.WALL
    assert session.usage.calls < 8


def test_our_own_work_is_not_charged_to_the_child(worker: JailWorker) -> None:
    import time

    program = Program.of("def f(g): return g()")
    with worker.start(program, ("f",), Limits(wall_seconds=2.0), 0) as session:
        assert session.call([Call("f", (lambda: time.sleep(2.2),))])[0].error is None
        assert session.usage.wall_seconds < 2.0


def memory_kilobytes(name: str) -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def test_a_flood_of_output_does_not_grow_the_referee(worker: JailWorker) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew from here
    before = memory_kilobytes("VmRSS")
    limits = Limits(wall_seconds=20, output_bytes=200 << 20)
    program = Program.of("import os\ndef f():\n for _ in range(3000): os.write(1, b'x' * 65536)")
    with worker.start(program, ("f",), limits, 0) as session:
        session.call([Call("f")])
        assert session.usage.output_bytes == 3000 * 65536
        assert len(session.output) == 8192
    assert memory_kilobytes("VmHWM") - before < 20_000


def test_a_worker_whose_warm_parent_was_killed_makes_a_new_one() -> None:
    import signal

    with open_worker() as worker:
        expected = honest(worker)
        others = processes() - {str(os.getpid())}
        for pid in others:
            if int(pid) in _children_of(os.getpid()):
                os.kill(int(pid), signal.SIGKILL)
        try:
            again = honest(worker)
        except Unavailable:  # it died while it was asked
            again = honest(worker)
        assert again == expected


def _children_of(pid: int) -> set[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return set(map(int, file.read().split()))
