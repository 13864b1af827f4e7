"""Secrets of the environment and the keys that a model was given are taken out of texts."""

from __future__ import annotations

import pytest

from heuresis.agent.models.keys import scrub


def test_given_keys_are_replaced() -> None:
    assert (
        scrub("Incorrect API key provided: sk-canary-1234.", ["sk-canary-1234"]) == "Incorrect API key provided: [key]."
    )


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "my_api_key", "TOKEN"],
)
def test_the_environment_s_secrets_are_replaced(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "canary-98765")
    assert scrub("got canary-98765 there") == "got [key] there"


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SORT_KEY", "timestamp")
    assert scrub("by timestamp") == "by timestamp"


def test_a_short_value_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "return")
    assert scrub("return 1", ["1"]) == "return 1"


def test_a_key_is_found_as_json_and_addresses_write_it() -> None:
    key = 'ab"cd/ef+gh'
    assert scrub('{"a": "ab\\"cd/ef+gh"} ?key=ab%22cd%2Fef%2Bgh', [key]) == '{"a": "[key]"} ?key=[key]'


def test_a_key_that_begins_like_another_leaves_nothing_behind() -> None:
    assert scrub("canary-1234-and-more", ["canary-1234", "canary-1234-and-more"]) == "[key]"
