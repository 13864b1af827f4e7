"""Secrets stay out of messages, records and logs.

Covered: the keys that a model was given and the values of environment variables named like secrets, as they are and
as JSON or an address would write them. Not covered: a key that is nowhere in the environment, one that is shorter
than `SHORTEST`, one that somebody cut or encoded in another way.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST = 8
"""Characters. Anything shorter stands in ordinary text by chance."""
REPLACEMENT = "[key]"
_NAMES = re.compile(
    r"(?:.*_)?(?:API_?KEY|ADMIN_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)",
    re.IGNORECASE,
)


def scrub(text: str, keys: Iterable[str] = ()) -> str:
    """`text` with "[key]" for each secret: the `keys` given, and those of the environment as it is now."""
    secrets = {*keys, *(value for name, value in os.environ.items() if _NAMES.fullmatch(name))}
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):  # a secret may begin like another
        text = text.replace(form, REPLACEMENT)
    return text


def _forms(secret: str) -> tuple[str, ...]:
    return secret, json.dumps(secret)[1:-1], quote(secret, safe="")
