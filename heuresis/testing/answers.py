"""What a model server may answer: texts, refusals, and everything that goes wrong between a model and its caller.

An answer is a frozen value that plays itself over the connection. Asked for a stream (`"stream": true`), it answers
with one, where that makes sense; a refusal is plain JSON either way, as with real providers.
"""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from heuresis.testing.completions import (
    DONE,
    EVENTS,
    JSON,
    Usage,
    Written,
    count_words,
    encode,
    error_body,
    event,
)
from heuresis.testing.exchange import Exchange

LONG_SECONDS = 3600.0
"""Longer than anybody waits. Every wait ends when the client hangs up or the server is closed."""
_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in to continue</h1></body></html>"
)
_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
_SAMPLE = "A reply of which not everything arrives, or not in time."
_HUGE_PIECE = "0123456789abcdef" * 1024


class Answer(Protocol):
    """An answer to one request."""

    def play(self, exchange: Exchange) -> None:
        """Sends it. May raise `Gone` or OSError when the other side has hung up. Runs in the connection's thread."""
        ...


@dataclass(frozen=True)
class Text:
    """A chat completion."""

    text: str
    model: str = "stand-in"
    finish: str = "stop"
    prompt_tokens: int | None = None
    """None: the words of the prompt."""
    completion_tokens: int | None = None
    """None: the words of the text."""
    usage: bool = True
    """False: the provider does not count. In a stream it counts only when asked to, as OpenAI does."""
    seconds: float = 0.0
    """Until the headers are sent."""

    def play(self, exchange: Exchange) -> None:
        exchange.wait(self.seconds)
        _send(exchange, _counted(exchange, Written(self.text, self.finish, self.model), self))


@dataclass(frozen=True)
class ToolCall:
    """A chat completion that calls a tool and says nothing."""

    name: str
    arguments: Mapping[str, object] | str
    """A text is sent as it is: it need not be JSON."""

    def play(self, exchange: Exchange) -> None:
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        call = {"id": "call_0", "type": "function", "function": {"name": self.name, "arguments": text}}
        _send(exchange, _counted(exchange, Written(None, "tool_calls", tool_calls=[call])))


@dataclass(frozen=True)
class Status:
    """A refusal."""

    code: int
    body: str | None = None
    """`{key}` and `{model}` stand for what the request sent. None: OpenAI's JSON for an error."""
    retry_after: float | None = None
    """Seconds."""
    form: Literal["seconds", "date", "milliseconds"] = "seconds"
    """How `retry_after` is said: `Retry-After: 2`, as an HTTP date (whole seconds, rounded up), or `retry-after-ms`."""
    kind: str = JSON
    seconds: float = 0.0
    """Until it is sent."""

    def play(self, exchange: Exchange) -> None:
        exchange.wait(self.seconds)
        body = error_body(f"The server says {self.code}.", "server_error").decode() if self.body is None else self.body
        sent, key = exchange.received.body, exchange.received.headers.get("authorization", "").removeprefix("Bearer ")
        model = str(sent.get("model", "")) if isinstance(sent, dict) else ""
        filled = body.replace("{key}", json.dumps(key)[1:-1]).replace("{model}", json.dumps(model)[1:-1])
        exchange.respond(self.code, filled.encode(), self.kind, self._headers())

    def _headers(self) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        if self.form == "milliseconds":
            return {"retry-after-ms": f"{self.retry_after * 1000:g}"}
        if self.form == "date":
            return {"Retry-After": email.utils.formatdate(math.ceil(time.time() + self.retry_after), usegmt=True)}
        return {"Retry-After": f"{self.retry_after:g}"}


def _error(code: int, message: str, kind: str = "invalid_request_error", name: str | None = None) -> Status:
    return Status(code, error_body(message, kind, name).decode())


def rate_limited(
    retry_after: float | None = None, form: Literal["seconds", "date", "milliseconds"] = "seconds"
) -> Status:
    """429, with or without the time after which to come again."""
    return replace(RATE_LIMITED, retry_after=retry_after, form=form)


