"""What is done about each fault of a model, and how it is told to a person."""

from __future__ import annotations

from enum import StrEnum

from heuresis.archive.calls import Fault

MOST_TRIES = 5
"""Of one ask, counting the faults that are treated with RETRY."""


class Treatment(StrEnum):
    WAIT = "wait"
    """The endpoint is down or busy: back off, then ask again. Does not count as a try."""
    RETRY = "retry"
    """This answer was bad: ask again, at most `MOST_TRIES` times in all."""
    GIVE_UP = "give_up"
    """This ask will never be answered; others may be."""
    STOP = "stop"
    """No ask will be answered until a person does something."""


_TREATMENTS = {
    Fault.CONNECTION: Treatment.WAIT,
    Fault.RATE_LIMIT: Treatment.WAIT,
    Fault.OVERLOADED: Treatment.WAIT,
    Fault.SERVER: Treatment.WAIT,
    Fault.DEADLINE: Treatment.RETRY,
    Fault.NOT_JSON: Treatment.RETRY,
    Fault.CUT: Treatment.RETRY,
    Fault.MALFORMED: Treatment.RETRY,
    Fault.EMPTY: Treatment.RETRY,
    Fault.CRASHED: Treatment.RETRY,
    Fault.LOST: Treatment.RETRY,
    Fault.CONTEXT_LENGTH: Treatment.GIVE_UP,
    Fault.BAD_REQUEST: Treatment.GIVE_UP,
    Fault.FILTERED: Treatment.GIVE_UP,
    Fault.AUTHENTICATION: Treatment.STOP,
    Fault.QUOTA: Treatment.STOP,
    Fault.UNKNOWN_MODEL: Treatment.STOP,
}

_WORDS = {
    Fault.CONNECTION: "the model cannot be reached",
    Fault.RATE_LIMIT: "the provider asks for fewer calls (rate limit)",
    Fault.OVERLOADED: "the provider is overloaded",
    Fault.SERVER: "the provider has an error of its own",
    Fault.DEADLINE: "the call took longer than it may",
    Fault.NOT_JSON: "a web page or garbage came instead of a reply",
    Fault.CUT: "the reply broke off",
    Fault.MALFORMED: "what came is no chat completion",
    Fault.EMPTY: "the reply has no text",
    Fault.CRASHED: "the code that calls the model crashed",
    Fault.LOST: "the run ended while the call was in flight",
    Fault.CONTEXT_LENGTH: "the question is too long for the model",
    Fault.BAD_REQUEST: "the provider refuses the request",
    Fault.FILTERED: "the provider's content filter took the reply away",
    Fault.AUTHENTICATION: "the provider does not accept the key: set the right one and run the same command again",
    Fault.QUOTA: "the account has no money left: add some and run the same command again",
    Fault.UNKNOWN_MODEL: "the provider knows no such model: check its name and the address",
}


def treatment(fault: Fault) -> Treatment:
    return _TREATMENTS[fault]


def words(fault: Fault) -> str:
    """Half a sentence for people, without a full stop."""
    return _WORDS[fault]
