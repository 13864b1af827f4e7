"""Chat completions as OpenAI writes them: one JSON object, or the events of a stream."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
_MOST_PIECES = 200
_SHORTEST_PIECE = 12


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int

    def as_json(self) -> dict[str, int]:
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
        }


@dataclass(frozen=True)
class Written:
    """What a model wrote: a text, or calls of tools, or nothing."""

    content: str | None
    finish: str = "stop"
    model: str = "stand-in"
    usage: Usage | None = None
    tool_calls: Sequence[Mapping[str, object]] = ()

    def plain(self) -> bytes:
        """The body of a plain answer."""
        message: dict[str, object] = {"role": "assistant", "content": self.content, "refusal": None}
        if self.tool_calls:
            message["tool_calls"] = list(self.tool_calls)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        return encode(self._object("chat.completion", [choice], self.usage))

    def events(self, *, usage: bool) -> list[bytes]:
        """The events of a streamed answer, the last two being the finish reason (with `usage` the usage) and [DONE]."""
        first: dict[str, object] = {"role": "assistant", "content": None if self.content is None else ""}
        deltas = [first, *self._deltas()]
        choices = [self._choice(delta, None) for delta in deltas] + [self._choice({}, self.finish)]
        parts = [self._chunk([choice]) for choice in choices]
        if usage and self.usage is not None:
            parts.append(event(self._object("chat.completion.chunk", [], self.usage)))
        return [*parts, DONE]

    def _deltas(self) -> list[dict[str, object]]:
        deltas: list[dict[str, object]] = [{"content": piece} for piece in pieces(self.content or "")]
        deltas += [{"tool_calls": [{"index": number, **call}]} for number, call in enumerate(self.tool_calls)]
        return deltas

    def _choice(self, delta: Mapping[str, object], finish: str | None) -> dict[str, object]:
        return {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}

    def _chunk(self, choices: list[dict[str, object]]) -> bytes:
        return event(self._object("chat.completion.chunk", choices, None))

    def _object(self, kind: str, choices: list[dict[str, object]], usage: Usage | None) -> dict[str, object]:
        counted = {"usage": usage.as_json()} if usage is not None else {}
        head = {"id": "chatcmpl-stand-in", "object": kind, "created": int(time.time()), "model": self.model}
        return {**head, "choices": choices, **counted}


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def event(value: object) -> bytes:
    return b"data: " + encode(value) + b"\n\n"


def pieces(text: str) -> list[str]:
    """The text as a stream brings it."""
    step = max(_SHORTEST_PIECE, -(-len(text) // _MOST_PIECES))
    return [text[start : start + step] for start in range(0, len(text), step)]


def count_words(body: Any) -> int:
    """Words of all messages of a request: what a prompt is counted as here."""
    messages = body.get("messages") if isinstance(body, dict) else None
    return sum(len(text.split()) for text in contents(messages))


def contents(messages: Any) -> list[str]:
    """The texts of the messages of a request, however they are wrapped."""
    texts = []
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return texts


def error_body(message: str, kind: str = "invalid_request_error", code: str | None = None) -> bytes:
    """An error in OpenAI's shape."""
    return encode({"error": {"message": message, "type": kind, "param": None, "code": code}})
