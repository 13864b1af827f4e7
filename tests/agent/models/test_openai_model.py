"""Every fault of an OpenAI-compatible endpoint, over real HTTP, in plain and in streamed form."""

from __future__ import annotations

import contextlib
import gc
import importlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from heuresis.agent.models.deadline import abandoned
from heuresis.agent.models.openai_model import OpenAIModel, length_key
from heuresis.agent.models.protocol import Model, ModelFault
from heuresis.archive.calls import Ask, Fault, Message, Tokens
from heuresis.testing import answers
from heuresis.testing.answers import Answer, Status, Text
from heuresis.testing.server import ModelServer, Received

PLENTY_SECONDS = 60.0

REFUSALS = [
    (answers.RATE_LIMITED, Fault.RATE_LIMIT),
    (answers.INSUFFICIENT_QUOTA, Fault.QUOTA),
    (answers.SERVER_ERROR, Fault.SERVER),
    (answers.BAD_GATEWAY, Fault.SERVER),
    (answers.UNAVAILABLE, Fault.OVERLOADED),
    (answers.OVERLOADED, Fault.OVERLOADED),
    (answers.CONTEXT_LENGTH, Fault.CONTEXT_LENGTH),
    (answers.BAD_REQUEST, Fault.BAD_REQUEST),
    (answers.INVALID_KEY, Fault.AUTHENTICATION),
    (answers.FORBIDDEN, Fault.AUTHENTICATION),
    (answers.MODEL_NOT_FOUND, Fault.UNKNOWN_MODEL),
    (Status(500, "x" * 1_000_000), Fault.SERVER),
    (Status(302, ""), Fault.BAD_REQUEST),
]
AFTER_SENDING = [
    (answers.TruncatedBody(), Fault.CUT),
    (answers.TruncatedJson(), Fault.CUT),
    (answers.CutStream(), Fault.CUT),
    (answers.HangInBody(0.0), Fault.CUT),
    (answers.Malformed(), Fault.MALFORMED),
    (answers.Malformed("[1, 2]"), Fault.MALFORMED),
    (answers.Html(), Fault.NOT_JSON),
    (answers.EmptyChoices(), Fault.EMPTY),
    (answers.NullContent(), Fault.EMPTY),
    (answers.EmptyContent("length"), Fault.EMPTY),
    (answers.ToolCall("search", {}), Fault.EMPTY),
    (answers.Filtered(), Fault.FILTERED),
    (answers.Filtered("half"), Fault.FILTERED),
    (answers.Reset(), Fault.CONNECTION),
    (answers.HangBeforeHeaders(0.0), Fault.CONNECTION),
    (answers.Huge(17 * 2**20), Fault.MALFORMED),
    (Status(504), Fault.DEADLINE),
]
HANGING = [answers.HangBeforeHeaders(), answers.HangInBody(), answers.SlowDrip("x" * 10_000, 0.02)]

both = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """The client takes seconds to import, which the first deadline would otherwise measure."""
    importlib.import_module("heuresis.agent.models.exchange")


def fault_of(model: Model, ask: Ask, seconds: float = PLENTY_SECONDS) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        model.complete(ask, seconds)
    return caught.value


@both
def test_a_reply_comes_with_its_tokens_and_its_whole_body(ask: Ask, stream: bool) -> None:
    with ModelServer(Text("Try best fit.\n", prompt_tokens=11, completion_tokens=4)) as server:
        reply = OpenAIModel("openai/x", api_base=server.url, stream=stream).complete(ask, PLENTY_SECONDS)
    assert (reply.text, reply.finish, reply.model) == ("Try best fit.\n", "stop", "stand-in")
    assert reply.tokens == Tokens(prompt=11, completion=4)
    assert "completion" in reply.raw
    assert reply.raw.startswith("data:") is stream


