"""What a refusal over HTTP means: status, headers and body in, `ModelFault` out. Nothing here does input or output."""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Fault

LONGEST_RETRY_AFTER_SECONDS = 60.0
LONGEST_MESSAGE = 400

# As OpenAI, Anthropic, DeepSeek and Moonshot word it. Gemini says "exceeded your current quota" for limits per minute
# as well, so that wording alone is a rate limit.
_QUOTA = re.compile(
    r"insufficient_quota|insufficient[ _]balance|insufficient[ _]credits?|credit balance is too low"
    r"|billing_hard_limit_reached|billing_not_active|exceeded_current_quota_error",
    re.IGNORECASE,
)
# OpenAI, vLLM, OpenRouter; Anthropic; Bedrock; Gemini; llama.cpp; LM Studio; Cohere and TGI.
_CONTEXT = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long|input is too long|input token count"
    r"|exceeds? the (?:available )?context size|exceed_context_size_error|greater than the context length"
    r"|too many tokens|exceeds the context window|context window exceeds|must be <= .*max_new_tokens",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"model_not_found|model_not_exist|invalid_model|unknown model|model\b.{0,200}\bdoes not exist", re.I
)
_FILTER = re.compile(r"content_filter|content_policy_violation|data_inspection_failed|responsible_?ai_?policy", re.I)


@dataclass(frozen=True)
class Refusal:
    """A response whose status is no success."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: str
    received: float
    """When, in seconds of the epoch: a date in Retry-After counts from here."""


def fault_of(refusal: Refusal) -> ModelFault:
    fault = _classify(refusal.status, refusal.body)
    return ModelFault(
        fault,
        f"HTTP {refusal.status}: {_message(refusal.body)}{_hint(refusal.status)}",
        may_be_paid=fault is Fault.DEADLINE,
        retry_after=retry_after(refusal.headers, refusal.received),
        raw=refusal.body,
    )


def _classify(status: int, body: str) -> Fault:
    if status < 500:
        return _classify_refused(status, _told(body))
    if status in (504, 524):
        return Fault.DEADLINE  # of the proxy before the model, which may go on and charge
    return Fault.OVERLOADED if status in (503, 529) else Fault.SERVER


def _classify_refused(status: int, told: str) -> Fault:
    if status == 402 or _QUOTA.search(told):
        return Fault.QUOTA
    if status == 429:
        return Fault.RATE_LIMIT
    if status in (408, 409, 425):
        return Fault.SERVER  # it did not get the whole request in time, or asks to come again
    if status == 404 or (status != 401 and _UNKNOWN.search(told)):
        return Fault.UNKNOWN_MODEL
    if status in (401, 403):
        return Fault.AUTHENTICATION
    if status == 413 or _CONTEXT.search(told):
        return Fault.CONTEXT_LENGTH
    return Fault.FILTERED if _FILTER.search(told) else Fault.BAD_REQUEST


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from 0 to `LONGEST_RETRY_AFTER_SECONDS`; None when nothing readable was said.

    `retry-after-ms` (OpenAI), then `retry-after` in seconds or as a date (RFC 9110, section 10.2.3).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _capped(milliseconds / 1000)
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is None:
        seconds = _until(text, now)
    return None if seconds is None else _capped(seconds)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str, now: float) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _message(body: str) -> str:
    """What the provider says in words, cut to length."""
    text = " ".join((_error(body).get("message") or body).split())
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + " ..."


def _told(body: str) -> str:
    """What the provider says of its own. Some repeat the whole question elsewhere, which may say anything."""
    return " ".join(_error(body).values()) or body[:LONGEST_MESSAGE]


def _error(body: str) -> dict[str, str]:
    """The texts among `message`, `code`, `type` and `status` of an error in JSON; empty for another body."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(parsed, dict) and isinstance(parsed.get("error"), dict | str):
        parsed = parsed["error"]
    if isinstance(parsed, str):
        return {"message": parsed}
    if not isinstance(parsed, dict):
        return {}
    return {key: parsed[key] for key in ("message", "code", "type", "status") if isinstance(parsed.get(key), str)}


def _hint(status: int) -> str:
    return " (no such model, or the address is not complete: most end in /v1)" if status == 404 else ""
