"""What calls cost: at most, beforehand; really, from what the provider counted; or by estimate, when it did not."""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from heuresis.archive.calls import Ask, Tokens
from heuresis.archive.records import Cost
from heuresis.errors import ConfigError

TOKENS_PER_MESSAGE = 16
"""Role and separators of one message. OpenAI's format takes 3 or 4; chat templates of open models up to about 10."""
TOKENS_PER_ASK = 128
"""The start of the reply, and the preamble that some chat templates add by themselves (a date, a system message)."""
BYTES_PER_TOKEN = 2
"""For estimates. Code and English run at 3 to 4 bytes a token; dense digits and symbols come down to about 2."""

_PRICE_FILE = "model_prices_and_context_window_backup.json"
_PROMPT_RATES = re.compile(r"input_cost_per_token(_above_\d+k_tokens)?")
_COMPLETION_RATES = re.compile(r"output_cost_per_(token(_above_\d+k_tokens)?|reasoning_token)")


@dataclass(frozen=True)
class Price:
    """US dollars for one token."""

    usd_per_prompt_token: float
    usd_per_completion_token: float

    def __post_init__(self) -> None:
        for value in (self.usd_per_prompt_token, self.usd_per_completion_token):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"a price is finite and not negative, got {value}")


def read_price(text: str) -> Price:
    """From the command line: "0.15,0.60" is USD for a million prompt tokens and for a million completion tokens."""
    try:
        prompt, completion = (float(part) / 1e6 for part in text.split(","))
        return Price(prompt, completion)
    except ValueError:
        expected = "two numbers: USD per million prompt tokens, USD per million completion tokens"
        raise ConfigError("--price", expected, text, "For example: --price 0.15,0.60") from None


def price_of(model: str, *, api_base: str | None = None) -> Price | None:
    """The list price from the table that litellm ships; None when it has none, or for an `api_base` not the provider's.

    Where long prompts cost more, the highest rate stands for all: what is said to be spent may be too high, never too
    low. Rebates (cached prompts, batches) are left out for the same reason.
    """
    if api_base is not None and not _is_openai(api_base):
        return None
    row = _row(price_table(), model)
    return None if row is None else _price(row)


def most(ask: Ask, price: Price | None) -> Cost:
    """What one call can cost at most: reserved before it is sent.

    Byte-level tokenizers make no more tokens of a text than it has UTF-8 bytes. Not covered: providers that count more
    than they are sent (hidden instructions, searches) or write more than `max_tokens`.
    """
    return cost(Tokens(prompt=_bytes_of(ask) + _overhead(ask), completion=ask.max_tokens), price)


def cost(tokens: Tokens, price: Price | None) -> Cost:
    """What one call cost; no dollars without a price."""
    usd = 0.0
    if price is not None:
        usd = tokens.prompt * price.usd_per_prompt_token + tokens.completion * price.usd_per_completion_token
    return Cost(usd=usd, tokens=tokens.total, model_calls=1)


def estimate(ask: Ask, text: str) -> Tokens:
    """For a reply whose provider counted nothing: from the texts, rather too many. Hidden thinking is not seen."""
    prompt = -(-_bytes_of(ask) // BYTES_PER_TOKEN) + _overhead(ask)
    completion = -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
    return Tokens(prompt=prompt, completion=min(completion, ask.max_tokens), estimated=True)


def _bytes_of(ask: Ask) -> int:
    return sum(len(message.content.encode("utf-8", "replace")) for message in ask.messages)


def _overhead(ask: Ask) -> int:
    return TOKENS_PER_MESSAGE * len(ask.messages) + TOKENS_PER_ASK


def _is_openai(api_base: str) -> bool:
    return urlsplit(api_base).hostname == "api.openai.com"


@functools.cache
def price_table() -> Mapping[str, Mapping[str, object]]:
    """What litellm knows of each model, read as a file: importing litellm takes seconds. Empty without litellm."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    path = Path(spec.origin).with_name(_PRICE_FILE)
    if not path.is_file():
        return {}
    table: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return table


def _row(table: Mapping[str, Mapping[str, object]], model: str) -> Mapping[str, object] | None:
    """By its full name, or by its bare name with the provider that stands before it."""
    if model in table:
        return table[model]
    provider, _, bare = model.partition("/")
    row = table.get(bare)
    return row if row is not None and row.get("litellm_provider") == provider else None


def _price(row: Mapping[str, object]) -> Price | None:
    prompt, completion = _highest(row, _PROMPT_RATES), _highest(row, _COMPLETION_RATES)
    if prompt is None or completion is None or "tiered_pricing" in row:
        return None
    return Price(prompt, completion)


def _highest(row: Mapping[str, object], rates: re.Pattern[str]) -> float | None:
    found = (value for key, value in row.items() if rates.fullmatch(key))
    return max((float(value) for value in found if isinstance(value, int | float)), default=None)