RATE_LIMITED = _error(429, "Rate limit reached for {model}: 3 requests per min.", "requests", "rate_limit_exceeded")
INSUFFICIENT_QUOTA = _error(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    "insufficient_quota",
)
SERVER_ERROR = _error(500, "The server had an error while processing your request. Sorry about that!", "server_error")
BAD_GATEWAY = Status(502, _GATEWAY_PAGE, kind="text/html")
UNAVAILABLE = _error(503, "The engine is currently overloaded, please try again later.", "server_error")
OVERLOADED = Status(529, '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}')
CONTEXT_LENGTH = _error(
    400,
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    name="context_length_exceeded",
)
BAD_REQUEST = _error(400, "Unsupported value: 'temperature' does not support 7.", name="unsupported_value")
INVALID_KEY = _error(401, "Incorrect API key provided: {key}.", name="invalid_api_key")
"""The message repeats the key that was sent, as real ones do."""
FORBIDDEN = _error(403, "Country, region, or territory not supported", "request_forbidden", "unsupported_country")
MODEL_NOT_FOUND = _error(
    404, "The model `{model}` does not exist or you do not have access to it.", name="model_not_found"
)


@dataclass(frozen=True)
class HangBeforeHeaders:
    """Silence, then the connection is closed without an answer."""

    seconds: float = LONG_SECONDS

    def play(self, exchange: Exchange) -> None:
        exchange.wait(self.seconds)


