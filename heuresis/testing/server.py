"""`ModelServer`: a real HTTP server on this machine that talks like OpenAI's and answers as a script says.

Not covered: TLS, HTTP/2, proxies, and whether what a real provider answers is like this.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from types import TracebackType

from heuresis.testing.answers import Answer, Status
from heuresis.testing.completions import error_body
from heuresis.testing.endpoints import unscripted
from heuresis.testing.exchange import BadRequest, Exchange, Gone, Received, Request, json_or_none, read_request

__all__ = ["MOST_CONNECTIONS", "ModelServer", "Received", "Script"]

MOST_CONNECTIONS = 256
"""At once; any further one is closed as soon as it is accepted."""
IDLE_SECONDS = 60.0
"""Nothing can be read from, or written to, a connection for so long: it is closed."""
_HOST = "127.0.0.1"
_PATIENCE_SECONDS = 5.0

Script = Answer | Sequence[Answer] | Callable[[Received], Answer]


class ModelServer:
    """Answers chat completions as its script says; lists a model; makes embeddings out of hashes.

    The script is one answer for all; or a sequence, one for each chat completion in order of arrival, whose last answer
    is repeated for ever (so put a refusal last where more calls are a mistake); or a function of what was received. The
    function is called from several threads at once. When it raises, the client gets status 500 and the error goes up in
    the connection's thread. Everything is safe to call from any thread.

    `port`: 0 is any that is free. `keep`: so many of the newest requests are remembered in `received`.
    """

    def __init__(self, script: Script, *, port: int = 0, keep: int = 100_000) -> None:
        if isinstance(script, Sequence) and not script:
            raise ValueError("a script has at least one answer")
        self._script = script
        self._wanted_port = port
        self._lock = threading.Lock()
        self._received: deque[Received] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._holder: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None

    def start(self) -> ModelServer:
        """Raises OSError when the port is taken."""
        if self._holder is not None:
            raise RuntimeError("this server runs already")
        self._holder = _bound(self._wanted_port)
        try:
            self.up()
        except OSError:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Ends every wait and closes every connection at once. May be repeated."""
        self.down()
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        if self._holder is None:
            raise RuntimeError("this server does not run")
        port: int = self._holder.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}/v1"

    @property
    def received(self) -> list[Received]:
        """The requests until now, in order of arrival; the oldest are dropped when there are more than `keep`."""
        with self._lock:
            return list(self._received)

    def up(self) -> None:
        """Comes back after an outage, on the same port."""
        if self._listener is not None:
            return
        # The holder keeps the port while nobody listens; a socket that only holds it refuses connections.
        self._listener = _bound(self.port)
        self._listener.listen(MOST_CONNECTIONS)
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name="heuresis-model-server", daemon=True
        )
        self._accepting.start()

    def down(self) -> None:
        """An outage: open connections are closed, new ones are refused, until `up`."""
        if self._listener is None or self._accepting is None:
            return
        listener, accepting = self._listener, self._accepting
        self._listener = self._accepting = None
        listener.shutdown(socket.SHUT_RDWR)  # wakes its thread, which an ordinary close does not
        accepting.join(_PATIENCE_SECONDS)
        listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            threads = list(self._connections.values())
            for connection in self._connections:
                _shut(connection)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(_PATIENCE_SECONDS)  # a script's function may take longer; its thread is a daemon

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # shut down; `down` and `close` know
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="heuresis-model-answer", daemon=True)
            with self._lock:
                for ended in [one for one, its in self._connections.items() if not its.is_alive()]:
                    del self._connections[ended]
                if len(self._connections) >= MOST_CONNECTIONS:
                    connection.close()
                    continue
                self._connections[connection] = thread
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        """All requests of one connection."""
        connection.settimeout(IDLE_SECONDS)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as file:
                while (request := read_request(connection, file)) and self._answer(request, connection):
                    pass
        except (Gone, BadRequest, OSError):
            pass  # what the other side did to its connection is its own business; nobody is left to be told
        finally:
            connection.close()

    def _answer(self, request: Request, connection: socket.socket) -> bool:
        """Can the connection be used again?"""
        received = self._note(request)
        exchange = Exchange(received, connection)
        try:
            answer = unscripted(received) or self._scripted(received)
        except Exception as error:  # of the script's function: it goes up, whoever reads the thread's error looks at it
            Status(500, error_body(f"the script raised {error!r}", "script_error").decode()).play(exchange)
            raise
        answer.play(exchange)
        return exchange.whole and request.headers.get("connection", "").lower() != "close"

    def _note(self, request: Request) -> Received:
        with self._lock:
            path = request.path.partition("?")[0]
            number = self._counts[path]
            self._counts[path] += 1
            body = json_or_none(request.body)
            received = Received(request.method, request.path, request.headers, body, number)
            self._received.append(received)
        return received

    def _scripted(self, received: Received) -> Answer:
        if isinstance(self._script, Sequence):
            return self._script[min(received.number, len(self._script) - 1)]
        return self._script(received) if callable(self._script) else self._script


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client was faster
        connection.shutdown(socket.SHUT_RDWR)
