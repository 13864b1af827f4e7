"""Answers that are refusals, as OpenAI's client reads them."""

from __future__ import annotations

import email.utils
import time

import openai
import pytest

from heuresis.testing import answers
from heuresis.testing.answers import Status, rate_limited
from heuresis.testing.server import ModelServer

REFUSALS = [
    (answers.RATE_LIMITED, 429, openai.RateLimitError, "rate_limit_exceeded"),
    (answers.INSUFFICIENT_QUOTA, 429, openai.RateLimitError, "insufficient_quota"),
    (answers.SERVER_ERROR, 500, openai.InternalServerError, None),
    (answers.UNAVAILABLE, 503, openai.InternalServerError, None),
    (answers.CONTEXT_LENGTH, 400, openai.BadRequestError, "context_length_exceeded"),
    (answers.BAD_REQUEST, 400, openai.BadRequestError, "unsupported_value"),
    (answers.INVALID_KEY, 401, openai.AuthenticationError, "invalid_api_key"),
    (answers.FORBIDDEN, 403, openai.PermissionDeniedError, "unsupported_country"),
    (answers.MODEL_NOT_FOUND, 404, openai.NotFoundError, "model_not_found"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("answer", "code", "kind", "name"), REFUSALS, ids=[f"{row[1]}-{row[3]}" for row in REFUSALS])
def test_a_refusal_is_an_error_in_openais_shape(complete, answer, code, kind, name, stream):
    with ModelServer(answer) as server, pytest.raises(kind) as caught:
        complete(server, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (code, name)
    assert caught.value.body["message"]


def test_a_bad_gateway_sends_a_web_page(ask):
    with ModelServer(answers.BAD_GATEWAY) as server:
        answer = ask(server)
    assert (answer.code, answer.headers["content-type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")


def test_an_overloaded_provider_says_529_as_anthropic_does(ask):
    with ModelServer(answers.OVERLOADED) as server:
        answer = ask(server)
    assert (answer.code, answer.json["error"]["type"]) == (529, "overloaded_error")


def test_a_wrong_key_is_repeated_in_the_message(ask):
    with ModelServer(answers.INVALID_KEY) as server:
        assert ask(server).json["error"]["message"] == "Incorrect API key provided: sk-of-this-test."


def test_an_unknown_model_is_named(ask):
    with ModelServer(answers.MODEL_NOT_FOUND) as server:
        assert "The model `m` does not exist" in ask(server).json["error"]["message"]
        assert 'The model `a "b"` does not' in ask(server, model='a "b"').json["error"]["message"]


def test_the_time_to_wait_is_said_in_three_forms(ask):
    script = [rate_limited(), rate_limited(2), rate_limited(1.5, "milliseconds"), rate_limited(30, "date")]
    with ModelServer(script) as server:
        headers = [ask(server).headers for _ in script]
    said = [(one.get("retry-after"), one.get("retry-after-ms")) for one in headers]
    assert said[:3] == [(None, None), ("2", None), (None, "1500")]
    date, _ = said[3]
    assert 29 < email.utils.parsedate_to_datetime(date).timestamp() - time.time() <= 31


def test_a_status_of_your_own_has_any_code_body_and_delay(ask):
    teapot = Status(418, '{"error": "tea"}', retry_after=7, seconds=0.2)
    with ModelServer([teapot, Status(500)]) as server:
        start = time.monotonic()
        answer = ask(server)
        assert time.monotonic() - start >= 0.2
        assert (answer.code, answer.json, answer.headers["retry-after"]) == (418, {"error": "tea"}, "7")
        assert ask(server).json["error"]["message"] == "The server says 500."
