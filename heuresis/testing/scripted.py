"""`ScriptedModel`: a language model without any network that says what it is told to say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Ask, Fault, Tokens


class ScriptedModel:
    """Answers with texts and faults in turn, or with what a function makes of the ask.

    The last answer of a sequence is repeated for ever, so put a fault last where more calls are a mistake. A function
    is called from several threads at once; it may raise ModelFault, and whatever else it raises goes up as it is.
    Answers come at once, whatever `seconds` says. Tokens are counted in words.
    """

    def __init__(self, answers: Sequence[str | ModelFault] | Callable[[Ask], str], *, name: str = "scripted") -> None:
        if not callable(answers) and (isinstance(answers, str) or not answers):
            raise ValueError("answers: at least one text or ModelFault in a list, or a function of the ask")
        self._answers = answers
        self._name = name
        self._lock = threading.Lock()
        self._asked: list[Ask] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def asked(self) -> list[Ask]:
        """All asks until now, in order of arrival."""
        with self._lock:
            return list(self._asked)

    def complete(self, ask: Ask, seconds: float) -> Completion:
        answer = self._answer(ask)
        if isinstance(answer, ModelFault):
            raise _fresh(answer)
        if not answer:
            raise ModelFault(Fault.EMPTY, "the script has an empty text here", may_be_paid=True)
        tokens = Tokens(sum(_words(message.content) for message in ask.messages), _words(answer))
        return Completion(answer, finish="stop", model=self._name, tokens=tokens, raw=answer)

    def _answer(self, ask: Ask) -> str | ModelFault:
        with self._lock:
            number = len(self._asked)
            self._asked.append(ask)
        if callable(self._answers):
            return self._answers(ask)
        return self._answers[min(number, len(self._answers) - 1)]


def _words(text: str) -> int:
    return len(text.split())


def _fresh(fault: ModelFault) -> ModelFault:
    """A copy: one exception raised in several threads would gather the traces of all of them."""
    return ModelFault(
        fault.fault,
        str(fault),
        may_be_paid=fault.may_be_paid,
        retry_after=fault.retry_after,
        tokens=fault.tokens,
        raw=fault.raw,
    )