@both
def test_what_the_ask_says_is_sent(ask: Ask, stream: bool) -> None:
    with ModelServer(Text("ok")) as server:
        OpenAIModel("openai/x", api_base=server.url, stream=stream).complete(ask, PLENTY_SECONDS)
        warm = Ask(ask.messages, "improve", temperature=0.5)
        OpenAIModel("meta/x", api_base=server.url, api_key="k" * 20).complete(warm, PLENTY_SECONDS)
        first, second = server.received
    assert first.path == "/v1/chat/completions"
    assert first.body == {
        "model": "x",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Improve this."}],
        "max_tokens": 100,
        "seed": 7,
    } | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})
    assert second.body["temperature"] == 0.5
    assert second.body["model"] == "meta/x"
    assert second.headers["authorization"] == "Bearer " + "k" * 20


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "max_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
        ("https://api.openai.com.example/v1", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_endpoint_knows(address: str, key: str) -> None:
    assert length_key(address) == key


@both
@pytest.mark.parametrize(("answer", "fault"), REFUSALS, ids=lambda value: str(value)[:40])
def test_a_refusal_is_told_and_costs_nothing(ask: Ask, stream: bool, answer: Answer, fault: Fault) -> None:
    with ModelServer(answer) as server:
        told = fault_of(OpenAIModel("x", api_base=server.url, stream=stream), ask)
        assert len(server.received) == 1  # never sent again by itself
    assert (told.fault, told.may_be_paid) == (fault, False)
    assert len(told.raw) <= 65_536


@both
@pytest.mark.parametrize(("answer", "fault"), AFTER_SENDING, ids=lambda value: str(value)[:40])
def test_a_fault_after_the_request_was_taken_may_have_been_paid_for(
    ask: Ask, stream: bool, answer: Answer, fault: Fault
) -> None:
    with ModelServer(answer) as server:
        told = fault_of(OpenAIModel("x", api_base=server.url, stream=stream), ask)
        assert len(server.received) == 1
    assert (told.fault, told.may_be_paid) == (fault, True)
    assert len(told.raw) <= 65_536


@both
@pytest.mark.parametrize("answer", HANGING, ids=lambda value: type(value).__name__)
def test_the_deadline_holds_however_the_bytes_are_spread_and_the_call_ends_with_it(
    ask: Ask, stream: bool, answer: Answer
) -> None:
    with ModelServer(answer) as server:
        told = fault_of(OpenAIModel("x", api_base=server.url, stream=stream), ask, 0.5)
        assert (told.fault, told.may_be_paid) == (Fault.DEADLINE, True)
        while abandoned():  # the server goes on for minutes; the thread and its connection do not
            time.sleep(0.005)


def test_the_deadline_holds_while_headers_drip(ask: Ask) -> None:
    """The shipped server sends its headers at once; this one never ends them."""
    gone = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.01)
        gone.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        model = OpenAIModel("x", api_base=f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        assert fault_of(model, ask, 0.5).fault is Fault.DEADLINE
        assert gone.wait(60)


@both
def test_what_arrived_before_the_connection_broke_is_kept(ask: Ask, stream: bool) -> None:
    with ModelServer(answers.TruncatedBody()) as server:
        assert "chat.completion" in fault_of(OpenAIModel("x", api_base=server.url, stream=stream), ask).raw


def test_a_server_that_is_not_there_is_told_and_was_not_paid(ask: Ask) -> None:
    with ModelServer(Text("ok")) as server:
        server.down()
        told = fault_of(OpenAIModel("x", api_base=server.url), ask)
        assert (told.fault, told.may_be_paid) == (Fault.CONNECTION, False)
        server.up()
        assert OpenAIModel("x", api_base=server.url).complete(ask, PLENTY_SECONDS).text == "ok"


def test_a_name_that_no_server_has_is_no_connection(ask: Ask) -> None:
    model = OpenAIModel("x", api_base="http://nosuchhost.invalid/v1", api_key="k" * 20)
    told = fault_of(model, ask)
    assert (told.fault, told.may_be_paid) == (Fault.CONNECTION, False)


def test_a_server_on_this_machine_is_not_reached_through_a_proxy(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ModelServer(Text("ok")) as server:
        assert OpenAIModel("x", api_base=server.url).complete(ask, PLENTY_SECONDS).text == "ok"


@pytest.mark.parametrize(("form", "least", "most"), [("seconds", 7, 7), ("milliseconds", 7, 7), ("date", 5, 8)])
def test_the_wish_of_the_provider_to_wait_is_told(ask: Ask, form: str, least: float, most: float) -> None:
    with ModelServer(answers.rate_limited(7.0, form)) as server:  # type: ignore[arg-type]
        told = fault_of(OpenAIModel("x", api_base=server.url), ask)
    assert told.retry_after is not None
    assert least <= told.retry_after <= most


def test_without_a_usage_there_are_no_tokens(ask: Ask) -> None:
    with ModelServer(Text("ok", usage=False)) as server:
        assert OpenAIModel("x", api_base=server.url).complete(ask, PLENTY_SECONDS).tokens is None


def test_an_empty_reply_says_what_it_cost(ask: Ask) -> None:
    with ModelServer(answers.EmptyContent("length")) as server:
        told = fault_of(OpenAIModel("x", api_base=server.url), ask)
    assert told.tokens is not None
    assert told.tokens.prompt > 0


@both
@pytest.mark.parametrize(
    "answer",
    [
        answers.INVALID_KEY,
        Status(500, "<p>{key}</p>", kind="text/html"),
        Status(400, '{"error": {"message": "bad key {key}", "key": "{key}"}}'),
    ],
    ids=["json", "page", "twice"],
)
def test_a_key_that_the_provider_repeats_goes_nowhere(
    ask: Ask, stream: bool, answer: Answer, canary: str, nowhere: Callable[[Model, ModelFault], None]
) -> None:
    with ModelServer(answer) as server:
        model = OpenAIModel("x", api_base=server.url, api_key=canary, stream=stream)
        told = fault_of(model, ask)
        assert server.received[0].headers["authorization"] == f"Bearer {canary}"
    assert "[key]" in told.raw
    nowhere(model, told)


@pytest.mark.parametrize(
    "answer",
    [answers.Reset(), answers.TruncatedBody(), answers.Html(), answers.HangBeforeHeaders(), answers.Malformed()],
    ids=lambda value: type(value).__name__,
)
def test_no_fault_hangs_on_to_the_request_with_its_key(
    ask: Ask,
    answer: Answer,
    canary: str,
    nowhere: Callable[[Model, ModelFault], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", canary)
    with ModelServer(answer) as server:
        model = OpenAIModel("x", api_base=server.url)
        nowhere(model, fault_of(model, ask, 2.0))


@both
def test_a_key_inside_a_reply_is_taken_out_of_it(ask: Ask, stream: bool, canary: str) -> None:
    with ModelServer(Text(f"your key is {canary}", model=canary)) as server:
        reply = OpenAIModel("x", api_base=server.url, api_key=canary, stream=stream).complete(ask, PLENTY_SECONDS)
    assert canary not in repr(reply)
    assert reply.text == "your key is [key]"


def test_thirty_two_calls_at_once_get_their_own_replies() -> None:
    def echo(received: Received) -> Answer:
        return Text(received.body["messages"][0]["content"], seconds=0.2)

    with ModelServer(echo) as server:
        model = OpenAIModel("x", api_base=server.url)
        asks = [Ask((Message("user", f"number {number}"),), "improve") for number in range(32)]
        with ThreadPoolExecutor(32) as pool:
            replies = list(pool.map(lambda ask: model.complete(ask, PLENTY_SECONDS).text, asks))
    assert replies == [f"number {number}" for number in range(32)]


@both
def test_no_connection_stays_open(ask: Ask, stream: bool) -> None:
    script = [Text("ok"), answers.TruncatedBody(), answers.Reset(), answers.RATE_LIMITED, answers.Huge(17 * 2**20)]
    with ModelServer(script) as server:
        model = OpenAIModel("x", api_base=server.url, stream=stream)
        assert model.complete(ask, PLENTY_SECONDS).text == "ok"
        for _ in script[1:]:
            fault_of(model, ask)
    gc.collect()  # an open socket would be told as a warning, which is an error


def test_a_key_is_not_shown_by_the_model(canary: str) -> None:
    model = OpenAIModel("gpt-5", api_key=canary)
    assert repr(model) == "OpenAIModel('gpt-5')"
    assert model.name == "gpt-5"
