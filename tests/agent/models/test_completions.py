"""Bodies, plain and streamed, become completions or faults; nothing in them is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.models.events import events
from heuresis.agent.models.openai_model import reply_of
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Fault, Tokens

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def body(content: Any = "hello", finish: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return {"model": "m-1", "choices": [choice], "usage": USAGE} | more


def stream(*chunks: Any, end: str = "data: [DONE]\n\n") -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


def delta(content: Any, finish: Any = None) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}


def fault(text: str) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        reply_of(text)
    assert caught.value.raw == text
    return caught.value


def outcome(text: str) -> Completion | ModelFault:
    try:
        return reply_of(text)
    except ModelFault as told:
        return told


def test_a_whole_body_is_a_completion() -> None:
    text = json.dumps(body())
    reply = reply_of(text)
    assert (reply.text, reply.finish, reply.model, reply.raw) == ("hello", "stop", "m-1", text)
    assert reply.tokens == Tokens(prompt=10, completion=5)


def test_a_reply_that_was_cut_at_its_length_is_a_completion() -> None:
    assert reply_of(json.dumps(body(finish="length"))).finish == "length"


def test_content_in_parts_is_joined_and_thinking_left_out() -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}, 5]
    assert reply_of(json.dumps(body(parts))).text == "hello"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<html><body>Bad gateway</body></html>", Fault.NOT_JSON),
        ("OK", Fault.NOT_JSON),
        ('{"choices": nonsense}', Fault.NOT_JSON),
        ("[" * 200_000 + "]" * 200_000, Fault.NOT_JSON),
        ("", Fault.CUT),
        (json.dumps(body())[:-1], Fault.CUT),
        (json.dumps(body("}"))[:70], Fault.CUT),
        ('{"choices": [{"message": {"content": "a}', Fault.CUT),
        ("[]", Fault.MALFORMED),
        ('"text"', Fault.MALFORMED),
        ("{}", Fault.MALFORMED),
        ('{"object": "list", "data": []}', Fault.MALFORMED),
        (json.dumps(body() | {"choices": "none"}), Fault.MALFORMED),
        (json.dumps(body() | {"choices": [None]}), Fault.MALFORMED),
        (json.dumps(body() | {"choices": [{"finish_reason": "stop"}]}), Fault.MALFORMED),
        (json.dumps(body(5)), Fault.MALFORMED),
        (json.dumps({"error": "odd"}), Fault.MALFORMED),
        (json.dumps(body() | {"choices": []}), Fault.EMPTY),
        (json.dumps(body() | {"choices": None}), Fault.EMPTY),
        (json.dumps(body(None)), Fault.EMPTY),
        (json.dumps(body(" \n")), Fault.EMPTY),
        (json.dumps(body([])), Fault.EMPTY),
        (json.dumps(body("half", "content_filter")), Fault.FILTERED),
    ],
)
def test_what_is_no_completion_is_a_fault_that_may_have_been_paid_for(text: str, expected: Fault) -> None:
    told = fault(text)
    assert told.fault is expected
    assert told.may_be_paid


def test_an_empty_reply_says_what_it_cost_and_why_it_is_empty() -> None:
    told = fault(json.dumps(body(None, "length")))
    assert told.tokens == Tokens(prompt=10, completion=5)
    assert "larger max_tokens" in str(told)


def test_a_refusal_in_words_is_told() -> None:
    refused = body(None)
    refused["choices"][0]["message"]["refusal"] = "I will not."
    assert "the model refuses: I will not." in str(fault(json.dumps(refused)))


def test_an_error_inside_of_a_success_is_what_its_code_says() -> None:
    told = fault(json.dumps({"error": {"code": 429, "message": "slow down"}}))
    assert (told.fault, told.may_be_paid) == (Fault.RATE_LIMIT, False)
    told = fault(json.dumps({"error": {"code": 502, "message": "upstream broke"}}))
    assert (told.fault, told.may_be_paid) == (Fault.SERVER, True)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        5,
        {},
        {"prompt_tokens": 5},
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": "10", "completion_tokens": 5},
        {"prompt_tokens": 1.5, "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
        {"prompt_tokens": 10**12, "completion_tokens": 5},
        {"prompt_tokens": 0, "completion_tokens": 0},
    ],
)
def test_a_usage_that_cannot_be_true_counts_as_missing(usage: object) -> None:
    assert reply_of(json.dumps(body(usage=usage))).tokens is None


def test_thinking_that_only_the_total_shows_is_counted_with_the_reply() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    assert reply_of(json.dumps(body(usage=usage))).tokens == Tokens(prompt=10, completion=105)


def test_a_stream_is_joined_into_the_same_completion() -> None:
    text = stream(delta("hel"), delta("lo", "stop"), {"model": "m-1", "choices": [], "usage": USAGE})
    reply = reply_of(text)
    assert (reply.text, reply.finish, reply.model, reply.raw) == ("hello", "stop", "m-1", text)
    assert reply.tokens == Tokens(prompt=10, completion=5)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_comments_names_and_all_line_ends_are_understood(newline: str) -> None:
    text = ": hi\n\nevent: x\nid: 1\n" + stream(delta("hello", "stop"))
    assert reply_of(text.replace("\n", newline)).text == "hello"


@pytest.mark.parametrize(
    "text",
    [
        stream(delta("hello"), end=""),
        stream(delta("hello"), end='data: {"choices": [{"delta": {"con'),
        stream(delta("hello"), end='data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}'),
        ": only a comment\n\n",
    ],
)
def test_a_stream_without_an_end_is_cut(text: str) -> None:
    assert fault(text).fault is Fault.CUT


def test_a_stream_may_end_with_a_finish_reason_or_with_done() -> None:
    assert reply_of(stream(delta("hello", "stop"), end="")).text == "hello"
    assert reply_of(stream(delta("hello"))).text == "hello"
    assert reply_of(stream(delta("hello"), end="data: [DONE]")).text == "hello"


def test_faults_within_a_stream_are_told() -> None:
    assert fault(stream(delta("half"), {"error": {"code": 503, "message": "gone"}})).fault is Fault.OVERLOADED
    assert fault(stream(delta("half", "content_filter"))).fault is Fault.FILTERED
    assert fault(stream(delta(None, "stop"))).fault is Fault.EMPTY
    assert fault(stream()).fault is Fault.MALFORMED
    assert fault("data: oops\n\n" + stream(delta("x"))).fault is Fault.NOT_JSON


def test_the_data_of_an_event_may_span_lines() -> None:
    assert list(events("data: a\ndata: b\n\ndata:c\n\ndata: lost")) == ["a\nb", "c"]


@given(st.text(max_size=200))
def test_any_text_is_a_completion_or_a_fault(text: str) -> None:
    for candidate in (text, "data: " + text, json.dumps(body(text)), stream(delta(text))):
        assert outcome(candidate).raw == candidate


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_any_json_in_any_place_is_a_completion_or_a_fault(value: Any) -> None:
    bodies = [
        value,
        body(value),
        body(finish=value),
        body(usage=value),
        body(choices=value),
        body(error=value, choices=[]),
    ]
    chunks = [value, delta(value), delta("a", value), {"choices": value}, {"choices": [value]}, {"usage": value}]
    for candidate in (*map(json.dumps, bodies), *(stream(chunk) for chunk in chunks)):
        assert outcome(candidate).raw == candidate
