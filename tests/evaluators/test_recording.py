"""What crosses the wall is written down as it was, within a budget, and reads back the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from heuresis.agent.exporting import replay
from heuresis.evaluators import jobs, recording
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.recording import Place, Tape
from heuresis.program import Program
from heuresis.sandbox.protocol import Answer, Call, Ref, RemoteHandle, RngSeed, Usage

EVERYTHING = f"{Path(__file__).parents[1] / 'fixtures' / 'everything.py'}:Everything"


class Echo:
    """A session that gives its first argument back, after it has asked every callable among them once."""

    usage, output = Usage(), ""

    def call(self, calls):
        for call in calls:
            for value in call.args:
                if callable(value):
                    value(1.5, key=[2])
        return [Answer(call.args[0] if call.args and not callable(call.args[0]) else None) for call in calls]

    def send(self, calls):
        pass

    def free(self, handles):
        pass

    def close(self):
        pass


def listened(budget_bytes: int = 1 << 20) -> tuple[Tape, object]:
    tape = Tape(budget_bytes)
    return tape, tape.listen(Echo(), Place(Tier.TRAIN, (0, 1)), 7)


def lines(data: bytes) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


def read_back(value: object) -> object:
    tape, session = listened()
    session.call([Call("f", (value,))])
    [_, line] = lines(tape.transcript().data)
    return replay.Replay(lambda *_: None, True).decode(line["call"][0]["args"][0])


VALUES = [
    None, True, 1, 1.0, -0.0, 0.1, float("inf"), 2**63 - 1, "text \u00e4 \u2028", b"\x00\xff",
    [1, [2.5]], (1, (2,)), {"a": {"b": ()}},
    {"tuple": [1]}, np.arange(6.0).reshape(2, 3), np.zeros((0, 3), np.int32), np.array(True), np.array([1 + 2j]),
    np.arange(4, dtype=">u2"), np.arange(10.0)[::3],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_reads_back_as_it_was(value):
    back = read_back(value)
    assert type(back) is type(value)
    assert replay.Replay(lambda *_: None, True).equal(back, value)


def test_not_a_number_and_the_sign_of_zero_are_kept():
    assert np.isnan(read_back(float("nan")))
    assert np.signbit(read_back(-0.0))
    assert read_back(1) is not True


def test_an_array_is_kept_as_it_was_when_it_was_sent():
    tape, session = listened()
    array = np.zeros(3)
    session.call([Call("f", (array,))])
    array += 1
    session.call([Call("f", (array,))])
    _, first, second = lines(tape.transcript().data)
    assert first["call"] != second["call"]
    assert first["answers"][0]["value"] == first["call"][0]["args"][0]


def test_seeds_handles_and_shared_arrays_are_named():
    tape, session = listened()
    shared = Ref(np.arange(3.0))
    session.call([Call("f", (None, RngSeed(5), RemoteHandle(2), shared, [shared]), target=RemoteHandle(1), keep=True)])
    session.free([RemoteHandle(2)])
    _, line, freed = lines(tape.transcript().data)
    _, rng, handle, new, [old] = line["call"][0]["args"]
    assert (rng, handle, old) == ({"rng": 5}, {"handle": 2}, {"ref": 0})
    assert new["new_ref"] == 0
    assert (line["call"][0]["target"], line["call"][0]["keep"], freed) == (1, True, {"free": [2]})


def test_each_use_of_a_callable_is_written_down_with_its_answer():
    tape, session = listened()

    def double(x, key):
        return np.array([2 * x])

    session.call([Call("f", (double,)), Call("f", (double,))])
    line = lines(tape.transcript().data)[1]
    assert [call["args"] for call in line["call"]] == [[{"function": 0}], [{"function": 0}]]
    assert [use[:2] for use in line["uses"]] == [[0, [1.5]]] * 2
    assert line["uses"][0][3]["value"]["array"][1] == [1]


def test_a_callable_that_raises_ends_its_call():
    tape, session = listened()

    def enough(*_, **__):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        session.call([Call("f", (enough,))])
    line = lines(tape.transcript().data)[1]
    assert line["answers"] is None
    assert line["uses"][0][3] == {"raised": True}


def test_a_full_tape_keeps_whole_lines_within_its_budget_and_goes_on_counting():
    tape, session = listened(60_000)
    noise = np.random.default_rng(1)
    for _ in range(200):
        session.call([Call("f", (noise.random(500),))])
    made = tape.transcript()
    assert made.calls == 200
    assert 0 < made.kept < 200
    assert len(made.data) <= 60_000
    kept = lines(made.data)
    assert sum("call" in line for line in kept) == made.kept
    assert kept[-1] == {"cut": True}


def test_a_flood_fills_the_tape_and_not_our_memory(monkeypatch):
    monkeypatch.setattr(recording, "_PLAIN_BYTES", 10_000)
    tape, session = listened()
    session.call([Call("f", ([1.0],))])
    session.call([Call("f", (np.zeros(100_000),))])
    made = tape.transcript()
    assert (made.kept, made.calls) == (1, 2)
    assert lines(made.data)[-1] == {"cut": True}


def test_uses_without_end_fill_the_tape_and_not_our_memory(monkeypatch):
    monkeypatch.setattr(recording, "_PLAIN_BYTES", 10_000)
    tape, session = listened()
    [call] = [session._listening(Call("f", (lambda *_, **__: 1.0,)))]
    for _ in range(1000):
        call.args[0](0.5)
    assert len(session._uses) < 1000
    assert tape.full


def test_the_recorded_verdict_is_the_verdict():
    job = jobs.Job({"program.py": source()}, Tier.VALID, (0, 1, 2))
    asked = jobs.Job(job.files, job.tier, job.indices, record_bytes=1 << 20)
    with Pool(jobs.Setup(EVERYTHING, {}, b"secret"), 1) as pool:
        plain, recorded = pool.submit(job).result(), pool.record(asked).result()
        assert pool.record(job).result().transcript.data == b""
    assert [row.result for row in plain.results] == [row.result for row in recorded.evaluation.results]
    assert recorded.transcript.kept == recorded.transcript.calls == plain.calls > 0
    [head, *_] = lines(recorded.transcript.data)
    assert (head["block"]["tier"], head["block"]["indices"]) == ("valid", [0, 1, 2])
    assert b"secret" not in gzip.decompress(recorded.transcript.data)


def source() -> str:
    from heuresis.evaluators.catalog import load_problem

    return Program.of(load_problem(EVERYTHING).seeds["plain"]).text
