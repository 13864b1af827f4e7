"""`ScriptedModel`: says what it is told to say, remembers what it was asked."""

from __future__ import annotations

import pytest

from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Ask, Fault, Message, Tokens
from heuresis.testing.scripted import ScriptedModel


def asked(text: str) -> Ask:
    return Ask((Message("system", "be brief"), Message("user", text)), purpose="improve")


def test_texts_come_in_turn_and_the_last_is_repeated():
    model = ScriptedModel(["one", "two"])
    assert [model.complete(asked("x"), 1.0).text for _ in range(3)] == ["one", "two", "two"]


def test_a_completion_is_whole():
    completion = ScriptedModel(["three words here"], name="mine").complete(asked("how are you"), 1.0)
    assert (completion.finish, completion.model, completion.raw) == ("stop", "mine", "three words here")
    assert completion.tokens == Tokens(prompt=5, completion=3)


def test_a_fault_is_raised_anew_each_time():
    told = ModelFault(Fault.RATE_LIMIT, "slow down", may_be_paid=True, retry_after=2.0, tokens=Tokens(1, 1), raw="{}")
    model, caught = ScriptedModel([told]), []
    for _ in range(2):
        with pytest.raises(ModelFault, match="slow down") as info:
            model.complete(asked("x"), 1.0)
        caught.append(info.value)
    assert caught[0] is not caught[1]
    assert caught[0] is not told
    assert vars(caught[0]) == vars(told)


def test_a_function_answers_the_ask():
    model = ScriptedModel(lambda ask: ask.messages[-1].content.upper())
    assert model.complete(asked("loud"), 1.0).text == "LOUD"


def test_what_a_function_raises_goes_up():
    def broken(ask: Ask) -> str:
        raise KeyError("a bug of the test")

    with pytest.raises(KeyError):
        ScriptedModel(broken).complete(asked("x"), 1.0)


def test_an_empty_text_is_a_fault():
    with pytest.raises(ModelFault) as caught:
        ScriptedModel([""]).complete(asked("x"), 1.0)
    assert caught.value.fault is Fault.EMPTY


def test_asks_are_remembered_in_order():
    model = ScriptedModel(["x"])
    for text in "ab":
        model.complete(asked(text), 1.0)
    assert [ask.messages[-1].content for ask in model.asked] == ["a", "b"]


@pytest.mark.parametrize("answers", [[], "a text is no list"])
def test_a_script_without_answers_is_refused(answers):
    with pytest.raises(ValueError, match="at least one text"):
        ScriptedModel(answers)
