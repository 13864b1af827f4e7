"""litellm against a local server over real HTTP, and each of its own errors. No hosted provider is called."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import pytest

from heuresis.agent.models.litellm_model import LitellmModel, _litellm, fault_from
from heuresis.agent.models.protocol import Model, ModelFault
from heuresis.archive.calls import Ask, Fault, Tokens
from heuresis.testing import answers
from heuresis.testing.answers import Answer, Status, Text
from heuresis.testing.server import ModelServer

PLENTY_SECONDS = 60.0


@pytest.fixture(scope="module")
def litellm() -> ModuleType:
    """Imported once: it takes seconds."""
    library: ModuleType = _litellm()
    return library


@pytest.fixture(autouse=True)
def _loaded(litellm: ModuleType) -> None:
    """Before any deadline is set."""


def model_of(server: ModelServer, key: str = "local-key") -> LitellmModel:
    return LitellmModel("openai/x", api_base=server.url, api_key=key)


def fault_of(model: Model, ask: Ask, seconds: float = PLENTY_SECONDS) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        model.complete(ask, seconds)
    return caught.value


def test_a_reply_comes_with_its_tokens(ask: Ask) -> None:
    with ModelServer(Text("Try best fit.", prompt_tokens=11, completion_tokens=4)) as server:
        reply = model_of(server).complete(ask, PLENTY_SECONDS)
        sent = server.received[0].body
    assert (reply.text, reply.finish, reply.model) == ("Try best fit.", "stop", "stand-in")
    assert reply.tokens == Tokens(prompt=11, completion=4)
    assert "Try best fit." in reply.raw
    assert (sent["model"], sent["max_tokens"], sent["seed"]) == ("x", 100, 7)
    assert sent["messages"][1] == {"role": "user", "content": "Improve this."}
    assert "temperature" not in sent


@pytest.mark.parametrize(
    ("answer", "fault", "paid"),
    [
        (answers.rate_limited(7.0), Fault.RATE_LIMIT, False),
        (answers.INSUFFICIENT_QUOTA, Fault.QUOTA, False),
        (answers.SERVER_ERROR, Fault.SERVER, False),
        (answers.BAD_GATEWAY, Fault.SERVER, False),
        (answers.UNAVAILABLE, Fault.OVERLOADED, False),
        (answers.CONTEXT_LENGTH, Fault.CONTEXT_LENGTH, False),
        (answers.BAD_REQUEST, Fault.BAD_REQUEST, False),
        (answers.INVALID_KEY, Fault.AUTHENTICATION, False),
        (answers.FORBIDDEN, Fault.AUTHENTICATION, False),
        (answers.MODEL_NOT_FOUND, Fault.UNKNOWN_MODEL, False),
        (answers.NullContent(), Fault.EMPTY, True),
        (answers.EmptyContent(), Fault.EMPTY, True),
        (answers.Filtered(), Fault.FILTERED, True),
        (answers.Reset(), Fault.CONNECTION, True),
        (Status(504), Fault.DEADLINE, True),
    ],
    ids=lambda value: str(value)[:40],
)
def test_faults_over_http_are_told(ask: Ask, answer: Answer, fault: Fault, paid: bool) -> None:
    with ModelServer(answer) as server:
        told = fault_of(model_of(server), ask)
        assert len(server.received) == 1  # never sent again by itself
    assert (told.fault, told.may_be_paid) == (fault, paid)


@pytest.mark.parametrize(
    "answer",
    [answers.TruncatedBody(), answers.TruncatedJson(), answers.Malformed(), answers.Html(), answers.EmptyChoices()],
    ids=lambda value: type(value).__name__,
)
def test_bodies_that_are_no_reply_are_asked_for_again(ask: Ask, answer: Answer) -> None:
    """Which of the faults it is, litellm does not always say."""
    with ModelServer(answer) as server:
        told = fault_of(model_of(server), ask)
        assert len(server.received) == 1
    assert told.fault in {Fault.CONNECTION, Fault.CUT, Fault.NOT_JSON, Fault.MALFORMED, Fault.EMPTY, Fault.CRASHED}
    assert told.may_be_paid


@pytest.mark.parametrize(
    "answer", [answers.HangBeforeHeaders(), answers.HangInBody(), answers.SlowDrip("x" * 500, 0.02)]
)
def test_the_deadline_holds(ask: Ask, answer: Answer) -> None:
    with ModelServer(answer) as server:
        told = fault_of(model_of(server), ask, 0.5)
    assert (told.fault, told.may_be_paid) == (Fault.DEADLINE, True)


def test_a_server_that_is_not_there_is_told_and_was_not_paid(ask: Ask) -> None:
    with ModelServer(Text("ok")) as server:
        server.down()
        told = fault_of(model_of(server), ask)
    assert (told.fault, told.may_be_paid) == (Fault.CONNECTION, False)


def test_a_key_that_the_provider_repeats_goes_nowhere(
    ask: Ask, canary: str, nowhere: Callable[[Model, ModelFault], None]
) -> None:
    with ModelServer(answers.INVALID_KEY) as server:
        model = model_of(server, canary)
        told = fault_of(model, ask)
    assert "[key]" in str(told)
    nowhere(model, told)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("anthropic/claude-sonnet-4-5", Fault.AUTHENTICATION),
        ("gemini/x", Fault.AUTHENTICATION),
        ("no/x", Fault.UNKNOWN_MODEL),
    ],
)
def test_a_missing_key_or_provider_is_told_before_anything_is_sent(
    ask: Ask, name: str, fault: Fault, capfd: pytest.CaptureFixture[str]
) -> None:
    told = fault_of(LitellmModel(name), ask)
    assert (told.fault, told.may_be_paid) == (fault, False)
    assert capfd.readouterr() == ("", "")


def responded(status: int, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=names, request=httpx.Request("POST", "https://provider.example"))


@pytest.mark.parametrize(
    ("make", "fault", "paid"),
    [
        (lambda e: e.AuthenticationError("no", "p", "m"), Fault.AUTHENTICATION, False),
        (lambda e: e.PermissionDeniedError("no", "p", "m", response=responded(403)), Fault.AUTHENTICATION, False),
        (lambda e: e.NotFoundError("no", "m", "p"), Fault.UNKNOWN_MODEL, False),
        (lambda e: e.BadRequestError("no", "m", "p"), Fault.BAD_REQUEST, False),
        (lambda e: e.UnsupportedParamsError("no", "p", "m"), Fault.BAD_REQUEST, False),
        (lambda e: e.UnprocessableEntityError("no", "m", "p", response=responded(422)), Fault.BAD_REQUEST, False),
        (lambda e: e.ContextWindowExceededError("long", "m", "p"), Fault.CONTEXT_LENGTH, False),
        (lambda e: e.ContentPolicyViolationError("no", "m", "p"), Fault.FILTERED, False),
        (lambda e: e.RateLimitError("slow", "p", "m"), Fault.RATE_LIMIT, False),
        (lambda e: e.RateLimitError("insufficient_quota", "p", "m"), Fault.QUOTA, False),
        (lambda e: e.BadRequestError("Your credit balance is too low", "m", "p"), Fault.QUOTA, False),
        (lambda e: e.ServiceUnavailableError("later", "p", "m"), Fault.OVERLOADED, False),
        (lambda e: e.InternalServerError("broke", "p", "m"), Fault.CRASHED, True),
        (lambda e: e.BadGatewayError("broke", "p", "m"), Fault.SERVER, False),
        (lambda e: e.APIError(529, "overloaded", "p", "m"), Fault.OVERLOADED, False),
        (lambda e: e.Timeout("late", "m", "p"), Fault.DEADLINE, True),
        (lambda e: e.APIConnectionError("what?", "p", "m"), Fault.CRASHED, True),
        (lambda e: e.APIResponseValidationError("odd", "p", "m"), Fault.CRASHED, True),
        (lambda e: e.BudgetExceededError(1.0, 0.5), Fault.QUOTA, False),
        (lambda e: ValueError("a bug"), Fault.CRASHED, True),
    ],
)
def test_litellm_s_own_errors_are_faults(
    litellm: Any, make: Callable[[Any], BaseException], fault: Fault, paid: bool
) -> None:
    told = fault_from(make(litellm.exceptions))
    assert (told.fault, told.may_be_paid) == (fault, paid)


def test_the_wish_of_the_provider_to_wait_is_told(litellm: Any) -> None:
    error = litellm.exceptions.RateLimitError("slow", "p", "m", response=responded(429, retry_after="7"))
    assert fault_from(error).retry_after == 7.0


def test_litellm_fetches_no_price_list_when_it_is_imported() -> None:
    """That it is not imported before the first call is tested with the catalog."""
    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
