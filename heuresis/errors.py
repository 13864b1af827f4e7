"""The three kinds of trouble, and nothing else. Importing this module pulls in nothing of ours.

    HeuresisError
    +-- ConfigError      the user's mistake: names the key, what was expected, what came
    |   +-- StoreDamaged the file of the store is not what was written to it; only a copy helps
    +-- Unavailable      a part of ours is gone (sandbox, model, device); retried with a bound, never scored

A program that fails is no error: it is an `Evaluation` with a status (`heuresis.evaluators.nouns`).
Any other exception is a bug and goes up.
"""

from __future__ import annotations


class HeuresisError(Exception):
    """Base of every error that Heuresis raises on purpose; its text is a sentence for a person."""


class ConfigError(HeuresisError):
    """The user's mistake, told before anything is spent."""

    def __init__(self, key: str, expected: str, got: object, hint: str = "") -> None:
        self.key = key
        self.expected = expected
        self.got = got
        self.hint = hint
        text = f"{key}: expected {expected}, got {got if isinstance(got, str) and got else repr(got)}"
        super().__init__(f"{text}. {hint}" if hint else text)


class StoreDamaged(ConfigError):
    """The store's file was changed behind our back, by the disk or by somebody. Nothing is written to it."""


class Unavailable(HeuresisError):
    """A part of ours is gone. What was asked for was not done and may be tried again."""
