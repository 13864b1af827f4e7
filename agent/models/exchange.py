"""One request over one connection: cut at the deadline, read up to a limit, its troubles told as `ModelFault`.

Imports httpx and openai, so it is itself imported at the first call.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import openai

from heuresis.agent.models.deadline import Leash
from heuresis.agent.models.http_faults import Refusal, fault_of
from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Fault

MOST_BODY_BYTES = 16 * 2**20
MOST_ERROR_BYTES = 65_536
CONNECT_SECONDS = 30.0
_DONE = re.compile(rb"(?:^|[\r\n])data: ?\[DONE\][\r\n]")


class Exchange:
    """A context; leaving it closes the connection.

    A connection of its own for each call costs a handshake and saves two troubles: an idle connection that the server
    has dropped looks like a request that was lost, and a call can be cut without hurting another.
    """

    def __init__(self, leash: Leash, seconds: float, local: bool) -> None:
        self._leash = leash
        self._sent = False
        self._response: httpx.Response | None = None
        self.http = httpx.Client(
            verify=_ssl_context(),
            timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=not local,  # a server on this machine is not reached through a proxy
            follow_redirects=True,
            headers={"Accept-Encoding": "identity"},  # so that the limit on bytes is one on memory
            event_hooks={"request": [self._before], "response": [self._after]},
        )

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def body_of(self, request: Callable[[], Any]) -> str:
        """The body of a success; `request` opens the client's streamed response. Raises ModelFault."""
        body = bytearray()
        try:
            with request() as response:
                self._read(response.iter_bytes(), body)
        except openai.APIStatusError as error:
            fault = _refusal(error.response, error.response.text)
        except (httpx.HTTPError, openai.APIConnectionError) as error:
            fault = self._trouble(error.__cause__ if isinstance(error, openai.APIConnectionError) else error)
            fault.raw = body.decode("utf-8", "replace")
            if _DONE.search(body):
                return fault.raw  # all of the stream is there, however its connection ended
        else:
            return body.decode("utf-8", "replace")
        raise fault

    def _read(self, chunks: Iterator[bytes], body: bytearray) -> None:
        for chunk in chunks:
            tail = max(0, len(body) - 16)
            body += chunk
            if len(body) > MOST_BODY_BYTES:
                raise ModelFault(
                    Fault.MALFORMED,
                    f"the body is larger than {MOST_BODY_BYTES} bytes",
                    may_be_paid=True,
                    raw=body[:MOST_ERROR_BYTES].decode("utf-8", "replace"),
                )
            if self._leash.ended:
                raise ModelFault(Fault.DEADLINE, "nobody waits for this reply any more", may_be_paid=True)
            if _DONE.search(body, tail):
                return  # some servers keep the connection open after the end

    def _before(self, request: httpx.Request) -> None:
        request.extensions["trace"] = self._traced

    def _traced(self, event: str, info: Mapping[str, Any]) -> None:
        """Documented at https://www.python-httpx.org/advanced/extensions/#trace."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            stream = info["return_value"]
            sock = stream.get_extra_info("socket")
            self._leash.on_end(lambda: _shut(sock))
        elif event.endswith("send_request_body.complete"):
            self._sent = True

    def _after(self, response: httpx.Response) -> None:
        self._response = response
        if not response.is_success and not response.has_redirect_location:
            response.stream = _Short(response.stream)

    def _trouble(self, error: BaseException | None) -> ModelFault:
        words = f"{type(error).__name__}: {error}"
        response = self._response
        if response is not None and not response.is_success:
            return _refusal(response, "")
        if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
            return ModelFault(Fault.CONNECTION, words)
        if isinstance(error, httpx.TimeoutException):
            return ModelFault(Fault.DEADLINE, words, may_be_paid=self._sent)
        if response is not None:
            return ModelFault(Fault.CUT, words, may_be_paid=True)
        return ModelFault(Fault.CONNECTION, words, may_be_paid=self._sent)


class _Short(httpx.SyncByteStream):
    """The body of a refusal: its first bytes, as far as they come. The status says enough."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        left = MOST_ERROR_BYTES
        with suppress(httpx.HTTPError):
            for chunk in self._stream:
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    return

    def close(self) -> None:
        self._stream.close()


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Reading the certificates takes 20 ms; a context may be shared between threads."""
    return httpx.create_ssl_context()


def _refusal(response: httpx.Response, body: str) -> ModelFault:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return fault_of(Refusal(response.status_code, headers, body, time.time()))


def _shut(sock: socket.socket) -> None:
    """Wakes a thread that reads from it; closing alone would not. By the base class: TLS is told nothing."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
