"""Any Python function as a language model."""

from __future__ import annotations

from collections.abc import Callable

from heuresis.agent.models.guard import guarded
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Ask, Fault


class CallableModel:
    """Calls `function(messages) -> str`.

    `messages`: a list of {"role": "system" | "user" | "assistant", "content": str}, oldest first.
    It is called from several threads at once. Whatever it raises is CRASHED, no text is EMPTY or MALFORMED, and a call
    that is still running at the deadline is left behind: Python cannot end it. Its tokens are estimated.
    """

    def __init__(self, function: Callable[..., object], *, name: str = "") -> None:
        self._function = function
        self._name = name or _name_of(function)

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"CallableModel({self._name!r})"

    def complete(self, ask: Ask, seconds: float) -> Completion:
        return guarded(seconds, lambda leash: self._call(ask))

    def _call(self, ask: Ask) -> Completion:
        text = self._function([{"role": message.role, "content": message.content} for message in ask.messages])
        if text is None or (isinstance(text, str) and not text.strip()):
            raise ModelFault(Fault.EMPTY, f"{self._name} returned no text", may_be_paid=True)
        if not isinstance(text, str):
            words = f"{self._name} returned a {type(text).__name__}, a str was expected"
            raise ModelFault(Fault.MALFORMED, words, may_be_paid=True)
        return Completion(text, finish="stop", model=self._name, tokens=None, raw=text)


def _name_of(function: Callable[..., object]) -> str:
    kind = function if hasattr(function, "__qualname__") else type(function)
    return f"{kind.__module__}:{kind.__qualname__}"
