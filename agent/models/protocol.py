"""`Model`: one language model behind one method, and the error it raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from heuresis.archive.calls import Ask, Fault, Tokens


@dataclass(frozen=True)
class Completion:
    """A usable answer of a model."""

    text: str
    """Not empty."""
    finish: str
    """As the provider says: "stop", "length" (cut at `max_tokens`), ..."""
    model: str
    """As the provider names it."""
    tokens: Tokens | None
    """None when the provider did not say; the caller then estimates."""
    raw: str
    """The body as received: JSON, or the events of a stream."""


class ModelFault(Exception):
    """A call that gave nothing usable.

    `may_be_paid`: the request reached the model, so the provider may charge for it. `retry_after`: seconds the
    provider asked for (capped). `raw`: what was received, as far as it came. The message holds no secret.
    """

    def __init__(
        self,
        fault: Fault,
        message: str,
        *,
        may_be_paid: bool = False,
        retry_after: float | None = None,
        tokens: Tokens | None = None,
        raw: str = "",
    ) -> None:
        self.fault = fault
        self.may_be_paid = may_be_paid
        self.retry_after = retry_after
        self.tokens = tokens
        self.raw = raw
        super().__init__(message)


class Model(Protocol):
    """A language model. Safe to use from several threads at once. Makes one call per `complete`, never retries."""

    @property
    def name(self) -> str:
        """As given on the command line; stored with every call. Holds no secret."""
        ...

    def complete(self, ask: Ask, seconds: float) -> Completion:
        """One call, given up after `seconds` whatever arrives meanwhile. Raises ModelFault and nothing else."""
        ...
