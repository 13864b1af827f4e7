"""Answers that break: what arrives of them, byte for byte, and that no wait outlives its server or its client."""

from __future__ import annotations

import http.client
import json
import socket
import time

import openai
import pytest

from heuresis.testing.answers import (
    CutStream,
    HangBeforeHeaders,
    HangInBody,
    Html,
    Malformed,
    Reset,
    Text,
    TruncatedBody,
    TruncatedJson,
)
from heuresis.testing.server import ModelServer


def opened(server, stream: bool = False, timeout: float = 5.0) -> socket.socket:
    """A connection with a question on its way."""
    body = json.dumps({"model": "m", "messages": [], "stream": stream}).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    return connection


def arrived(connection: socket.socket) -> bytes:
    """All until the connection ends or nothing comes any more."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except TimeoutError:
        return data + b"SILENCE"
    return data


@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_before_the_headers_sends_nothing(stream):
    with ModelServer(HangBeforeHeaders()) as server, opened(server, stream, timeout=0.3) as connection:
        assert arrived(connection) == b"SILENCE"


@pytest.mark.parametrize("answer", [HangBeforeHeaders(0.2), HangInBody(0.2)])
def test_a_hang_ends_with_a_closed_connection_when_its_time_is_over(answer):
    with ModelServer(answer) as server, opened(server) as connection:
        start = time.monotonic()
        assert b"SILENCE" not in arrived(connection)
        assert time.monotonic() - start >= 0.15


@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_in_the_body_sends_half_of_it(stream):
    with ModelServer(HangInBody()) as server, opened(server, stream, timeout=0.3) as connection:
        head, _, body = arrived(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body.endswith(b"SILENCE")
    assert (b"data: {" if stream else b'{"id": "chatcmpl') in body
    assert b"[DONE]" not in body


def test_a_truncated_body_is_shorter_than_its_length_says(ask):
    with ModelServer(TruncatedBody()) as server:
        with pytest.raises(http.client.IncompleteRead) as caught:
            ask(server)
        assert 0 < len(caught.value.partial) <= caught.value.expected + 1
        with pytest.raises(http.client.IncompleteRead):
            ask(server, stream=True)


@pytest.mark.parametrize("stream", [False, True])
def test_truncated_json_is_well_framed_and_cannot_be_read(ask, complete, stream):
    with ModelServer(TruncatedJson()) as server:
        answer = ask(server, stream=stream)
        assert answer.code == 200
        with pytest.raises(json.JSONDecodeError):
            _ = answer.events if stream else answer.json
        with pytest.raises(json.JSONDecodeError):
            complete(server, stream=stream)


def test_malformed_is_json_but_no_completion(ask):
    with ModelServer([Malformed(), Malformed("[1]"), Malformed()]) as server:
        assert ask(server).json == {"object": "error"}
        assert ask(server).json == [1]
        assert ask(server, stream=True).events == [{"object": "error"}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_web_page_comes_with_success(ask, stream):
    with ModelServer(Html()) as server:
        answer = ask(server, stream=stream)
    assert (answer.code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Please sign in" in answer.text


def test_a_reset_comes_before_any_byte():
    with ModelServer(Reset()) as server, opened(server) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_a_cut_stream_is_well_framed_but_has_no_end(ask):
    with ModelServer(CutStream("cut off here")) as server:
        answer = ask(server, stream=True, stream_options={"include_usage": True})
    events = [json.loads(part.removeprefix("data: ")) for part in answer.text.split("\n\n") if part]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == "cut off here"
    assert {event["choices"][0]["finish_reason"] for event in events} == {None}


def test_a_cut_stream_asked_plainly_is_a_truncated_body(ask):
    with ModelServer(CutStream()) as server, pytest.raises(http.client.IncompleteRead):
        ask(server)


@pytest.mark.parametrize(
    "answer", [HangBeforeHeaders(), HangInBody(), TruncatedBody(), Reset()], ids=lambda one: type(one).__name__
)
def test_openais_client_calls_it_a_connection_error(complete, answer):
    with ModelServer(answer) as server, pytest.raises(openai.APIConnectionError):
        complete(server, timeout=0.3)


@pytest.mark.parametrize("answer", [HangBeforeHeaders(), HangInBody(), Text("late", seconds=3600)])
def test_a_wait_ends_at_once_when_the_server_closes(answer):
    server = ModelServer(answer).start()
    with opened(server) as connection:
        wait_until(lambda: server.received)
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 1.0
        assert b"SILENCE" not in arrived(connection)


def test_a_wait_ends_at_once_when_the_client_hangs_up():
    """Else its thread and its place would be gone until the server closes."""
    with ModelServer(HangBeforeHeaders()) as server:
        for _ in range(300):  # more than there are places
            opened(server).close()
        wait_until(lambda: len(server.received) == 300)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
