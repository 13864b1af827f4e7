"""Nothing held out reaches a prompt, a method, an operator or a listing: by types, in SQL, with a canary."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import sqlite3
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

import heuresis
from heuresis.agent import judging, protocols
from heuresis.agent.asking import Asking
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.protocols import Method, Shown, Step, Task, View, Workshop
from heuresis.agent.run import run_campaign
from heuresis.archive.check import check
from heuresis.archive.records import Brief, Entry, Look, Member, Note, Proposal
from heuresis.archive.store import Store
from heuresis.cli import browse, family, ledger, show
from heuresis.cli.failures import failures
from heuresis.cli.held_out import judge_held_out
from heuresis.cli.looks import looks
from heuresis.cli.options import Format, TextOrJson
from heuresis.cli.output import console
from heuresis.evaluators.nouns import HELD_OUT, Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program
from heuresis.testing.scripted import ScriptedModel
from tests.fixtures.cases import often

FIXTURES = Path(__file__).parents[1] / "fixtures"
HELD = f"{FIXTURES / 'held.py'}:Held"
CANARY, FAR = "canary-7f3a91", re.compile(r"(?<![\w.])71,?23[345](\.\d|\b)")
"""Of tests/fixtures/held.py: the text, and anything near the number."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def search(store: Store, evaluations: int, name: str = "c", **more: Any) -> None:
    method = more.pop("method", "genetic")
    one = Campaign(HELD, method, name, budget=Budget(evaluations=evaluations), **more)
    run_campaign(one, store, 1, lambda now: None, threading.Event())


def open_all(store: Store, name: str = "c", count: int = 5) -> None:
    """Looks at the best programs, and at one that shouts what it is given and then fails."""
    record = store.campaign(name)
    assert record is not None
    programs = [entry.proposal.program for entry in store.top(name, count)]
    loud = "def guess(x):\n    print(x)\n    if x > 70000:\n        raise ValueError(f'seen {x}')\n    return x\n"
    judging.add_program(store, record, Program.of(loud), "it prints")
    wanted = [(one, tier) for one in (*programs, Program.of(loud)) if one for tier in HELD_OUT]
    judging.open_held_out(store, record, wanted, 1)


# by types


def annotations_of(kind: Any) -> Iterator[Any]:
    """Types of the fields, properties and methods of a class of ours, and of what generics are made of."""
    for part in typing.get_args(kind):
        yield from part if isinstance(part, list) else [part]
    if not isinstance(kind, type) or not kind.__module__.startswith("heuresis"):
        return
    scope = {**vars(protocols), **vars(sys.modules[kind.__module__])}
    names = {name: value for base in kind.__mro__ for name, value in vars(base).get("__annotations__", {}).items()}
    for value in names.values():
        yield eval(value, scope) if isinstance(value, str) else value
    for value in vars(kind).values():
        function = value.fget if isinstance(value, property) else value
        if isinstance(function, types.FunctionType):
            yield from typing.get_type_hints(function, scope).values()


def reachable(*kinds: Any) -> set[Any]:
    found, waiting = set(), list(kinds)
    while waiting:
        kind = waiting.pop()
        try:
            if kind in found:
                continue
            found.add(kind)
        except TypeError:  # a list within Callable[[...], ...]
            continue
        waiting += annotations_of(kind)
    return found


FORBIDDEN = {Look, Entry, Evaluation, InstanceResult, Result, Score, Tier, Store}


@pytest.mark.parametrize("kind", [View, Workshop, Task, Shown, Brief, Member, Note])
def test_no_field_that_methods_operators_and_prompts_are_given_can_hold_a_result(kind: Any) -> None:
    assert reachable(kind) & FORBIDDEN == set()


def test_the_walk_does_find_what_is_there() -> None:
    assert {Look, Evaluation, InstanceResult, Result, Score, Tier} <= reachable(Look)
    assert {Program, Member, Brief} <= reachable(View)
    assert {Program, Shown, Task} <= reachable(Workshop)
    assert Evaluation in reachable(protocols.Outcome)
    assert {View, Step, Score} <= reachable(Method) | reachable(Entry)


