"""Requests to a model server, by hand and with OpenAI's client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from heuresis.testing.server import ModelServer

KEY = "sk-of-this-test"
PROMPT = "how are you"


@dataclass(frozen=True)
class Response:
    code: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[Any]:
        """The events of a stream, the last of which must be [DONE]."""
        *parts, rest = self.text.split("\n\n")
        assert rest == ""
        assert parts.pop() == "data: [DONE]"
        return [json.loads(part.removeprefix("data: ")) for part in parts]


def question(stream: bool = False, **more: object) -> dict[str, object]:
    asked: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], **more}
    return {**asked, "stream": True} if stream else asked


def send_request(server: ModelServer, method: str, path: str, body: bytes, timeout: float = 5.0) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, response.read().decode())
    finally:
        connection.close()


Ask = Callable[..., Response]


@pytest.fixture
def ask() -> Ask:
    """One chat completion over http.client."""

    def asked(server: ModelServer, *, stream: bool = False, timeout: float = 5.0, **more: object) -> Response:
        body = json.dumps(question(stream, **more)).encode()
        return send_request(server, "POST", "/v1/chat/completions", body, timeout)

    return asked


@pytest.fixture
def send() -> Callable[..., Response]:
    """Any request over http.client."""
    return send_request


@pytest.fixture
def client() -> Iterator[Callable[[ModelServer], openai.OpenAI]]:
    """OpenAI's own client, which never retries."""
    clients = []

    def made(server: ModelServer, timeout: float = 5.0) -> openai.OpenAI:
        clients.append(openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0, timeout=timeout))
        return clients[-1]

    yield made
    for one in clients:
        one.close()


@pytest.fixture
def complete(client: Callable[..., openai.OpenAI]) -> Callable[..., Any]:
    """One chat completion with OpenAI's client; a streamed one comes as the list of its chunks."""

    def completed(server: ModelServer, *, stream: bool = False, timeout: float = 5.0, **more: Any) -> Any:
        made = client(server, timeout).chat.completions
        result = made.create(model="m", messages=[{"role": "user", "content": PROMPT}], stream=stream, **more)
        return list(result) if stream else result

    return completed
