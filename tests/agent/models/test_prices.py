"""What is reserved is an upper bound; what is not known is said to be unknown."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.agent.models.prices import Price, cost, estimate, most, price_of, read_price
from heuresis.archive.calls import Ask, Message, Tokens
from heuresis.archive.records import Cost
from heuresis.errors import ConfigError

ASK = Ask((Message("system", "Be brief."), Message("user", "Pack größer first.")), "improve", max_tokens=1000)


def test_a_price_is_read_as_usd_per_million_tokens() -> None:
    assert read_price("0.15,0.60") == Price(0.15e-6, 0.60e-6)
    assert read_price(" 0 , 0 ") == Price(0.0, 0.0)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,2", "nan,1", "inf,1", "1;2"])
def test_a_price_that_cannot_be_read_is_told_in_words(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--price: expected two numbers.*For example: --price 0\.15,0\.60"):
        read_price(text)


def test_a_price_is_finite_and_not_negative() -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        Price(-1e-6, 0.0)


def test_the_reservation_counts_bytes_an_overhead_and_the_longest_reply() -> None:
    # 9 bytes + 18 letters of which two (ö, ß) take two bytes; 16 for each of 2 messages; 128 for the ask.
    prompt = 9 + 20 + 2 * 16 + 128
    assert most(ASK, Price(2e-6, 10e-6)) == Cost(usd=prompt * 2e-6 + 1000 * 10e-6, tokens=prompt + 1000, model_calls=1)


def test_without_a_price_tokens_are_counted_and_no_dollars() -> None:
    assert most(ASK, None).usd == 0.0
    assert most(ASK, None).tokens > 1000


def test_the_cost_is_that_of_the_tokens_counted() -> None:
    assert cost(Tokens(100, 10), Price(2e-6, 10e-6)) == Cost(usd=100 * 2e-6 + 10 * 10e-6, tokens=110, model_calls=1)


@given(st.text(max_size=300), st.text(max_size=300))
def test_an_estimate_of_the_prompt_is_never_above_what_was_reserved(question: str, answer: str) -> None:
    ask = Ask((Message("user", question),), "improve", max_tokens=8192)
    guess = estimate(ask, answer)
    assert guess.estimated
    assert guess.total <= most(ask, None).tokens


def test_an_estimate_leans_to_the_high_side() -> None:
    words = "the quick brown fox jumps over the lazy dog " * 100  # one token a word with common tokenizers: 900
    assert estimate(ASK, words).completion >= 900
    assert estimate(ASK, words).prompt > 0


def test_list_prices_are_those_of_litellm_s_table() -> None:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    table = json.loads(Path(spec.origin).with_name("model_prices_and_context_window_backup.json").read_text())
    row = table["gpt-4o-mini"]
    expected = Price(row["input_cost_per_token"], row["output_cost_per_token"])
    assert price_of("gpt-4o-mini") == expected
    assert price_of("openai/gpt-4o-mini") == expected
    assert price_of("openai/gpt-4o-mini", api_base="https://api.openai.com/v1") == expected


def test_where_long_prompts_cost_more_the_highest_rate_stands() -> None:
    # Google lists 1.25 and 10 USD per million tokens up to a prompt of 200k tokens, 2.50 and 15 beyond.
    assert price_of("gemini/gemini-2.5-pro") == Price(2.5e-6, 15e-6)


def test_a_provider_s_price_is_not_taken_for_another_provider_s_model() -> None:
    assert price_of("groq/gpt-4o-mini") is None


@pytest.mark.parametrize("model", ["no-such-model", "openai/no-such-model", "", "sample_spec/"])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert price_of(model) is None


def test_a_model_behind_another_address_has_no_list_price() -> None:
    assert price_of("gpt-4o-mini", api_base="http://localhost:8000/v1") is None
