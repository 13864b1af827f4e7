"""What the tests of models share: no keys or proxies from outside, an ask, and a check that a canary is nowhere."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

import pytest

from heuresis.agent.models.protocol import Model, ModelFault
from heuresis.archive.calls import Ask, Message

CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("OPENAI_") or name.upper().endswith(("_API_KEY", "_PROXY")):
            monkeypatch.delenv(name)


@pytest.fixture
def ask() -> Ask:
    return Ask((Message("system", "Be brief."), Message("user", "Improve this.")), "improve", max_tokens=100, seed=7)


@pytest.fixture
def canary() -> str:
    return CANARY


@pytest.fixture
def nowhere() -> Callable[[Model, ModelFault], None]:
    """Asserts that the canary is in no text of a fault, of what led to it, or of its model."""

    def check(model: Model, fault: ModelFault) -> None:
        assert CANARY not in repr(model) + str(model) + model.name
        assert CANARY not in "".join(traceback.format_exception(fault)) + repr(fault) + repr(vars(fault))
        assert fault.__cause__ is None
        assert fault.__context__ is None

    return check
