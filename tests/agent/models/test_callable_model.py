"""A function as a model: whatever it does, the caller gets a completion or a fault."""

from __future__ import annotations

import sys
import threading

import pytest

from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Ask, Fault, Message

ASK = Ask((Message("system", "Be brief."), Message("user", "Hello?")), "improve")


def fault(model: CallableModel, seconds: float = 60.0) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        model.complete(ASK, seconds)
    assert caught.value.may_be_paid
    return caught.value


def test_the_function_gets_the_messages_and_its_text_is_the_reply() -> None:
    seen: list[object] = []

    def answer(messages: list[dict[str, str]]) -> str:
        seen.extend(messages)
        return "hi"

    reply = CallableModel(answer, name="mine").complete(ASK, 60.0)
    assert seen == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert (reply.text, reply.finish, reply.model, reply.tokens, reply.raw) == ("hi", "stop", "mine", None, "hi")


@pytest.mark.parametrize(
    ("returned", "expected"),
    [(None, Fault.EMPTY), ("", Fault.EMPTY), (" \n", Fault.EMPTY), (5, Fault.MALFORMED), (b"hi", Fault.MALFORMED)],
)
def test_no_text_is_a_fault(returned: object, expected: Fault) -> None:
    assert fault(CallableModel(lambda messages: returned)).fault is expected


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_whatever_it_raises_is_told_with_its_type(error: BaseException) -> None:
    def failing(messages: object) -> str:
        raise error

    told = fault(CallableModel(failing))
    assert told.fault is Fault.CRASHED
    assert type(error).__name__ in str(told)


def test_an_error_that_cannot_be_printed_is_told_too() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def failing(messages: object) -> str:
        raise Odd

    assert str(fault(CallableModel(failing))) == "Odd: (no text)"


def test_a_secret_in_what_it_raises_or_returns_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", "canary-1234")

    def failing(messages: object) -> str:
        raise ValueError("canary-1234 is wrong")

    told = fault(CallableModel(failing))
    assert str(told) == "ValueError: [key] is wrong"
    assert told.__cause__ is None
    assert told.__context__ is None
    reply = CallableModel(lambda messages: "canary-1234").complete(ASK, 60.0)
    assert (reply.text, reply.raw) == ("[key]", "[key]")


def test_a_text_that_utf_8_cannot_store_is_made_storable() -> None:
    assert CallableModel(lambda messages: "a\ud800b").complete(ASK, 60.0).text == "a?b"


def test_a_function_that_hangs_is_left_behind() -> None:
    gate = threading.Event()
    try:
        assert fault(CallableModel(lambda messages: gate.wait()), 0.05).fault is Fault.DEADLINE
    finally:
        gate.set()


def test_its_name_is_where_it_is_found() -> None:
    assert CallableModel(sys.intern).name == "sys:intern"
    assert repr(CallableModel(sys.intern)) == "CallableModel('sys:intern')"
