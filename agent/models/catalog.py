"""Language models by name."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path

from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.models.litellm_model import LitellmModel
from heuresis.agent.models.openai_model import OpenAIModel
from heuresis.agent.models.prices import price_table
from heuresis.agent.models.protocol import Model
from heuresis.errors import ConfigError

_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_OPENAI = re.compile(r"(gpt-|chatgpt-|codex-|o[1-9]($|-))")
_EXPECTED = "the name of a language model"
_EXAMPLES = (
    'For example: "openai/gpt-5-mini", "anthropic/claude-sonnet-4-5", "qwen2.5-coder" with --api-base '
    'http://localhost:8000/v1, "package.module:function".'
)
_PROVIDER_FILE = "provider_endpoints_support_backup.json"


def load_model(name: str, *, api_base: str | None = None, stream: bool = False) -> Model:
    """The model of that name. Nothing is sent and no heavy library is loaded before its first call.

    - any name with `api_base`, and "openai/NAME" or a bare name of OpenAI's: `OpenAIModel`
    - "package.module:function": `CallableModel`; the module is imported here
    - "provider/NAME": `LitellmModel`

    Raises ConfigError for a name that is none of these, and without the key of a model of OpenAI's.
    """
    if api_base is not None or name.startswith("openai/") or _OPENAI.match(name):
        return OpenAIModel(name, api_base=api_base, stream=stream)
    if stream:
        raise ConfigError("--stream", "a model of OpenAI's or one with --api-base", name)
    if _CALLABLE.fullmatch(name):
        return CallableModel(_function(name), name=name)
    provider, slash, rest = name.partition("/")
    if not (slash and rest):
        raise ConfigError("--model", _EXPECTED, name, _EXAMPLES)
    if provider not in _providers():
        raise ConfigError("--model", "a provider that litellm knows before the slash", name, _EXAMPLES)
    return LitellmModel(name)


def _function(name: str) -> Callable[..., object]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError("--model", "package.module:function that can be imported", name, str(error)) from error
    if not callable(found):
        raise ConfigError("--model", "a function", name, f"It is a {type(found).__name__}.")
    function: Callable[..., object] = found
    return function


@functools.cache
def _providers() -> frozenset[str]:
    """From litellm's own files, read as files: importing it takes seconds."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        raise ConfigError("--model", "litellm to be installed for this provider", "none", "pip install litellm")
    listed = json.loads(Path(spec.origin).with_name(_PROVIDER_FILE).read_text(encoding="utf-8"))["providers"]
    return frozenset(listed) | {str(row.get("litellm_provider")) for row in price_table().values()}