def test_an_entry_that_stands_on_a_held_out_instance_cannot_be_built() -> None:
    row = InstanceResult(Tier.TEST, 0, Result({"error": 1.0}))
    for held in (
        Evaluation(Status.SCORED, Score(1.0, 0.0, 1), results=(row,)),
        Evaluation(Status.CRASHED, None, reason="broken", stage="shift"),
    ):
        with pytest.raises(ValueError, match="held-out"):
            Entry(1, "c", 0, 0, Proposal(Program.of("x = 1\n"), "seed"), held)


def test_a_look_at_a_tier_of_selection_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="held-out tier, not valid"):
        Look(1, "00", Tier.VALID, 4)


def test_a_held_out_verdict_is_not_kept_as_one_of_the_campaign(store: Store) -> None:
    search(store, 4)
    record, best = store.campaign("c"), store.top("c", 1)[0].proposal.program
    assert record is not None
    assert best is not None
    [look] = judging.open_held_out(store, record, [(best, Tier.TEST)])
    assert look.evaluation is not None
    with store.transaction(durable=True) as transaction:
        brief = transaction.add_brief("c", Brief("seed"))
        transaction.add_proposal("c", brief.number, 0, Proposal(best, "seed"))
    judged = store.totals("c").entries
    with store.transaction(durable=True) as transaction, pytest.raises(ValueError, match="held-out"):
        transaction.add_verdict("c", brief.number, 0, look.evaluation)
    assert store.totals("c").entries == judged
    assert check(store) == []


# in SQL


@pytest.fixture
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that any store sends to its database, with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


_BY_ID = re.compile(r"\b(evaluation\.id|result\.evaluation_id|artifact\.evaluation_id) IN \(", re.IGNORECASE)


def read_by_id(sent: list[tuple[str, Any]]) -> set[int]:
    """Row ids of all verdicts whose rows were read."""
    rows = [parameters for statement, parameters in sent if _BY_ID.search(statement)]
    return {one for parameters in rows for one in parameters if isinstance(one, int)}


def evaluation_ids(path: Path) -> set[int]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT evaluation_id FROM look")}
    connection.close()
    return found


@pytest.mark.parametrize("asks", often([True, False], 1))
def test_a_search_that_goes_on_after_looks_reads_neither_them_nor_their_verdicts(
    store: Store, statements: list[tuple[str, Any]], asks: bool
) -> None:
    asking = {"method": "meta_agent", "asking": Asking(model=ScriptedModel(answer), concurrency=1)} if asks else {}
    search(store, 10, **asking)
    open_all(store, count=3)
    held = evaluation_ids(store.path)
    statements.clear()
    search(store, 24, **asking)
    assert len(statements) > 100
    assert [text for text, _ in statements if re.search(r"\blook\b", text)] == []
    assert read_by_id(statements) & held == set()
    assert len(held) == 8
    statements.clear()
    store.looks("c")
    assert [text for text, _ in statements if re.search(r"\blook\b", text)]
    assert read_by_id(statements) >= held


# with a canary


def answer(ask: Any) -> str:
    """A program for whoever asks: another one each time, made from what was sent."""
    slope = len(ask.messages[-1].content) % 997 / 250 + ask.seed % 1009 / 2000
    code = f"def guess(x):\n    return {slope:.6f} * x\n"
    if '"thought"' in "".join(message.content for message in ask.messages):
        return json.dumps({"thought": "A line.", "name": "line", "code": code})
    versions = re.findall(r"guess_v([0-9]+)", ask.messages[-1].content)
    if versions:
        code = code.replace("guess", f"guess_v{max(map(int, versions))}")
    return f"A straight line.\n```python\n{code}```\n"


def hits(text: str) -> list[str]:
    """Everywhere the canary or a held-out number stands in a text."""
    return re.findall(re.escape(CANARY), text) + [match.group() for match in FAR.finditer(text)]


