"""Answers that are chat completions, read by hand and by OpenAI's client."""

from __future__ import annotations

import json
import time

import pytest

from heuresis.testing.answers import EmptyChoices, EmptyContent, Filtered, Huge, NullContent, SlowDrip, Text, ToolCall
from heuresis.testing.server import ModelServer

WORDS = "The quick brown fox, über den Zaun, jumps over a lazy dog. " * 3


def joined(events) -> str:
    choices = [event["choices"][0]["delta"] for event in events if event["choices"]]
    return "".join(delta.get("content") or "" for delta in choices)


def test_a_text_is_a_chat_completion(ask):
    with ModelServer(Text(WORDS, model="gpt-x", finish="length")) as server:
        answer = ask(server)
    assert (answer.code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["object"] == "chat.completion"
    assert answer.json["model"] == "gpt-x"
    [choice] = answer.json["choices"]
    assert choice["message"]["content"] == WORDS
    assert choice["finish_reason"] == "length"


def test_tokens_are_counted_in_words(ask):
    with ModelServer(Text("one two")) as server:
        usage = ask(server).json["usage"]
    assert usage == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_tokens_can_be_told(ask):
    with ModelServer(Text("one two", prompt_tokens=100, completion_tokens=50)) as server:
        assert ask(server).json["usage"] == {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_may_not_count(ask, stream):
    with ModelServer(Text("one two", usage=False)) as server:
        answer = ask(server, stream=stream, stream_options={"include_usage": True})
    assert '"usage"' not in answer.text


def test_a_stream_brings_the_text_in_pieces_and_ends_with_a_reason_and_done(ask):
    with ModelServer(Text(WORDS)) as server:
        answer = ask(server, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert joined(answer.events) == WORDS
    assert len(answer.events) > 5
    assert [event["choices"][0]["finish_reason"] for event in answer.events[-2:]] == [None, "stop"]
    assert {event["object"] for event in answer.events} == {"chat.completion.chunk"}


def test_a_stream_counts_only_when_asked_to(ask):
    with ModelServer(Text("one two")) as server:
        silent, told = ask(server, stream=True), ask(server, stream=True, stream_options={"include_usage": True})
    assert '"usage"' not in silent.text
    assert told.events[-1]["choices"] == []
    assert told.events[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_openais_client_reads_both(complete):
    with ModelServer(Text(WORDS)) as server:
        assert complete(server).choices[0].message.content == WORDS
        chunks = complete(server, stream=True, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == WORDS
    assert chunks[-1].usage.prompt_tokens == 3


def test_a_text_can_take_its_time(ask):
    with ModelServer(Text("late", seconds=0.3)) as server:
        start = time.monotonic()
        assert ask(server).code == 200
        assert time.monotonic() - start >= 0.3


def test_a_tool_call_has_arguments_and_no_content(complete):
    with ModelServer(ToolCall("search", {"query": "bins"})) as server:
        [choice] = complete(server).choices
        chunks = complete(server, stream=True)
    [called] = choice.message.tool_calls
    assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")
    assert (called.function.name, json.loads(called.function.arguments)) == ("search", {"query": "bins"})
    [[streamed]] = [chunk.choices[0].delta.tool_calls for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert (streamed.index, streamed.function.name) == (0, "search")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_arguments_of_a_tool_call_may_be_broken(complete):
    with ModelServer(ToolCall("search", '{"query": ')) as server:
        assert complete(server).choices[0].message.tool_calls[0].function.arguments == '{"query": '


@pytest.mark.parametrize(
    ("answer", "content", "finish"),
    [
        (EmptyContent(), "", "stop"),
        (EmptyContent("length"), "", "length"),
        (NullContent(), None, "stop"),
        (Filtered(), None, "content_filter"),
        (Filtered("so far"), "so far", "content_filter"),
    ],
)
def test_a_completion_may_hold_nothing_or_less_than_all(ask, answer, content, finish):
    with ModelServer(answer) as server:
        [choice] = ask(server).json["choices"]
        events = ask(server, stream=True).events
    assert (choice["message"]["content"], choice["finish_reason"]) == (content, finish)
    assert joined(events) == (content or "")
    assert events[-1]["choices"][0]["finish_reason"] == finish


def test_a_completion_may_have_no_choices(ask):
    with ModelServer(EmptyChoices()) as server:
        assert ask(server).json["choices"] == []
        assert [event["choices"] for event in ask(server, stream=True).events] == [[]]


def test_a_slow_drip_is_a_good_answer_that_takes_long_without_a_long_silence(ask):
    with ModelServer(SlowDrip("drop", 0.001)) as server:
        start = time.monotonic()
        answer = ask(server, timeout=0.3)
        assert time.monotonic() - start > 0.001 * len(answer.text)
        assert answer.json["choices"][0]["message"]["content"] == "drop"
        assert joined(ask(server, stream=True, timeout=0.3).events) == "drop"


@pytest.mark.parametrize("stream", [False, True])
def test_a_huge_body_is_a_good_answer_of_at_least_its_size(ask, stream):
    with ModelServer(Huge(1_000_000)) as server:
        answer = ask(server, stream=stream)
    assert "content-length" not in answer.headers
    assert 1_000_000 <= len(answer.text) < 1_100_000
    assert joined(answer.events) if stream else answer.json["choices"][0]["message"]["content"]
