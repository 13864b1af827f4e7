"""The contract of models: those that keep it pass, and each breach is found."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request

import pytest

from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Ask, Fault
from heuresis.testing import contract
from heuresis.testing.scripted import ScriptedModel

KEY = "sk-of-this-test"


class Plain:
    """A small model over urllib that keeps the contract but for what a subclass breaks; no deadline of its own."""

    name = "plain"

    def __init__(self, url: str) -> None:
        self.url = url

    def complete(self, ask: Ask, seconds: float) -> Completion:
        body = {"messages": [{"role": one.role, "content": one.content} for one in ask.messages]}
        headers = {"Authorization": f"Bearer {KEY}"}
        request = urllib.request.Request(f"{self.url}/chat/completions", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                text = json.load(response)["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            with error:
                raise self.refused(error.read().decode()) from None
        except Exception as error:
            raise ModelFault(Fault.CRASHED, f"{type(error).__name__}") from error
        if not text:
            raise ModelFault(Fault.EMPTY, "no text")
        return Completion(text, "stop", "plain", None, text)

    def refused(self, body: str) -> Exception:
        return ModelFault(Fault.SERVER, "refused")


class Chatty(Plain):
    def refused(self, body: str) -> Exception:
        return ModelFault(Fault.AUTHENTICATION, body)


class Crashing(Plain):
    def refused(self, body: str) -> Exception:
        return RuntimeError("not told as a ModelFault")


class Stubborn(Plain):
    def complete(self, ask: Ask, seconds: float) -> Completion:
        try:
            return super().complete(ask, seconds)
        except ModelFault:
            return super().complete(ask, seconds)


class Renamed(Plain):
    calls = 0

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"plain-{self.calls}"

    def complete(self, ask: Ask, seconds: float) -> Completion:
        self.calls += 1
        return super().complete(ask, seconds)


class Shared(Plain):
    """Keeps the question of a call in the object."""

    def complete(self, ask: Ask, seconds: float) -> Completion:
        self.ask = ask
        time.sleep(0.05)
        return super().complete(self.ask, seconds)


class Silent(Plain):
    def complete(self, ask: Ask, seconds: float) -> Completion:
        return Completion("", "stop", "plain", None, "")


def test_a_model_of_a_function_keeps_the_contract():
    contract.check_model(lambda url: CallableModel(lambda messages: messages[-1]["content"], name="echo"), key=KEY)


def test_a_scripted_model_keeps_the_contract():
    contract.check_model(lambda url: ScriptedModel(lambda ask: ask.messages[-1].content), key=KEY)


@pytest.mark.parametrize(
    "check",
    [
        contract.it_answers_with_a_text,
        contract.its_name_stays_the_same_and_holds_no_secret,
        contract.each_thread_gets_its_own_answer,
        contract.it_raises_model_faults_and_nothing_else,
        contract.a_server_that_is_gone_is_a_model_fault,
        contract.it_calls_once_and_never_retries,
    ],
)
def test_a_model_over_http_keeps_all_but_its_deadline(check):
    check(Plain)


@pytest.mark.parametrize(
    ("check", "make", "said"),
    [
        (contract.it_answers_with_a_text, Silent, "a completion with a text"),
        (contract.its_name_stays_the_same_and_holds_no_secret, Renamed, "the name 'plain-0'"),
        (contract.each_thread_gets_its_own_answer, Shared, "in its own thread"),
        (contract.it_gives_up_in_time_whatever_arrives_meanwhile, Plain, "an end within 6.0 s of SlowDrip"),
        (contract.it_raises_model_faults_and_nothing_else, Crashing, "a ModelFault and nothing else"),
        (contract.a_server_that_is_gone_is_a_model_fault, lambda url: Silent(url), "a text or a ModelFault"),
        (contract.it_calls_once_and_never_retries, Stubborn, "one call"),
    ],
)
def test_each_breach_is_found(check, make, said):
    with pytest.raises(AssertionError) as caught:
        check(make)
    assert said in str(caught.value)


def test_a_key_in_a_message_is_found():
    with pytest.raises(AssertionError, match="no secret"):
        contract.it_raises_model_faults_and_nothing_else(Chatty, KEY)


def test_a_key_in_a_name_is_found():
    class Named(Plain):
        name = f"plain with {KEY}"

    with pytest.raises(AssertionError, match="no secret"):
        contract.its_name_stays_the_same_and_holds_no_secret(Named, KEY)


def test_the_checks_leave_no_thread_behind():
    before = threading.active_count()
    contract.it_calls_once_and_never_retries(Plain)
    assert threading.active_count() <= before
