"""What the model server answers without its script: the list of models, embeddings, and mistakes of the caller."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from dataclasses import dataclass
from typing import Any

from heuresis.testing.answers import Answer, Status
from heuresis.testing.completions import JSON, encode, error_body
from heuresis.testing.exchange import Exchange, Received

DIMENSIONS = 64


@dataclass(frozen=True)
class Document:
    """A JSON document."""

    value: Any

    def play(self, exchange: Exchange) -> None:
        exchange.respond(200, encode(self.value), JSON)


def unscripted(received: Received) -> Answer | None:
    """The answer to anything but a proper chat completion; None for that one."""
    match received.method, received.path.partition("?")[0]:
        case "POST", "/v1/chat/completions":
            return _refused(received, "messages", list)
        case "POST", "/v1/embeddings":
            return _refused(received, "input", (str, list)) or Document(_embeddings(received.body))
        case "GET", "/v1/models":
            return Document({"object": "list", "data": [_MODEL]})
    return Status(404, error_body(f"Invalid URL ({received.method} {received.path})").decode())


_MODEL = {"id": "stand-in", "object": "model", "created": 0, "owned_by": "heuresis"}


def _refused(received: Received, key: str, kinds: type | tuple[type, ...]) -> Status | None:
    if not isinstance(received.body, dict):
        return Status(400, error_body("We could not parse the JSON body of your request.").decode())
    if not isinstance(received.body.get(key), kinds):
        return Status(400, error_body(f"Missing required parameter: '{key}'.").decode())
    return None


def _embeddings(body: dict[str, Any]) -> dict[str, object]:
    given = body["input"]
    texts = [given] if isinstance(given, str) else given
    as_bytes = body.get("encoding_format") == "base64"
    size = body["dimensions"] if isinstance(body.get("dimensions"), int) else DIMENSIONS
    vectors = [vector(str(text), size) for text in texts]
    rows = [
        {"object": "embedding", "index": number, "embedding": _packed(one) if as_bytes else one}
        for number, one in enumerate(vectors)
    ]
    words = sum(len(str(text).split()) for text in texts)
    usage = {"prompt_tokens": words, "total_tokens": words}
    return {"object": "list", "data": rows, "model": str(body.get("model", "stand-in")), "usage": usage}


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Of length 1, from a hash of the text: equal texts have equal vectors, and that is all it says about them."""
    digest = hashlib.shake_256(text.encode("utf-8", "replace")).digest(4 * dimensions)
    numbers = [number / 2**31 - 1 for (number,) in struct.iter_unpack("<I", digest)]
    norm = math.hypot(*numbers)
    return [number / norm for number in numbers]


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
