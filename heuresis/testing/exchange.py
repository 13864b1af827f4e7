"""One request and its answer, on a raw socket: well framed by default, and broken in every way an answer wants."""

from __future__ import annotations

import http
import http.client
import json
import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

LARGEST_REQUEST_BYTES = 64 << 20
_LONGEST_LINE = 1 << 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """The parsed JSON; None without a body, or when it is no JSON."""
    number: int
    """In order of arrival among the requests to the same path, from 0."""

    @property
    def wants_stream(self) -> bool:
        return isinstance(self.body, dict) and self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """In a stream: OpenAI counts tokens there only when asked to."""
        options = self.body.get("stream_options") if isinstance(self.body, dict) else None
        return isinstance(options, dict) and options.get("include_usage") is True


class Gone(Exception):
    """The client has hung up, or the server is being closed: nobody waits for the rest."""


class BadRequest(Exception):
    """Not HTTP, or more of it than anybody sends."""


@dataclass(frozen=True)
class Request:
    """Method, path, headers and body, before anybody looked at them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def read_request(connection: socket.socket, file: BinaryIO) -> Request | None:
    """The next request of a connection; None when it was closed instead. Raises BadRequest, OSError."""
    line = file.readline(_LONGEST_LINE)
    if not line:
        return None
    try:
        method, path, _version = line.decode("latin-1").split()
        fields = http.client.parse_headers(file)
        headers = {name.lower(): value for name, value in fields.items()}
        length = int(headers.get("content-length", "0"))
    except (ValueError, http.client.HTTPException) as error:
        raise BadRequest(str(error)) from error
    if "transfer-encoding" in headers or not 0 <= length <= LARGEST_REQUEST_BYTES:
        raise BadRequest(f"a request has a Content-Length of at most {LARGEST_REQUEST_BYTES}")
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(_CONTINUE)
    body = file.read(length)
    return Request(method, path, headers, body) if len(body) == length else None


class Exchange:
    """One request and the connection to answer it on; used by one thread.

    An answer calls `begin`, `write` as often as it likes, then `end`. One that returns without `end` leaves a broken
    response behind: the connection is closed there.
    """

    def __init__(self, received: Received, connection: socket.socket) -> None:
        self.received = received
        self.whole = False
        """Was the response ended as HTTP wants it? Then the connection can be used again."""
        self._connection = connection
        self._chunked = False

    def wait(self, seconds: float) -> None:
        """To the millisecond. Raises Gone at once when the client hangs up or the server is closed."""
        if seconds <= 0:
            return
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        if poll.poll(seconds * 1000):
            raise Gone

    def respond(self, code: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """A whole response."""
        self.begin(code, kind, length=len(body), headers=headers)
        self.write(body)
        self.end()

    def begin(self, code: int, kind: str, *, length: int | None, headers: Mapping[str, str] | None = None) -> None:
        """Status line and headers; the body is sent in chunks when its `length` in bytes is None."""
        self._chunked = length is None
        size = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        fields = {"Content-Type": kind, **size, "x-request-id": f"req_{self.received.number}", **(headers or {})}
        lines = [f"HTTP/1.1 {code} {_phrase(code)}", *(f"{name}: {value}" for name, value in fields.items())]
        self._connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))

    def write(self, data: bytes) -> None:
        if data:
            self._connection.sendall(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        if self._chunked:
            self._connection.sendall(b"0\r\n\r\n")
        self.whole = True

    def reset(self) -> None:
        """When the answer returns, the client gets a TCP reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _phrase(code: int) -> str:
    try:
        return http.HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"