@dataclass(frozen=True)
class HangInBody:
    """Headers and half of the body, then silence, then the connection is closed."""

    seconds: float = LONG_SECONDS

    def play(self, exchange: Exchange) -> None:
        data = b"".join(_begin(exchange, Written(_SAMPLE)))
        exchange.write(data[: len(data) // 2])
        exchange.wait(self.seconds)


@dataclass(frozen=True)
class SlowDrip:
    """A good answer, byte by byte: there is never a long silence."""

    text: str
    seconds_per_byte: float
    """At least 0.001."""

    def play(self, exchange: Exchange) -> None:
        data = b"".join(_begin(exchange, Written(self.text)))
        for number in range(len(data)):
            exchange.write(data[number : number + 1])
            exchange.wait(self.seconds_per_byte)
        exchange.end()


@dataclass(frozen=True)
class TruncatedBody:
    """Half of the body, then the connection is closed: the framing (Content-Length, chunks) shows it."""

    def play(self, exchange: Exchange) -> None:
        data = b"".join(_begin(exchange, Written(_SAMPLE)))
        exchange.write(data[: len(data) // 2])


@dataclass(frozen=True)
class TruncatedJson:
    """A well-framed body, but its JSON is cut in the middle; in a stream, that of an event before the last."""

    def play(self, exchange: Exchange) -> None:
        written = Written(_SAMPLE)
        if not exchange.received.wants_stream:
            data = written.plain()
            exchange.respond(200, data[: len(data) // 2], JSON)
            return
        first, second, *_ = written.events(usage=False)
        exchange.respond(200, first + second[: len(second) // 2] + b"\n\n" + DONE, EVENTS)


@dataclass(frozen=True)
class Malformed:
    """JSON that is no chat completion."""

    body: str = '{"object": "error"}'

    def play(self, exchange: Exchange) -> None:
        if exchange.received.wants_stream:
            exchange.respond(200, f"data: {self.body}\n\n".encode() + DONE, EVENTS)
        else:
            exchange.respond(200, self.body.encode(), JSON)


@dataclass(frozen=True)
class Html:
    """Success, but a web page: a proxy asks somebody to sign in."""

    page: str = _PAGE

    def play(self, exchange: Exchange) -> None:
        exchange.respond(200, self.page.encode(), "text/html; charset=utf-8")


@dataclass(frozen=True)
class EmptyChoices:
    """A chat completion with an empty list of choices."""

    def play(self, exchange: Exchange) -> None:
        head = {"id": "chatcmpl-stand-in", "created": int(time.time()), "model": "stand-in", "choices": []}
        if exchange.received.wants_stream:
            exchange.respond(200, event({**head, "object": "chat.completion.chunk"}) + DONE, EVENTS)
        else:
            exchange.respond(200, encode({**head, "object": "chat.completion"}), JSON)


@dataclass(frozen=True)
class NullContent:
    """A chat completion whose content is null."""

    finish: str = "stop"

    def play(self, exchange: Exchange) -> None:
        _send(exchange, _counted(exchange, Written(None, self.finish)))


@dataclass(frozen=True)
class EmptyContent:
    """A chat completion whose content is the empty text; with `finish="length"`, all was spent on thinking."""

    finish: str = "stop"

    def play(self, exchange: Exchange) -> None:
        _send(exchange, _counted(exchange, Written("", self.finish)))


@dataclass(frozen=True)
class Filtered:
    """The content filter took the rest of the reply away."""

    text: str | None = None
    """What is left of it; None: null."""

    def play(self, exchange: Exchange) -> None:
        _send(exchange, _counted(exchange, Written(self.text, "content_filter")))


@dataclass(frozen=True)
class Reset:
    """The connection is reset before any header."""

    def play(self, exchange: Exchange) -> None:
        exchange.reset()


@dataclass(frozen=True)
class CutStream:
    """A well-framed stream that ends without a finish reason and without [DONE]. Asked plainly: a `TruncatedBody`."""

    text: str = _SAMPLE

    def play(self, exchange: Exchange) -> None:
        if not exchange.received.wants_stream:
            TruncatedBody().play(exchange)
            return
        for part in _begin(exchange, Written(self.text))[:-2]:
            exchange.write(part)
        exchange.end()


@dataclass(frozen=True)
class Huge:
    """A chat completion in chunks, right in all but its size: a body of at least so many bytes."""

    body_bytes: int

    def play(self, exchange: Exchange) -> None:
        streams = exchange.received.wants_stream
        exchange.begin(200, EVENTS if streams else JSON, length=None)
        for part in self._events() if streams else self._plain():
            exchange.write(part)
        exchange.end()

    def _plain(self) -> Iterator[bytes]:
        before, _, after = Written("CONTENT").plain().partition(b"CONTENT")
        yield before
        for _ in range(self._count(len(_HUGE_PIECE))):
            yield _HUGE_PIECE.encode()
        yield after

    def _events(self) -> Iterator[bytes]:
        first, last, done = Written("").events(usage=False)
        part = event(json.loads(first.removeprefix(b"data: ")) | {"choices": [_piece_choice()]})
        yield first
        for _ in range(self._count(len(part))):
            yield part
        yield last + done

    def _count(self, piece_bytes: int) -> int:
        return -(-self.body_bytes // piece_bytes)


def _piece_choice() -> dict[str, object]:
    return {"index": 0, "delta": {"content": _HUGE_PIECE}, "logprobs": None, "finish_reason": None}


def _counted(exchange: Exchange, written: Written, text: Text | None = None) -> Written:
    """With its usage: as `text` says, else counted in words."""
    if text is not None and not text.usage:
        return written
    prompt = text.prompt_tokens if text is not None else None
    completion = text.completion_tokens if text is not None else None
    usage = Usage(
        count_words(exchange.received.body) if prompt is None else prompt,
        len((written.content or "").split()) if completion is None else completion,
    )
    return replace(written, usage=usage)


def _begin(exchange: Exchange, written: Written) -> list[bytes]:
    """Sends the headers; what comes back is the body, in parts, for the caller to send."""
    if exchange.received.wants_stream:
        exchange.begin(200, EVENTS, length=None)
        return written.events(usage=exchange.received.wants_usage)
    body = written.plain()
    exchange.begin(200, JSON, length=len(body))
    return [body]


def _send(exchange: Exchange, written: Written) -> None:
    for part in _begin(exchange, written):
        exchange.write(part)
    exchange.end()
