"""A chat completion from its stream of server-sent events.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6. Only `data` is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heuresis.agent.models.completions import Json, read_object
from heuresis.agent.models.protocol import ModelFault
from heuresis.archive.calls import Fault

DONE = "[DONE]"
_FIELDS = ("data:", "event:", "id:", "retry:", ":")


def is_stream(text: str) -> bool:
    """Some servers answer with a stream when none was asked for, others the other way round."""
    return text.lstrip("\ufeff\r\n").startswith(_FIELDS)


def events(text: str) -> Iterator[str]:
    """The data of each event. A last line without its end was cut off and is left out."""
    data: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff").split("\n"):
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data == [DONE]:  # nothing of it can be missing
        yield DONE


def joined(text: str) -> Json:
    """The same object as without a stream. Raises ModelFault, CUT for a stream without an end."""
    body: Json = {}
    choices = False
    content: list[str] = []
    finish, refusal = None, ""
    for event in events(text):
        if event == DONE:
            finish = finish or "stop"
            break
        chunk = read_object(event)
        if chunk.get("error"):
            return {"error": chunk["error"]}
        body |= {key: chunk[key] for key in ("model", "usage") if chunk.get(key)}
        choices = choices or "choices" in chunk
        choice = _choice(chunk)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            content.append(_text(delta.get("content")))
            refusal += _text(delta.get("refusal"))
        finish = choice.get("finish_reason") or finish
    if finish is None:
        raise ModelFault(Fault.CUT, "the stream ended without [DONE] and without a finish_reason", may_be_paid=True)
    if not choices:
        return body  # no chat completion
    body["choices"] = [{"message": {"content": "".join(content), "refusal": refusal}, "finish_reason": finish}]
    return body


def _choice(chunk: Json) -> dict[str, Any]:
    """The first of an event's choices; empty in an event that only counts tokens."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return {}
    return choices[0]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
