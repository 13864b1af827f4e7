"""The contract of `heuresis.agent.models.protocol.Model`, as checks that every implementation passes.

    def test_my_model_keeps_the_contract():
        check_model(lambda url: MyModel(url, key="sk-of-this-test"), key="sk-of-this-test")

Each check is a sentence and raises AssertionError with what was expected and what came.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from heuresis.agent.models.protocol import Completion, Model, ModelFault
from heuresis.archive.calls import Ask, Message
from heuresis.testing.answers import (
    BAD_GATEWAY,
    CONTEXT_LENGTH,
    FORBIDDEN,
    INSUFFICIENT_QUOTA,
    INVALID_KEY,
    MODEL_NOT_FOUND,
    OVERLOADED,
    SERVER_ERROR,
    Answer,
    CutStream,
    EmptyChoices,
    EmptyContent,
    Filtered,
    HangBeforeHeaders,
    HangInBody,
    Html,
    Malformed,
    NullContent,
    Reset,
    SlowDrip,
    Text,
    ToolCall,
    TruncatedBody,
    TruncatedJson,
    rate_limited,
)
from heuresis.testing.completions import contents
from heuresis.testing.exchange import Received
from heuresis.testing.server import ModelServer

ModelFactory = Callable[[str], Model]
"""A new model that asks the server at this address, which ends in `/v1`. A model without a network may pass over the
address; then the checks of faults ask only that it answers."""

_SECONDS = 10.0
"""For calls that are expected to be answered."""
_DEADLINE_SECONDS = 0.5
_SLACK_SECONDS = 5.5
"""After the deadline, for a busy machine."""
_THREADS = 16
_FAULTS: Sequence[Answer] = (
    *(rate_limited(0.5), INSUFFICIENT_QUOTA, SERVER_ERROR, BAD_GATEWAY, OVERLOADED, CONTEXT_LENGTH),
    *(INVALID_KEY, FORBIDDEN, MODEL_NOT_FOUND, TruncatedBody(), TruncatedJson(), Malformed(), Malformed("[]"), Html()),
    *(EmptyChoices(), NullContent(), EmptyContent(), Filtered(), Reset(), CutStream(), ToolCall("act", {})),
)
_SILENCES: Sequence[Answer] = (HangBeforeHeaders(), HangInBody(), SlowDrip("drop by drop", 0.025))


@dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    result: Completion | BaseException
    seconds: float


def check_model(make: ModelFactory, *, key: str = "") -> None:
    """All checks. `key`: the secret that the models made here send; none of their words may hold it."""
    it_answers_with_a_text(make)
    its_name_stays_the_same_and_holds_no_secret(make, key)
    each_thread_gets_its_own_answer(make)
    it_gives_up_in_time_whatever_arrives_meanwhile(make)
    it_raises_model_faults_and_nothing_else(make, key)
    a_server_that_is_gone_is_a_model_fault(make)
    it_calls_once_and_never_retries(make)


def it_answers_with_a_text(make: ModelFactory) -> None:
    with ModelServer(_echo) as server:
        completion = _completed(call(make(server.url), ask("are you there?")))
    _require(bool(completion.text.strip()), "a completion with a text", completion)
    _require(bool(completion.finish), "a finish reason", completion)


def its_name_stays_the_same_and_holds_no_secret(make: ModelFactory, key: str = "") -> None:
    with ModelServer(_echo) as server:
        model, other = make(server.url), make(server.url)
        before = model.name
        _completed(call(model, ask("hello")))
        _require(before == model.name == other.name, f"the name {before!r}", (model.name, other.name))
    _require(bool(before), "a name", before)
    _keeps(key, before, repr(model))


def each_thread_gets_its_own_answer(make: ModelFactory) -> None:
    words = [f"question-{number}" for number in range(_THREADS)]
    start = threading.Barrier(_THREADS)

    def one(word: str) -> Outcome:
        start.wait(_SECONDS)
        return call(model, ask(word))

    with ModelServer(_echo) as server, ThreadPoolExecutor(_THREADS) as pool:
        model = make(server.url)
        outcomes = list(pool.map(one, words))
    for word, outcome in zip(words, outcomes, strict=True):
        text = _completed(outcome).text
        others = [other for other in words if other != word and other in text.split()]
        _require(not others, f"the answer to {word!r} in its own thread", text)


def it_gives_up_in_time_whatever_arrives_meanwhile(make: ModelFactory) -> None:
    for silence in _SILENCES:
        with _warm(make, silence) as model:
            outcome = call(model, ask("hello"), _DEADLINE_SECONDS)
        most = _DEADLINE_SECONDS + _SLACK_SECONDS
        _require(outcome.seconds < most, f"an end within {most} s of {silence}", f"{outcome.seconds:.2f} s")
        _require_answer_or_fault(outcome, silence)


def it_raises_model_faults_and_nothing_else(make: ModelFactory, key: str = "") -> None:
    for fault in _FAULTS:
        with ModelServer(fault) as server:
            outcome = call(make(server.url), ask("hello"))
            reached = bool(server.received)
        _require_answer_or_fault(outcome, fault)
        if reached:
            _require(isinstance(outcome.result, ModelFault), f"a ModelFault after {fault}", outcome.result)
        if isinstance(outcome.result, ModelFault):
            _keeps(key, str(outcome.result), repr(outcome.result), outcome.result.raw)


def a_server_that_is_gone_is_a_model_fault(make: ModelFactory) -> None:
    with ModelServer(_echo) as server:
        model = make(server.url)
        server.down()
        _require_answer_or_fault(call(model, ask("hello")), "an outage")


def it_calls_once_and_never_retries(make: ModelFactory) -> None:
    for fault in (SERVER_ERROR, rate_limited(0.01), Reset()):
        with ModelServer(fault) as server:
            call(make(server.url), ask("hello"))
            _require(len(server.received) <= 1, f"one call after {fault}", len(server.received))


def ask(text: str) -> Ask:
    return Ask((Message("user", text),), purpose="check", max_tokens=64)


def call(model: Model, one: Ask, seconds: float = _SECONDS) -> Outcome:
    """Never raises; whoever looks at the outcome judges what came."""
    start = time.monotonic()
    try:
        result: Completion | BaseException = model.complete(one, seconds)
    except Exception as error:
        result = error
    return Outcome(result, time.monotonic() - start)


@contextlib.contextmanager
def _warm(make: ModelFactory, answer: Answer) -> Iterator[Model]:
    """A model whose first call, which may load libraries, is behind it; its server gives this answer from then on."""
    with ModelServer([Text("ready"), answer]) as server:
        model = make(server.url)
        _completed(call(model, ask("hello")))
        yield model


def _echo(received: Received) -> Answer:
    return Text("you said: " + " ".join(contents(received.body["messages"])))


def _completed(outcome: Outcome) -> Completion:
    if isinstance(outcome.result, Completion):
        return outcome.result
    raise AssertionError(f"expected a completion, got {outcome.result!r}") from (
        outcome.result if isinstance(outcome.result, BaseException) else None
    )


def _require_answer_or_fault(outcome: Outcome, why: object) -> None:
    fine = isinstance(outcome.result, ModelFault | Completion)
    _require(fine, f"a ModelFault and nothing else after {why}", outcome.result)
    if isinstance(outcome.result, Completion):
        _require(bool(outcome.result.text), f"a text or a ModelFault after {why}", outcome.result)


def _keeps(key: str, *texts: str) -> None:
    for text in texts:
        _require(not key or key not in text, "no secret", text)


def _require(fine: bool, expected: str, got: object) -> None:
    if not fine:
        raise AssertionError(f"expected {expected}, got {got!r}")
