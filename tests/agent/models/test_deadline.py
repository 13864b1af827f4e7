"""The caller goes on at the deadline, whatever the call does; what it left behind is bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from heuresis.agent.models import deadline
from heuresis.agent.models.deadline import Leash, abandoned, within
from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Fault


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened at the end of the test, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()
    while abandoned():
        time.sleep(0.001)


def test_a_call_in_time_gives_its_result() -> None:
    assert within(60.0, lambda leash: 7) == 7


def test_an_error_of_the_call_is_raised_to_its_caller() -> None:
    def failing(leash: Leash) -> int:
        raise KeyError("odd")

    with pytest.raises(KeyError, match="odd"):
        within(60.0, failing)


def test_a_call_that_hangs_is_left_behind_at_the_deadline(gate: threading.Event) -> None:
    with pytest.raises(ModelFault, match=r"no complete reply after 0\.05 s") as caught:
        within(0.05, lambda leash: gate.wait())
    assert caught.value.fault is Fault.DEADLINE
    assert caught.value.may_be_paid


def test_the_call_is_told_that_nobody_waits(gate: threading.Event) -> None:
    cut = threading.Event()

    def hanging(leash: Leash) -> None:
        leash.on_end(cut.set)
        gate.wait()

    with pytest.raises(ModelFault):
        within(0.05, hanging)
    assert cut.wait(60)


def test_what_is_to_be_cut_too_late_is_cut_at_once() -> None:
    leash, cut = Leash(), threading.Event()
    leash.pull()
    leash.on_end(cut.set)
    assert leash.ended
    assert cut.is_set()


def test_a_call_in_time_is_not_cut() -> None:
    cut = threading.Event()
    within(60.0, lambda leash: leash.on_end(cut.set))
    assert not cut.is_set()


def test_no_call_is_begun_while_too_many_hang(gate: threading.Event) -> None:
    for _ in range(deadline.MOST_ABANDONED):
        with pytest.raises(ModelFault):
            within(0.0, lambda leash: gate.wait())
    with pytest.raises(ModelFault, match="64 earlier calls were given up") as caught:
        within(60.0, lambda leash: 7)
    assert caught.value.fault is Fault.CONNECTION
    assert not caught.value.may_be_paid
    gate.set()
    while abandoned():
        time.sleep(0.001)
    assert within(60.0, lambda leash: 7) == 7


def test_thirty_two_calls_at_once_get_their_own_results() -> None:
    together = threading.Barrier(32)
    results: dict[int, int] = {}

    def call(number: int) -> None:
        results[number] = within(60.0, lambda leash: together.wait() * 0 + number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number for number in range(32)}
