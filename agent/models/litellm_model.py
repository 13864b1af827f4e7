"""Models of every other provider, over litellm: "anthropic/NAME", "gemini/NAME", "mistral/NAME" and so on.

Hosted providers were not called while this was written: what is tested is litellm against a local server, and the
mapping of litellm's own errors.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heuresis.agent.models.completions import completion_of
from heuresis.agent.models.guard import guarded
from heuresis.agent.models.http_faults import Refusal, fault_of
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Ask, Fault
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    import httpx

_NOT_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL"}
_BROKEN = {"ReadError", "WriteError", "RemoteProtocolError"}
_LATE = {"ReadTimeout", "WriteTimeout", "APITimeoutError", "Timeout"}
_NO_PROVIDER = "LLM Provider NOT provided"
_NO_KEY = re.compile(r"Missing [\w ]{0,40}API key", re.IGNORECASE)
_NAMES = {
    "ContextWindowExceededError": Fault.CONTEXT_LENGTH,
    "ContentPolicyViolationError": Fault.FILTERED,
    "LiteLLMUnknownProvider": Fault.UNKNOWN_MODEL,
    "PaymentRequiredError": Fault.QUOTA,
    "BudgetExceededError": Fault.QUOTA,
}


class LitellmModel:
    """One model by litellm's name for it. Keys come from the environment, as litellm names them, unless given.

    What litellm cannot say is not known here either: a reply that broke off may look finished, and a call that is given
    up holds its thread until litellm's own timeout, which counts from the last byte.
    """

    def __init__(self, model: str, *, api_base: str | None = None, api_key: str | None = None) -> None:
        self._name = model
        self._base = api_base
        self._key = api_key

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"LitellmModel({self._name!r})"

    def check_key(self) -> None:
        """Raises ConfigError when the provider wants a key that is not in the environment. Sends nothing."""
        if self._key is not None or self._base is not None:
            return
        missing = _litellm().validate_environment(self._name).get("missing_keys") or []
        if missing:
            what = f"the key of {self._name.partition('/')[0]}"
            raise ConfigError(" and ".join(missing), what, "nothing", "Set it in the environment.")

    def complete(self, ask: Ask, seconds: float) -> Completion:
        keys = () if self._key is None else (self._key,)
        return guarded(seconds, lambda leash: self._call(ask, seconds), keys)

    def _call(self, ask: Ask, seconds: float) -> Completion:
        litellm = _litellm()
        try:
            body = litellm.completion(**self._arguments(ask, seconds)).model_dump()
        # litellm lets errors of many libraries through; each is told by its name and those of its causes.
        except Exception as error:
            fault = fault_from(error)
        else:
            return completion_of(body, json.dumps(body, default=str))
        raise fault

    def _arguments(self, ask: Ask, seconds: float) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._name,
            "messages": [{"role": message.role, "content": message.content} for message in ask.messages],
            "seed": ask.seed,
            "max_tokens": ask.max_tokens,
            "timeout": seconds,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,  # `seed`, where a provider has none
            "api_base": self._base,
            "api_key": self._key,
        }
        return arguments if ask.temperature is None else arguments | {"temperature": ask.temperature}


def fault_from(error: BaseException) -> ModelFault:
    """What an error of litellm's means: by its class, the network's error under it, and the status it carries."""
    names = [type(cause).__name__ for cause in _causes(error)]
    words = str(error)
    named = _by_name(names[0], words)
    if named is not None:
        return ModelFault(named, _first_line(words))
    if _NOT_SENT & {*names}:
        return ModelFault(Fault.CONNECTION, _first_line(words))
    if _LATE & {*names}:
        return ModelFault(Fault.DEADLINE, _first_line(words), may_be_paid=True)
    if _BROKEN & {*names}:
        return ModelFault(Fault.CONNECTION, _first_line(words), may_be_paid=True)
    if "JSONDecodeError" in names:
        return ModelFault(Fault.NOT_JSON, _first_line(words), may_be_paid=True)
    return _by_status(error, names[0], words)


def _by_status(error: BaseException, name: str, words: str) -> ModelFault:
    response = next(filter(None, map(_response, _causes(error))), None)
    if response is not None:
        return fault_of(Refusal(response.status_code, _headers(error, response), _body(response) or words, time.time()))
    status = getattr(error, "status_code", None)
    if status == 500 or not isinstance(status, int):
        # litellm's word for whatever it did not expect, a success without a reply among it.
        return ModelFault(Fault.CRASHED, f"{name}: {_first_line(words)}", may_be_paid=True)
    return fault_of(Refusal(status, _headers(error, None), words, time.time()))


def _response(error: BaseException) -> httpx.Response | None:
    """What the provider really sent. litellm's own errors carry invented responses."""
    import httpx
    import openai

    if type(error).__module__ == "litellm.exceptions":
        return None
    return error.response if isinstance(error, httpx.HTTPStatusError | openai.APIStatusError) else None


def _body(response: httpx.Response) -> str:
    return response.text if response.is_stream_consumed or response.is_closed else ""


def _by_name(name: str, words: str) -> Fault | None:
    if _NO_PROVIDER in words:
        return Fault.UNKNOWN_MODEL
    return Fault.AUTHENTICATION if _NO_KEY.search(words) else _NAMES.get(name)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, newest first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _headers(error: BaseException, response: httpx.Response | None) -> dict[str, str]:
    response = response or getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _first_line(words: str) -> str:
    """litellm puts whole tracebacks into its messages."""
    return words.strip().split("\n", 1)[0][:400]


@functools.cache
def _litellm() -> Any:
    """The library, quiet. `Any`, because its own types pull in every provider."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # otherwise the import fetches a price list
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm
