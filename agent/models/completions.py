"""A chat completion from the bytes of a body: checked field by field, nothing is believed.

The shape: https://platform.openai.com/docs/api-reference/chat/object. What other servers are known to do instead is
accepted where its meaning is plain: content in parts, an error inside of a success.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from heuresis.agent.models.http_faults import Refusal, fault_of
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Fault, Tokens

MOST_TOKENS = 20_000_000
"""Of one call. No model reads as much; a larger count is a mistake."""

Json = dict[str, Any]


def read_object(text: str) -> Json:
    """The JSON object of `text`. Raises ModelFault NOT_JSON, CUT or MALFORMED."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        fault = Fault.CUT if _looks_cut(text.strip(), error) else Fault.NOT_JSON
        raise _paid(fault, f"no JSON: {text.strip()[:100]!r}") from None
    if not isinstance(parsed, dict):
        raise _paid(Fault.MALFORMED, f"a JSON object was expected, a {type(parsed).__name__} came")
    return parsed


def completion_of(body: Json, raw: str) -> Completion:
    """The first choice of a chat completion. Raises ModelFault."""
    tokens = tokens_of(body.get("usage"))
    choice = _first_choice(body, tokens)
    message, finish = choice.get("message"), choice.get("finish_reason")
    if finish == "content_filter":
        raise _paid(Fault.FILTERED, "finish_reason is content_filter", tokens)
    if not isinstance(message, dict):
        raise _paid(Fault.MALFORMED, "a choice without a message", tokens)
    text = _text(message, tokens)
    if not text.strip():
        raise _paid(Fault.EMPTY, _why_empty(message, finish), tokens)
    if tokens is not None and tokens.total == 0:
        tokens = None  # something was read and written
    return Completion(text, str(finish or ""), str(body.get("model") or ""), tokens, raw)


def tokens_of(usage: object) -> Tokens | None:
    """None for a usage that is missing or cannot be true.

    Where the total is larger than its parts, the rest is thinking that was not listed, and is paid like the reply.
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    total = _count(usage.get("total_tokens")) or 0
    return Tokens(prompt=prompt, completion=max(completion, total - prompt))


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        return None
    return value


def _looks_cut(text: str, error: Exception) -> bool:
    if not text:
        return True
    if not (text.startswith(("{", "[")) and isinstance(error, json.JSONDecodeError)):
        return False
    return not text.endswith(("}", "]")) or error.pos >= len(text) or error.msg.startswith("Unterminated string")


def _first_choice(body: Json, tokens: Tokens | None) -> Mapping[str, Any]:
    if body.get("error") and not body.get("choices"):
        raise _error_inside(body, tokens)
    if "choices" not in body:
        raise _paid(Fault.MALFORMED, f"no chat completion: {json.dumps(body)[:100]}", tokens)
    choices = body["choices"]
    if choices is None or choices == []:
        raise _paid(Fault.EMPTY, "no choices", tokens)
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise _paid(Fault.MALFORMED, "choices is no list of objects", tokens)
    return choices[0]


def _error_inside(body: Json, tokens: Tokens | None) -> ModelFault:
    """OpenRouter and others answer with success and say in the body what went wrong."""
    error = body["error"]
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        fault = fault_of(Refusal(code, {}, json.dumps(body), 0.0))
        # A refusal costs nothing; what broke in the middle may.
        return ModelFault(fault.fault, str(fault), may_be_paid=code >= 500, tokens=tokens)
    return _paid(Fault.MALFORMED, f"an error came with a success: {json.dumps(error)[:300]}", tokens)


def _text(message: Mapping[str, Any], tokens: Tokens | None) -> str:
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    raise _paid(Fault.MALFORMED, f"the content is a {type(content).__name__}", tokens)


def _why_empty(message: Mapping[str, Any], finish: object) -> str:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return f"the model refuses: {refusal[:300]}"
    hint = ": all its tokens went into thinking, it needs a larger max_tokens" if finish == "length" else ""
    return f"no content, finish_reason {finish}{hint}"


def _paid(fault: Fault, message: str, tokens: Tokens | None = None) -> ModelFault:
    return ModelFault(fault, message, may_be_paid=True, tokens=tokens)
