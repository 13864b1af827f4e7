"""A campaign with a language model over real HTTP: no fault of a provider loses money, a reply or the campaign."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from heuresis.agent.asking import Asking
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.measuring import MEASURING
from heuresis.agent.models.callable_model import CallableModel
from heuresis.agent.progress import Progress
from heuresis.agent.replaying import replay_campaign
from heuresis.agent.run import Outcome, run_campaign
from heuresis.archive.check import check
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.testing import answers
from heuresis.testing.answers import Answer
from heuresis.testing.server import ModelServer, Received
from tests.fixtures.cases import often

TINY = f"{Path(__file__).parents[1] / 'fixtures' / 'tiny.py'}:Tiny"
KEY = "sk-canary-5d1f0c6b2a"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


class Provider:
    """Answers with a program of its own for every request, except where `fault` says otherwise. Thread-safe."""

    def __init__(self, fault: Callable[[random.Random], Answer | None] = lambda rng: None) -> None:
        self._rng = random.Random(1)
        self._lock = threading.Lock()
        self._fault = fault
        self.given: list[Answer] = []

    def __call__(self, received: Received) -> Answer:
        with self._lock:
            line = f"{self._rng.uniform(0, 4):.6f} * x + {self._rng.uniform(0, 2):.6f}"
            text = f"A straight line.\n```python\ndef guess(x):\n    return {line}\n```\n"
            answer = self._fault(self._rng) or answers.Text(text, prompt_tokens=200, completion_tokens=40)
            self.given.append(answer)
            return answer


def campaign(server: ModelServer, **more: object) -> Campaign:
    budget = more.pop("budget", Budget(evaluations=30))
    method, settings = str(more.pop("method", "sequential")), more.pop("method_settings", {})
    asking = Asking("openai/stand-in", api_base=server.url, **({"price": "1,2", "concurrency": 8} | more))  # type: ignore[arg-type]
    return Campaign(TINY, method, "asked", method_settings=settings, budget=budget, asking=asking)  # type: ignore[arg-type]


def run(one: Campaign, store: Store, observer: Callable[[Progress], None] = lambda now: None) -> Outcome:
    return run_campaign(one, store, 2, observer, threading.Event())


def test_every_fault_is_accounted_for_by_kind(store):
    kinds = {
        answers.EmptyChoices(): "empty",
        answers.Html(): "not_json",
        answers.TruncatedJson(): "cut",
        answers.Malformed(): "malformed",
        answers.Status(500): "server",
        answers.Status(529): "overloaded",
        answers.Reset(): "connection",
    }

    def fault(rng: random.Random) -> Answer | None:
        return rng.choice(list(kinds)) if rng.random() < 0.2 else None

    provider = Provider(fault)
    with ModelServer(provider) as server:
        outcome = run(campaign(server, budget=Budget(evaluations=60), concurrency=16), store)
    totals = store.totals("asked")
    assert "60 evaluations" in outcome.reason
    assert totals.faults == Counter(kinds[one] for one in provider.given if one in kinds)
    assert totals.calls == len(provider.given)
    assert totals.evaluated == 60
    assert store.open_calls("asked") == []
    assert check(store) == []


def test_a_replay_takes_the_same_steps_and_sends_nothing(store):
    with ModelServer(Provider()) as server:
        outcome = run(campaign(server), store)
        sent = len(server.received)
        done = replay_campaign(store, outcome.record, "again")
        assert len(server.received) == sent
    assert store.log("again") == store.log("asked")
    assert done.calls == sum(step.kind == "reply" for step in store.log("asked"))
    assert store.totals("again").usd == 0.0
    assert check(store) == []


def test_a_replay_names_the_reply_that_is_missing(store, tmp_path):
    with ModelServer(Provider()) as server:
        outcome = run(campaign(server, budget=Budget(evaluations=8)), store)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("UPDATE call SET reply = NULL WHERE id = 3")
        connection.commit()
    with pytest.raises(ConfigError, match=r"a stored reply to question 0 of brief \d+"):
        replay_campaign(store, outcome.record, "again")


@pytest.mark.parametrize(("limit", "spent"), [("usd", 0.02), ("tokens", 20_000), ("calls", 9)])
def test_a_budget_is_never_passed_in_our_ledger_even_when_nothing_is_counted(store, limit, spent):
    def uncounted(rng: random.Random) -> Answer:
        return answers.Text("```python\ndef guess(x):\n    return 3.0 * x\n```" + " words" * 500, usage=False)

    most: list[float] = []
    with ModelServer(Provider(uncounted)) as server:
        one = campaign(server, budget=Budget(**{limit: spent}), method_settings={"improve.max_tokens": "500"})
        outcome = run(one, store, lambda now: most.append(getattr(now, limit)))
    assert outcome.reason.startswith("budget of")
    assert 0 < max(most) <= spent
    assert getattr(store.totals("asked"), limit) <= spent
    assert any(call.reply.tokens.estimated for call in store.calls("asked") if call.reply)


def test_a_campaign_that_is_stopped_keeps_its_replies_and_is_not_finished(store):
    slow = Provider(lambda rng: None)

    def answer(received: Received) -> Answer:
        given = slow(received)
        return replace(given, seconds=0.3) if isinstance(given, answers.Text) else given

    with ModelServer(answer) as server:
        stop = threading.Event()

        def at_six(now: Progress) -> None:
            if now.evaluations >= 6:
                stop.set()

        outcome = run_campaign(campaign(server), store, 2, at_six, stop)
        assert outcome.reason == ""
        assert store.campaign("asked").finished == ""
        assert store.open_calls("asked") == []
        replies = sum(call.reply is not None for call in store.calls("asked"))
        assert replies == len(slow.given)
        assert "30 evaluations" in run(campaign(server), store).reason
    unasked = [one for one in store.entries("asked") if one.proposal.operator in ("seed", *MEASURING)]
    assert store.totals("asked").calls == len(slow.given) == 30 - len(unasked)
    assert check(store) == []


def test_dollars_are_not_limited_for_a_model_without_a_price(store):
    with ModelServer(Provider()) as server, pytest.raises(ConfigError, match="--max-usd: expected a model whose price"):
        run(campaign(server, price="", budget=Budget(usd=1.0)), store)
    assert server.received == []
    assert store.campaigns() == []


def test_while_the_endpoint_is_down_the_campaign_waits_and_nothing_fails(store):
    seen: list[int] = []
    with ModelServer(Provider()) as server:

        def at_ten(now: Progress) -> None:
            seen.append(now.evaluations)
            if now.evaluations >= 10 and len(outages) == 0:
                outages.append(time.monotonic())
                server.down()
                threading.Timer(3.0, server.up).start()

        outages: list[float] = []
        run(campaign(server), store, at_ten)
    totals = store.totals("asked")
    assert totals.evaluated == 30
    assert set(totals.faults) == {"connection"}
    assert totals.by_status.get("refused", 0) == 0


def test_a_key_that_is_not_accepted_stops_at_once_with_a_sentence_without_the_key(store, key):
    with ModelServer(answers.INVALID_KEY) as server:
        with pytest.raises(ConfigError) as caught:
            run(campaign(server, concurrency=1), store)
        assert len(server.received) == 1
    assert "does not accept the key" in str(caught.value)
    assert key not in str(caught.value)


def test_the_key_is_in_no_row_of_the_store(store, key, tmp_path):
    def echo(rng: random.Random) -> Answer | None:
        if rng.random() < 0.3:
            return answers.Status(500, '{"error": {"message": "cannot handle {key}"}}')
        return None

    with ModelServer(Provider(echo)) as server:
        run(campaign(server, budget=Budget(evaluations=10)), store)
    assert store.totals("asked").faults
    for call in store.calls("asked"):
        assert key not in repr(call)
    store.close()
    for file in tmp_path.iterdir():
        assert key.encode() not in file.read_bytes()


SPY = f"""import os

