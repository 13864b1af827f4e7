"""Models behind OpenAI-compatible endpoints, hosted or local, over the `openai` client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from heuresis.agent.models.completions import completion_of, read_object
from heuresis.agent.models.deadline import Leash
from heuresis.agent.models.events import is_stream, joined
from heuresis.agent.models.guard import guarded
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Ask
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    import openai

    from heuresis.agent.models.exchange import Exchange

OPENAI = "https://api.openai.com/v1"
PLACEHOLDER_KEY = "local"
"""Sent to a server on this machine when there is no key; local servers want a header and look no further."""


class OpenAIModel:
    """One model behind `POST {api_base}/chat/completions`. Safe to use from several threads.

    `api_base`: default OPENAI_BASE_URL, then OpenAI itself. `api_key`: default OPENAI_API_KEY; may be missing for a
    server on this machine. `stream`: take the reply as it is written, which proxies that cut long silences need.
    """

    def __init__(
        self, model: str, *, api_base: str | None = None, api_key: str | None = None, stream: bool = False
    ) -> None:
        self._name = model
        self._model = model.removeprefix("openai/")
        self._base = _checked(api_base or os.environ.get("OPENAI_BASE_URL") or OPENAI)
        self._key = api_key or os.environ.get("OPENAI_API_KEY") or _key_for(self._base)
        self._stream = stream

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"OpenAIModel({self._name!r})"

    def complete(self, ask: Ask, seconds: float) -> Completion:
        keys = () if self._key == PLACEHOLDER_KEY else (self._key,)
        return guarded(seconds, lambda leash: self._call(ask, seconds, leash), keys)

    def _call(self, ask: Ask, seconds: float, leash: Leash) -> Completion:
        from heuresis.agent.models.exchange import Exchange

        with Exchange(leash, seconds, is_local(self._base)) as exchange:
            return reply_of(exchange.body_of(lambda: self._request(exchange, ask)))

    def _request(self, exchange: Exchange, ask: Ask) -> Any:
        """The open response, a context manager; `Any` because the client's type for it depends on `stream`."""
        return self._client(exchange).chat.completions.with_streaming_response.create(**self._arguments(ask))

    def _client(self, exchange: Exchange) -> openai.OpenAI:
        import openai

        return openai.OpenAI(
            api_key=self._key,
            base_url=self._base,
            max_retries=0,
            timeout=exchange.http.timeout,
            http_client=exchange.http,
        )

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in ask.messages],
            "seed": ask.seed,
            length_key(self._base): ask.max_tokens,
        }
        if ask.temperature is not None:
            arguments["temperature"] = ask.temperature
        if self._stream:
            arguments |= {"stream": True, "stream_options": {"include_usage": True}}
        return arguments


def length_key(api_base: str) -> str:
    """What `max_tokens` is called there.

    OpenAI's reasoning models refuse the old name, and so do Azure's. Others know the old one: Mistral refuses the new
    one, and Ollama and llama-cpp-python pass over it in silence, which would take the limit away.
    """
    host = urlsplit(api_base).hostname or ""
    new = host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))
    return "max_completion_tokens" if new else "max_tokens"


def reply_of(text: str) -> Completion:
    """From a whole body, plain or streamed. Raises ModelFault with that body in it."""
    try:
        return completion_of(joined(text) if is_stream(text) else read_object(text.lstrip("\ufeff")), text)
    except ModelFault as fault:
        fault.raw = text
        raise


def is_local(api_base: str) -> bool:
    host = urlsplit(api_base).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _checked(api_base: str) -> str:
    try:
        parts = urlsplit(api_base)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Not shown, nor kept as a cause: an address may hold a password.
        raise ConfigError("--api-base", "an address like http://localhost:8000/v1", "something else")
    return api_base


def _key_for(api_base: str) -> str:
    if is_local(api_base):
        return PLACEHOLDER_KEY
    hint = "Set it in the environment; for a server that wants no key any text will do."
    raise ConfigError("OPENAI_API_KEY", f"the key of {urlsplit(api_base).hostname}", "nothing", hint)