@pytest.mark.parametrize("method", often(["meta_agent", "funsearch", "sequential"], 1))
def test_the_canary_is_in_no_prompt_no_brief_and_no_member(store: Store, method: str) -> None:
    model = ScriptedModel(answer)
    more = {"method": method, "asking": Asking(model=model, concurrency=1)}
    search(store, 8, **more)
    open_all(store, count=2)
    before = len(model.asked)
    search(store, 24, **more)
    asked = model.asked[before:]
    assert len(asked) >= 5
    prompts = "\n".join(message.content for ask in asked for message in ask.messages)
    assert "guess" in prompts
    assert hits(prompts) == []
    log = store.log("c")
    briefs = [store.brief("c", step.brief) for step in log if step.kind == "brief"]
    members = [dict(store.members("c", view)) for view in ("best",)]
    assert hits(repr((briefs, members, store.totals("c"), store.notes("c"), store.marks("c")))) == []
    assert hits(repr(list(store.entries("c")))) == []
    assert hits(repr(list(store.calls("c")))) == []
    assert hits(repr(store.looks("c")))  # they are there to be found


@pytest.fixture
def printed(store: Store) -> Iterator[Callable[..., str]]:
    """What a command's function prints about the store."""

    def run(command: Callable[..., object], *words: str, **options: object) -> str:
        console.cache_clear()
        with redirect_stdout(io.StringIO()) as out:
            command(*words, storage=f"sqlite:///{store.path}", **options)
        return out.getvalue()

    yield run
    console.cache_clear()


def test_the_canary_is_in_no_listing(store: Store, printed: Callable[..., str]) -> None:
    search(store, 14)
    open_all(store, count=3)
    best, other = (entry.proposal.program.id[:10] for entry in store.top("c", 2) if entry.proposal.program)
    listings = [(one, ()) for one in (browse.top, browse.campaigns, failures, ledger.cost, ledger.calls)]
    for command, words in (*listings, (family.lineage, (best,)), (show.show, (best,)), (show.diff, (other, best))):
        for form in (TextOrJson.TABLE, TextOrJson.JSON) if words else (Format.TABLE, Format.JSON, Format.CSV):
            form = Format(form) if command is family.lineage else form
            text = printed(command, *words, form=form)
            assert text
            assert hits(text) == [], text
    for form in Format:
        assert hits(printed(judge_held_out, best, form=form))
        assert hits(printed(looks, form=form))


def test_the_canary_is_in_nothing_that_the_library_gives(store: Store) -> None:
    search(store, 14)
    open_all(store, count=3)
    url = f"sqlite:///{store.path}"
    with heuresis.open(url) as archive:
        found = [*archive.entries(), *archive.top(20)]
        assert hits(repr([(one, one.interval, one.metrics, one.feedback, one.artifacts) for one in found])) == []
        assert hits(repr(archive.looks()))
        if importlib.util.find_spec("pandas"):
            assert hits(archive.to_dataframe().to_csv()) == []
    with heuresis.Search(HELD, storage=url, name="c", workers=1) as driven:
        for _ in range(5):
            question = driven.ask()
            assert question is not None
            told = (question.prompt, question.problem, question.parents, question.inspirations)
            assert hits("".join(map(str, told))) == []
            driven.drop(question)


# quarantine


def test_a_score_in_quarantine_is_in_no_prompt_and_steers_nothing(store: Store) -> None:
    model = ScriptedModel(answer)
    more = {"method": "meta_agent", "method_settings": {"context": "best"}}
    search(store, 8, asking=Asking(model=model, concurrency=1), **more)
    entry = store.top("c", 1)[0]
    program, score = entry.proposal.program, entry.evaluation.score
    assert program is not None
    assert score is not None
    with store.transaction(durable=True) as transaction:
        transaction.set_quarantine(program.id, f"beyond the bound: {score.value}")
        brief = transaction.add_brief("c", Brief("design", (program.id,)))
    before = len(model.asked)
    search(store, 10, asking=Asking(model=model, concurrency=1), **more)
    assert store.brief("c", brief.number).parents == (program.id,)
    shown = [ask for ask in model.asked[before:] if program.text.strip() in ask.messages[1].content]
    assert shown
    for ask in shown:
        assert "its result is not trusted" in ask.messages[1].content
        assert f"{-score.value:.6g}" not in ask.messages[1].content
        assert "beyond the bound" not in ask.messages[1].content
    quarantined = store.entry("c", program.id)
    assert quarantined.trusted_score is None
    assert quarantined.evaluation.score == score
