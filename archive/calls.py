"""Calls to a language model, as the archive keeps them: what was asked, what came, what it cost, what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from heuresis.archive.records import Cost


class Fault(StrEnum):
    """Why one call to a model gave nothing that can be used."""

    CONNECTION = "connection"
    """No connection, or it was reset before the headers came."""
    DEADLINE = "deadline"
    """The whole call took longer than it may, however its bytes were spread."""
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    SERVER = "server"
    """Any other 5xx."""
    AUTHENTICATION = "authentication"
    QUOTA = "quota"
    """The account has no money left."""
    UNKNOWN_MODEL = "unknown_model"
    CONTEXT_LENGTH = "context_length"
    BAD_REQUEST = "bad_request"
    FILTERED = "filtered"
    """The provider's content filter took the reply away."""
    NOT_JSON = "not_json"
    """Success, but with a web page or garbage as its body."""
    CUT = "cut"
    """The body or the stream ended too early."""
    MALFORMED = "malformed"
    """JSON that is no chat completion."""
    EMPTY = "empty"
    """No choices, or no content."""
    CRASHED = "crashed"
    """The provider's library, or the user's callable, raised something else."""
    LOST = "lost"
    """The driver ended while the call was in flight: whether it was paid for is not known."""


@dataclass(frozen=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Ask:
    """One question to the language model."""

    messages: tuple[Message, ...]
    purpose: str
    """In a word, for people: improve, repair, reflect."""
    temperature: float | None = None
    """None: the provider's default."""
    max_tokens: int = 8192
    """Of the reply, with whatever the model thinks before it."""
    seed: int = 0
    """Of the sampling, where the provider accepts one: a constant one makes a model repeat itself."""


@dataclass(frozen=True)
class Tokens:
    """What was read and written."""

    prompt: int = 0
    completion: int = 0
    estimated: bool = False
    """The provider said nothing; counted from the texts."""

    @property
    def total(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True)
class Reply:
    """What came of an ask in the end: a text, or the reason why there is none."""

    text: str
    finish: str = "stop"
    """As the provider says: "length" means cut at `max_tokens`."""
    model: str = ""
    """As the provider names it."""
    tokens: Tokens = Tokens()
    refusal: str = ""
    """Why there is no text, after all tries; empty for a usable reply."""


@dataclass(frozen=True)
class Call:
    """One try at an ask, from its reservation to its settlement."""

    number: int
    """Of the store."""
    brief: int
    ask: int
    """Within the brief, from 0."""
    attempt: int
    """Within the ask, from 0."""
    purpose: str
    model: str
    open: bool
    """Reserved and not settled: in flight, or lost with its driver. Its reservation counts as spent."""
    fault: Fault | None
    reply: Reply | None
    """What the ask came to; None when another try followed, or none was made yet."""
    raw: str
    """The body as received."""
    reserved: Cost
    """At most what it can cost."""
    spent: Cost
    """What it has cost. After a fault that may have been paid for, what was reserved."""
    seconds: float