def guess(x):
    seen = repr(dict(os.environ)) + open("/proc/self/environ").read() + open("/proc/self/cmdline").read()
    if {KEY[:9]!r} + {KEY[9:]!r} in seen:
        raise RuntimeError("found it")
    return 3.0 * x
"""


def test_the_key_is_in_no_jail_and_no_prompt(store, key):
    with ModelServer(answers.Text(f"```python\n{SPY}```")) as server:
        run(campaign(server, budget=Budget(evaluations=5)), store)
        assert all(key not in repr(received.body) for received in server.received)
        assert any(key in received.headers["authorization"] for received in server.received)
    [entry] = [one for one in store.entries("asked") if one.proposal.operator == "improve" and one.proposal.program][:1]
    assert entry.evaluation.status == "scored"


@pytest.mark.parametrize("answer", often([answers.INVALID_KEY, answers.CONTEXT_LENGTH], 1))
def test_the_key_is_in_nothing_that_is_printed(tmp_path, key, answer):
    with ModelServer(answer) as server:
        words = ["run", TINY, "--storage", f"sqlite:///{tmp_path}/s.db", "--method", "sequential", "--evaluations", "6"]
        words += ["--model", "openai/stand-in", "--api-base", server.url, "--max-calls", "30"]
        done = subprocess.run([sys.executable, "-m", "heuresis", *words], capture_output=True, text=True, timeout=100)
        assert server.received
    assert key not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_any_python_function_can_be_the_model(store):
    slopes = iter(range(1000))
    lock = threading.Lock()

    def answer(messages: list[dict[str, str]]) -> str:
        assert [message["role"] for message in messages[:2]] == ["system", "user"]
        with lock:
            return f"```python\ndef guess(x):\n    return {next(slopes)} * x\n```"

    asking = Asking(model=CallableModel(answer, name="my own"), concurrency=4)
    run(Campaign(TINY, "random", "own", budget=Budget(evaluations=12), asking=asking), store)
    assert store.totals("own").evaluated == 12
    assert {call.model for call in store.calls("own")} == {"my own"}
    assert all(call.reply is None or call.reply.tokens.estimated for call in store.calls("own"))
    assert store.totals("own").tokens > 0


@pytest.mark.parametrize("method", often(["meta_agent", "funsearch", "random"], 1))
def test_every_method_that_asks_is_replayed_step_by_step(store, method):
    def design(received: Received) -> Answer:
        provided = provider(received)
        text = provided.text if isinstance(provided, answers.Text) else ""
        line = text.split("return ")[-1].split("\n")[0]
        version = "_v2" if "guess_v2" in str(received.body) else ""
        code = f"def guess{version}(x):\n    return {line}\n"
        if '"thought"' in str(received.body):
            return answers.Text(json.dumps({"thought": "A line.", "name": "line", "code": code}))
        return answers.Text(f"```python\n{code}```")

    def fault(rng: random.Random) -> Answer | None:
        return answers.EmptyChoices() if rng.random() < 0.1 else None

    provider = Provider(fault)
    with ModelServer(design) as server:
        outcome = run(campaign(server, method=method, budget=Budget(evaluations=20)), store)
    scored = [one for one in store.entries("asked") if one.evaluation.score and one.proposal.model]
    assert len(scored) >= 5
    replay_campaign(store, outcome.record, "again")
    assert store.log("again") == store.log("asked")
    assert check(store) == []


def test_another_model_is_another_campaign(store):
    with ModelServer(Provider()) as server:
        run(campaign(server, budget=Budget(evaluations=5)), store)
        other = Campaign(TINY, "sequential", "asked", asking=Asking("openai/other", api_base=server.url, price="1,2"))
        with pytest.raises(ConfigError, match="'openai/stand-in' as when it was started"):
            run(other, store)
        without = Campaign(TINY, "sequential", "asked")
        with pytest.raises(ConfigError, match="model"):
            run(without, store)


def test_a_method_and_a_model_that_do_not_fit_are_told():
    with pytest.raises(ConfigError, match="no model with method genetic"):
        _ = Campaign(TINY, "genetic", asking=Asking("openai/stand-in")).method
    with pytest.raises(ConfigError, match="a language model for method funsearch"):
        _ = Campaign(TINY, "funsearch").method
