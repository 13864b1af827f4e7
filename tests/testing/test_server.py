"""The server itself: what it remembers, its other endpoints, outages, limits, and a clean end."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from heuresis.testing.answers import HangBeforeHeaders, Status, Text
from heuresis.testing.endpoints import vector
from heuresis.testing.exchange import LARGEST_REQUEST_BYTES
from heuresis.testing.server import MOST_CONNECTIONS, ModelServer

CHAT = "/v1/chat/completions"


def text_of(answer) -> str:
    return answer.json["choices"][0]["message"]["content"]


def raw(server, data: bytes) -> bytes:
    """What comes back for these bytes until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            return file.read()


def test_a_sequence_is_played_in_order_and_its_last_answer_repeated(ask):
    with ModelServer([Text("one"), Text("two")]) as server:
        assert [text_of(ask(server)) for _ in range(4)] == ["one", "two", "two", "two"]


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="at least one answer"):
        ModelServer([])


def test_a_function_answers_what_was_received(ask):
    with ModelServer(lambda received: Text(f"{received.number}: {received.body['model']}")) as server:
        assert [text_of(ask(server, model=name)) for name in "ab"] == ["0: a", "1: b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_function_that_raises_is_told_to_the_client(ask):
    with ModelServer(lambda received: Text(received.body["no such key"])) as server:
        answer = ask(server)
    assert (answer.code, answer.json["error"]["type"]) == (500, "script_error")
    assert "no such key" in answer.json["error"]["message"]


def test_requests_are_remembered_as_they_came(ask, send):
    with ModelServer(Text("x")) as server:
        ask(server, temperature=0.5)
        send(server, "GET", "/v1/models?limit=3", b"")
        ask(server)
        first, listed, second = server.received
    assert (first.method, first.path, first.number, first.body["temperature"]) == ("POST", CHAT, 0, 0.5)
    assert first.headers["authorization"] == "Bearer sk-of-this-test"
    assert (listed.method, listed.path, listed.number, listed.body) == ("GET", "/v1/models?limit=3", 0, None)
    assert second.number == 1


def test_only_the_newest_requests_are_kept(ask):
    with ModelServer(Text("x"), keep=2) as server:
        for _ in range(3):
            ask(server)
        assert [received.number for received in server.received] == [1, 2]


def test_many_threads_get_each_their_own_answer(ask):
    with ModelServer(lambda received: Text(received.body["model"])) as server, ThreadPoolExecutor(16) as pool:
        names = [f"model-{number}" for number in range(64)]
        assert [text_of(answer) for answer in pool.map(lambda name: ask(server, model=name), names)] == names
        assert sorted(received.number for received in server.received) == list(range(64))


def test_one_connection_serves_many_requests():
    with ModelServer([Text("one"), Status(500), Text("three")]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        codes, ports = [], set()
        for _ in range(3):
            connection.request("POST", CHAT, json.dumps({"messages": []}))
            response = connection.getresponse()
            codes.append(response.status)
            response.read()
            ports.add(connection.sock.getsockname())
        connection.close()
    assert (codes, len(ports)) == ([200, 500, 200], 1)


def test_models_are_listed(client):
    with ModelServer(Text("x")) as server:
        assert [model.id for model in client(server).models.list()] == ["stand-in"]


def test_embeddings_follow_from_the_text_alone(client):
    with ModelServer(Text("x")) as server:
        packed = client(server).embeddings.create(model="e", input=["bin", "ball"])  # base64 is the client's default
        plain = client(server).embeddings.create(model="e", input="ball", encoding_format="float")
        short = client(server).embeddings.create(model="e", input="ball", dimensions=3)
    assert packed.data[1].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert plain.data[0].embedding == vector("ball")
    assert packed.data[0].embedding != pytest.approx(packed.data[1].embedding, abs=0.1)
    assert sum(number**2 for number in vector("ball")) == pytest.approx(1.0)
    assert len(short.data[0].embedding) == 3
    assert packed.usage.prompt_tokens == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "said"),
    [
        ("POST", CHAT, b"{not json", 400, "could not parse"),
        ("POST", CHAT, b"[" * 100_000, 400, "could not parse"),
        ("POST", CHAT, b"[]", 400, "could not parse"),
        ("POST", CHAT, b'{"model": "m"}', 400, "'messages'"),
        ("POST", "/v1/embeddings", b'{"model": "m"}', 400, "'input'"),
        ("POST", "/chat/completions", b"{}", 404, "Invalid URL"),
        ("GET", CHAT, b"", 404, "Invalid URL"),
    ],
)
def test_a_mistake_of_the_caller_is_told_and_takes_nothing_from_the_script(send, ask, method, path, body, code, said):
    with ModelServer(Text("still here")) as server:
        answer = send(server, method, path, body)
        assert (answer.code, answer.json["error"]["type"]) == (code, "invalid_request_error")
        assert said in answer.json["error"]["message"]
        assert text_of(ask(server)) == "still here"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LARGEST_REQUEST_BYTES + 1),
        b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 50\r\n\r\ncut",
        b"GET /v1/models HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"G" * 100_000,
    ],
    ids=["tls", "length", "negative", "large", "chunked", "cut", "headers", "line"],
)
def test_what_is_no_request_is_hung_up_on(data, ask):
    with ModelServer(Text("still here")) as server:
        with contextlib.suppress(OSError):  # it was hung up on before all of it was read
            assert raw(server, data) == b""
        assert server.received == []
        assert text_of(ask(server)) == "still here"


def test_a_client_that_waits_for_leave_to_send_gets_it():
    body = b'{"messages": []}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with ModelServer(Text("x")) as server:
        answer = raw(server, head + body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_an_outage_closes_connections_and_refuses_new_ones_until_it_ends(ask):
    with ModelServer([Text("before"), HangBeforeHeaders(), Text("after")]) as server:
        port = server.port
        assert text_of(ask(server)) == "before"
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ask, server)
            while len(server.received) < 2:
                pass
            server.down()
            assert isinstance(waiting.exception(5), http.client.RemoteDisconnected | ConnectionResetError)
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                ask(server)
        server.up()
        assert server.port == port
        assert text_of(ask(server)) == "after"


def test_outages_may_follow_each_other_quickly(ask):
    with ModelServer(Text("x")) as server:
        for _ in range(20):
            server.down()
            server.up()
            assert ask(server).code == 200


def test_a_port_that_is_taken_is_an_os_error():
    with ModelServer(Text("x")) as server, pytest.raises(OSError, match="in use"):
        ModelServer(Text("y"), port=server.port).start()


def test_connections_are_bounded(ask):
    with ModelServer(Text("x")) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(MOST_CONNECTIONS + 1)]
        try:
            assert idle[-1].recv(1) == b""  # one too many
        finally:
            for connection in idle:
                connection.close()


def test_closing_ends_every_thread_and_may_be_repeated(ask):
    before = set(threading.enumerate())
    server = ModelServer(Text("x")).start()
    ask(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as idle:
        server.close()
        server.close()
        with contextlib.suppress(ConnectionResetError):  # it was not accepted yet
            assert idle.recv(1) == b""
    assert {thread for thread in set(threading.enumerate()) - before if "heuresis" in thread.name} == set()


def test_a_server_that_does_not_run_has_no_address():
    server = ModelServer(Text("x"))
    with pytest.raises(RuntimeError, match="does not run"):
        _ = server.url
    with server, pytest.raises(RuntimeError, match="runs already"):
        server.start()
