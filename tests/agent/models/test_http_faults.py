"""Refusals over HTTP, by the statuses and wordings of the providers."""

from __future__ import annotations

import email.utils
import json

import pytest

from heuresis.agent.models.http_faults import LONGEST_MESSAGE, Refusal, fault_of, retry_after
from heuresis.archive.calls import Fault

NOW = 1_700_000_000.0


def refused(status: int, body: str = "", **headers: str) -> Refusal:
    return Refusal(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, NOW)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (301, Fault.BAD_REQUEST),
        (400, Fault.BAD_REQUEST),
        (401, Fault.AUTHENTICATION),
        (402, Fault.QUOTA),
        (403, Fault.AUTHENTICATION),
        (404, Fault.UNKNOWN_MODEL),
        (405, Fault.BAD_REQUEST),
        (408, Fault.SERVER),
        (409, Fault.SERVER),
        (413, Fault.CONTEXT_LENGTH),
        (422, Fault.BAD_REQUEST),
        (429, Fault.RATE_LIMIT),
        (500, Fault.SERVER),
        (502, Fault.SERVER),
        (503, Fault.OVERLOADED),
        (504, Fault.DEADLINE),
        (524, Fault.DEADLINE),
        (529, Fault.OVERLOADED),
        (599, Fault.SERVER),
    ],
)
def test_each_status_is_a_fault_and_only_a_proxy_s_timeout_may_be_paid(status: int, fault: Fault) -> None:
    told = fault_of(refused(status, "no words"))
    assert told.fault is fault
    assert told.may_be_paid is (fault is Fault.DEADLINE)
    assert told.raw == "no words"
    assert str(told).startswith(f"HTTP {status}: no words")


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        # https://platform.openai.com/docs/guides/error-codes
        (429, '{"error": {"type": "insufficient_quota", "message": "You exceeded your current quota"}}', Fault.QUOTA),
        (400, '{"error": {"code": "context_length_exceeded", "message": "too long"}}', Fault.CONTEXT_LENGTH),
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000", Fault.CONTEXT_LENGTH),
        (400, '{"error": {"code": "content_filter"}}', Fault.FILTERED),
        (400, '{"error": {"code": "model_not_found"}}', Fault.UNKNOWN_MODEL),
        (403, '{"error": {"code": "model_not_found"}}', Fault.UNKNOWN_MODEL),
        # Anthropic
        (400, "prompt is too long: 210000 tokens > 200000 maximum", Fault.CONTEXT_LENGTH),
        (400, "Your credit balance is too low to access the Anthropic API", Fault.QUOTA),
        # Bedrock, Gemini, llama.cpp, LM Studio
        (400, "Input is too long for requested model.", Fault.CONTEXT_LENGTH),
        (400, "The input token count (1200000) exceeds the maximum number", Fault.CONTEXT_LENGTH),
        (400, "the request exceeds the available context size, try increasing it", Fault.CONTEXT_LENGTH),
        (
            400,
            "The number of tokens to keep from the initial prompt is greater than the context length",
            Fault.CONTEXT_LENGTH,
        ),
        # Gemini's wording for a limit per minute: no lack of money
        (429, "You exceeded your current quota, please check your plan", Fault.RATE_LIMIT),
        # vLLM
        (400, "The model `llama` does not exist.", Fault.UNKNOWN_MODEL),
    ],
)
def test_providers_wordings_are_understood(status: int, body: str, fault: Fault) -> None:
    assert fault_of(refused(status, body)).fault is fault


def test_a_question_that_is_repeated_in_the_refusal_does_not_decide_what_it_means() -> None:
    body = json.dumps({"error": {"message": "bad value"}, "input": "insufficient_quota, the model does not exist"})
    assert fault_of(refused(400, body)).fault is Fault.BAD_REQUEST


def test_the_message_is_the_provider_s_and_is_cut_to_length() -> None:
    body = json.dumps({"error": {"message": "Too  many\nwords " * 100}})
    told = str(fault_of(refused(429, body)))
    assert told.startswith("HTTP 429: Too many words Too many")
    assert len(told) < LONGEST_MESSAGE + 30


def test_an_unknown_address_is_told_how_addresses_end() -> None:
    assert "most end in /v1" in str(fault_of(refused(404)))


@pytest.mark.parametrize(
    "body", ["", "[]", "null", '{"error": null}', '{"error": {"message": 5}}', "[" * 100_000, "\x00"]
)
def test_a_body_of_any_kind_is_no_trouble(body: str) -> None:
    assert fault_of(refused(500, body)).fault is Fault.SERVER


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "3600"}, 60.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": email.utils.formatdate(NOW + 12, usegmt=True)}, 12.0),
        ({"retry-after": email.utils.formatdate(NOW - 99, usegmt=True)}, 0.0),
        ({"retry-after": email.utils.formatdate(NOW + 9999, usegmt=True)}, 60.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        *(
            ({"retry-after": garbage}, None)
            for garbage in ["", "soon", "-3", "nan", "inf", "1e999", "99 Foo 2020", "\x00"]
        ),
    ],
)
def test_retry_after_comes_in_three_forms_is_capped_and_garbage_is_passed_over(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds
