"""The calls in flight halve once for a burst of faults and grow again with the answers; an outage is probed singly."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.models.backoff import LONGEST_PAUSE_SECONDS, BackOff
from heuresis.archive.calls import Fault


def back_off(limit: int = 16) -> BackOff:
    return BackOff(limit, random.Random(0))


def wake(back: BackOff, now: float) -> float:
    at = back.wake_at(now)
    assert at is not None
    return at


def test_without_faults_there_is_room_up_to_the_limit() -> None:
    back = back_off(16)
    assert back.room([], 0.0) == 16
    assert back.room([0.0] * 15, 1.0) == 1
    assert back.room([0.0] * 16, 1.0) == 0
    assert back.wake_at(1.0) is None


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        back_off(0)


def test_a_burst_of_sixteen_failing_calls_halves_once() -> None:
    back = back_off(16)
    for index in range(16):
        back.failed(Fault.RATE_LIMIT, None, sent=0.0, now=1.0 + index / 100)
    assert back.room([], wake(back, 1.2)) == 8


def test_nothing_is_sent_during_the_pause_and_it_ends() -> None:
    back = back_off()
    back.failed(Fault.OVERLOADED, None, sent=0.0, now=10.0)
    end = wake(back, 10.0)
    assert 10.25 <= end <= 10.5
    assert back.room([], end - 0.001) == 0
    assert back.room([], end) > 0
    assert back.wake_at(end) is None


def test_the_pauses_double_up_to_a_minute() -> None:
    back, now, pauses = back_off(), 0.0, []
    for _ in range(10):
        back.failed(Fault.OVERLOADED, None, sent=now, now=now + 0.001)
        now = wake(back, now + 0.001)
        pauses.append(now)
    lengths = [after - before for before, after in zip([0.0, *pauses], pauses, strict=False)]
    for index, length in enumerate(lengths):
        longest = min(LONGEST_PAUSE_SECONDS, 0.5 * 2**index)
        assert longest / 2 <= length <= longest + 0.01
    assert lengths[-1] >= 30


def test_a_success_starts_the_pauses_again_from_the_shortest() -> None:
    back = back_off()
    for sent in (0.0, 10.0, 20.0):
        back.failed(Fault.OVERLOADED, None, sent=sent, now=sent + 1)
    back.succeeded(sent=30.0)
    back.failed(Fault.OVERLOADED, None, sent=40.0, now=41.0)
    assert wake(back, 41.0) - 41.0 <= 0.5


def test_a_second_pause_in_a_row_lets_one_call_through_at_a_time() -> None:
    back = back_off(16)
    back.failed(Fault.OVERLOADED, None, sent=0.0, now=1.0)
    back.failed(Fault.OVERLOADED, None, sent=5.0, now=6.0)
    now = wake(back, 6.0)
    assert back.room([], now) == 1
    assert back.room([now], now + 1) == 0
    back.succeeded(sent=now)
    assert back.room([], now + 2) > 1


def test_calls_that_hang_since_before_the_outage_do_not_stop_the_probe() -> None:
    back = back_off(16)
    back.failed(Fault.OVERLOADED, None, sent=0.0, now=1.0)
    back.failed(Fault.OVERLOADED, None, sent=5.0, now=6.0)
    hanging = [0.0] * 9
    assert back.room(hanging, wake(back, 6.0)) == 1
    assert back.room([0.0] * 16, wake(back, 6.0)) == 0


def test_a_success_from_before_the_fault_does_not_end_the_outage() -> None:
    back = back_off(16)
    back.failed(Fault.RATE_LIMIT, None, sent=0.0, now=1.0)
    back.failed(Fault.RATE_LIMIT, None, sent=5.0, now=6.0)
    back.succeeded(sent=5.5)
    assert back.room([], wake(back, 6.0)) == 1


def test_the_provider_s_wish_is_the_least_pause() -> None:
    back = back_off()
    back.failed(Fault.RATE_LIMIT, 20.0, sent=0.0, now=1.0)
    assert 21.0 <= wake(back, 1.0) <= 21.5


def test_a_late_wish_of_the_same_burst_makes_the_pause_longer_but_not_the_window_smaller() -> None:
    back = back_off(16)
    back.failed(Fault.RATE_LIMIT, None, sent=0.0, now=1.0)
    back.failed(Fault.RATE_LIMIT, 30.0, sent=0.0, now=2.0)
    assert wake(back, 2.0) == 32.0
    assert back.room([], 32.0) == 8


def test_every_second_success_makes_room_for_one_more_up_to_the_limit() -> None:
    back = back_off(16)
    back.failed(Fault.RATE_LIMIT, None, sent=0.0, now=1.0)
    now = wake(back, 1.0)
    for _ in range(4):
        back.succeeded(sent=now)
    assert back.room([], now) == 10
    for _ in range(1000):
        back.succeeded(sent=now)
    assert back.room([], now) == 16


@pytest.mark.parametrize("fault", [Fault.SERVER, Fault.CONNECTION])
def test_an_error_now_and_then_is_no_reason_to_slow_down_and_three_in_a_row_are(fault: Fault) -> None:
    back = back_off(16)
    for sent in range(10):
        back.failed(fault, None, sent=sent, now=sent + 0.2)
        back.succeeded(sent=sent + 0.3)
    assert back.room([], 11.0) == 16
    for sent in (11.0, 12.0, 13.0):
        back.failed(fault, None, sent=sent, now=sent + 0.2)
    assert back.room([], wake(back, 13.2)) == 8


def test_one_bad_answer_changes_nothing_and_three_in_a_row_are_an_outage() -> None:
    back = back_off(16)
    for sent in (0.0, 1.0):
        back.failed(Fault.NOT_JSON, None, sent=sent, now=sent + 0.5)
    assert back.room([], 2.0) == 16
    back.succeeded(sent=2.0)
    for sent in (3.0, 4.0, 5.0):
        assert back.room([], sent) == 16
        back.failed(Fault.NOT_JSON, None, sent=sent, now=sent + 0.5)
    assert back.room([], 5.5) == 0
    assert back.room([], wake(back, 5.5)) == 8


def test_a_refusal_of_one_ask_shows_that_the_endpoint_is_up() -> None:
    back = back_off(16)
    back.failed(Fault.OVERLOADED, None, sent=0.0, now=1.0)
    back.failed(Fault.OVERLOADED, None, sent=5.0, now=6.0)
    now = wake(back, 6.0)
    back.failed(Fault.CONTEXT_LENGTH, None, sent=now, now=now + 1)
    assert back.room([], now + 1) > 1


def test_the_same_seed_gives_the_same_pauses() -> None:
    first, second = back_off(), back_off()
    for back in (first, second):
        back.failed(Fault.SERVER, None, sent=0.0, now=1.0)
    assert first.wake_at(1.0) == second.wake_at(1.0)


@given(st.lists(st.tuples(st.sampled_from([*Fault, None]), st.floats(0, 100), st.floats(0, 60)), max_size=60))
def test_room_stays_between_nothing_and_the_limit_and_every_pause_ends(
    steps: list[tuple[Fault | None, float, float]],
) -> None:
    back, now = back_off(8), 0.0
    for fault, seconds, wish in steps:
        sent, now = now, now + seconds
        if fault is None:
            back.succeeded(sent=sent)
        else:
            back.failed(fault, wish, sent=sent, now=now)
        at = back.wake_at(now)
        assert at is None or now < at <= now + wish + LONGEST_PAUSE_SECONDS
        assert 1 <= back.room([], now + 200) <= 8
        assert back.room([now] * 8, now) == 0
