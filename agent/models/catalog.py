"""Language models by name."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import json
import re
from pathlib import Path
from typing import Any

from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.models.litellm_model import LitellmModel
from heuresis.agent.models.openai_model import OpenAIModel
from heuresis.agent.models.prices import price_table
from heuresis.agent.models.protocol import Model
from heuresis.errors import ConfigError
from heuresis.plugins import cause_of, offered, resolve

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*|.+\.py:[A-Za-z_]\w*")
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
    - the name of a plugin, "package.module:NAME", "path/to/file.py:NAME": see `_own`; the module is imported here
    - "provider/NAME": `LitellmModel`

    Raises ConfigError for a name that is none of these, and without the key of a model of OpenAI's.
    """
    if api_base is not None or is_of_openai(name):
        return OpenAIModel(name, api_base=api_base, stream=stream)
    if stream:
        raise ConfigError("--stream", "a model of OpenAI's or one with --api-base", name)
    if _REFERENCE.fullmatch(name) or name in offered("models"):
        return _own(name)
    provider, slash, rest = name.partition("/")
    if not (slash and rest):
        raise ConfigError("--model", _EXPECTED, name, _EXAMPLES)
    if provider not in _providers():
        raise ConfigError("--model", "a provider that litellm knows before the slash", name, _EXAMPLES)
    return LitellmModel(name)


def is_of_openai(name: str) -> bool:
    """Whether the name alone leads there; a plugin of such a name is never asked."""
    return name.startswith("openai/") or _OPENAI.match(name) is not None


def _own(name: str) -> Model:
    """A model of somebody's own: a function of the messages (`CallableModel`), an object with `complete`, or a class of
    such objects or a function without arguments that makes one."""
    found = resolve("--model", "models", name, {}, "a model")
    if not callable(getattr(found, "complete", None)) and not callable(found):
        raise ConfigError("--model", "a function, or a class with `complete`", name, f"It is a {type(found).__name__}.")
    makes = isinstance(found, type) or not (hasattr(found, "complete") or _takes_one(found))
    made = _made(name, found) if makes else found
    if makes and not hasattr(made, "complete"):
        raise ConfigError("--model", "a class with `complete`", name, f"It makes a {type(made).__name__}.")
    if not hasattr(made, "complete"):
        return CallableModel(made, name=name)
    if not isinstance(getattr(made, "name", None), str):
        raise ConfigError("--model", "a model with a name (a str)", name)
    model: Model = made
    return model


def _takes_one(function: Any) -> bool:
    """Whether it can be called with the messages; of what has no signature that is believed."""
    try:
        inspect.signature(function).bind([])
    except ValueError:
        return True
    except TypeError:
        return False
    return True


def _made(name: str, kind: Any) -> Any:
    try:
        return kind()
    # The user's own code may raise anything; it is told in words and with its cause.
    except Exception as error:
        raise ConfigError("--model", "a model that is built without arguments", name, cause_of(error)) from error


@functools.cache
def _providers() -> frozenset[str]:
    """From litellm's own files, read as files: importing it takes seconds."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        raise ConfigError("--model", "litellm to be installed for this provider", "none", "pip install litellm")
    listed = json.loads(Path(spec.origin).with_name(_PROVIDER_FILE).read_text(encoding="utf-8"))["providers"]
    return frozenset(listed) | {str(row.get("litellm_provider")) for row in price_table().values()}
