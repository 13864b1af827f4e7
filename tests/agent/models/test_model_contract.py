"""Every way to reach a model keeps the contract that Heuresis ships."""

from __future__ import annotations

import pytest

from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.models.openai_model import OpenAIModel
from heuresis.testing.contract import check_model

KEY = "sk-contract-0a1b2c3d"


@pytest.mark.parametrize("stream", [False, True])
def test_an_openai_compatible_endpoint_keeps_the_contract(stream: bool) -> None:
    check_model(lambda url: OpenAIModel("stand-in", api_base=url, api_key=KEY, stream=stream), key=KEY)


def test_a_python_function_keeps_the_contract() -> None:
    check_model(lambda url: CallableModel(lambda messages: messages[-1]["content"], name="echo"))
