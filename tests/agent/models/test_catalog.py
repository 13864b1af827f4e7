"""A name leads to a model, or to a sentence that says which names do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.models.catalog import load_model
from heuresis.agent.models.litellm_model import LitellmModel
from heuresis.agent.models.openai_model import OpenAIModel
from heuresis.errors import ConfigError

LOCAL = "http://localhost:8000/v1"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.mark.parametrize(
    "name", ["openai/gpt-5-mini", "gpt-5", "chatgpt-4o-latest", "o3", "o4-mini", "openai/anything"]
)
def test_openai_s_models_are_reached_directly(name: str) -> None:
    model = load_model(name)
    assert isinstance(model, OpenAIModel)
    assert model.name == name


@pytest.mark.parametrize("name", ["qwen2.5-coder:7b", "meta-llama/Llama-3.1-8B", "x", "anthropic/claude", "json:dumps"])
def test_any_name_goes_to_the_address_that_is_given(name: str) -> None:
    assert isinstance(load_model(name, api_base=LOCAL), OpenAIModel)


@pytest.mark.parametrize(
    "name", ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro", "bedrock/anthropic.claude-v2:1"]
)
def test_other_providers_are_reached_over_litellm(name: str) -> None:
    model = load_model(name)
    assert isinstance(model, LitellmModel)
    assert (model.name, repr(model)) == (name, f"LitellmModel({name!r})")


def test_a_function_of_a_module_is_a_model() -> None:
    model = load_model("json:dumps")
    assert isinstance(model, CallableModel)
    assert model.name == "json:dumps"


@pytest.mark.parametrize(
    "name", ["", "llama", "claude-sonnet", "/x", "anthropic/", "nosuch/x", "no_such_module:f", "json:no"]
)
def test_a_name_that_leads_nowhere_is_told_with_what_would(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--model: expected"):
        load_model(name)


def test_a_thing_of_a_module_that_cannot_be_called_is_no_model() -> None:
    with pytest.raises(ConfigError, match="a function"):
        load_model("sys:path")


def test_without_a_key_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match=r"OPENAI_API_KEY: expected the key of api\.openai\.com"):
        load_model("gpt-5")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        load_model("x", api_base="https://models.example/v1")
    assert load_model("x", api_base=LOCAL).name == "x"


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x/v1", "http://", "x", "http://[::1"])
def test_an_address_that_is_none_is_told_and_not_shown(address: str) -> None:
    with pytest.raises(ConfigError, match="--api-base: expected an address like"):
        load_model("x", api_base=address)


def test_streaming_is_for_openai_compatible_endpoints() -> None:
    load_model("x", api_base=LOCAL, stream=True)
    with pytest.raises(ConfigError, match="--stream"):
        load_model("gemini/gemini-2.5-pro", stream=True)


def test_loading_imports_no_heavy_library() -> None:
    code = (
        "import sys; from heuresis.agent.models.catalog import load_model;"
        "load_model('anthropic/claude-sonnet-4-5'); load_model('gpt-5'); load_model('x', api_base='http://localhost:1/v1');"
        "print(sorted({'openai', 'litellm', 'httpx', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
