from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heuresis.archive import codec
from heuresis.archive.records import Brief
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.program import Program

anything = st.text(st.characters(), max_size=300)  # lone surrogates and NUL included
names = st.text(st.characters(codec="utf-8"), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.dictionaries(names, finite, max_size=4)
tags = st.dictionaries(names, st.one_of(names, st.integers(-(2**63), 2**63), st.booleans(), finite), max_size=4)
results = st.builds(
    InstanceResult,
    st.sampled_from(Tier),
    st.integers(0, 2**40),
    st.builds(Result, numbers, numbers, anything, st.dictionaries(names, st.binary(max_size=300), max_size=2)),
    names,
)
scores = st.builds(Score, finite, st.floats(0, 1e300), st.integers(1, 10**6))
common = {
    "metrics": numbers,
    "measures": numbers,
    "results": st.lists(results, max_size=4).map(tuple),
    "feedback": anything,
    "stage": names,
    "wall_seconds": st.floats(0, 1e6),
    "cpu_seconds": st.floats(0, 1e6),
    "calls": st.integers(0, 2**60),
    "isolation": names,
    "quarantine": st.one_of(st.none(), anything),
    "self_reported": st.booleans(),
}
scored = st.builds(Evaluation, st.just(Status.SCORED), scores, **common)
failures = st.sampled_from([status for status in Status if status is not Status.SCORED])
failed = st.builds(Evaluation, failures, st.none(), reason=anything.filter(bool), **common)
briefs = st.builds(
    Brief,
    names,
    st.lists(names).map(tuple),
    st.lists(names).map(tuple),
    st.lists(st.integers(0, 2**40)).map(tuple),
    tags,
    st.integers(-1, 2**40),
)


def contents(evaluation: Evaluation) -> dict[int, dict[str, bytes]]:
    kept: dict[int, dict[str, bytes]] = {}
    for position, name, content in codec.artifacts_of(evaluation):
        kept.setdefault(position, {})[name] = content
    return kept


@given(anything)
def test_any_text_comes_back(text):
    assert codec.unpack_text(codec.pack_text(text)) == text


@given(st.binary(max_size=2000))
def test_any_bytes_come_back(data):
    assert codec.unsqueeze(codec.squeeze(data)) == data


def test_long_text_is_made_small():
    assert len(codec.pack_text("free space first\n" * 1000)) < 200


@given(st.one_of(scored, failed))
def test_a_verdict_comes_back_equal(evaluation):
    row, rows = codec.evaluation_row(evaluation), codec.result_rows(evaluation)
    assert codec.evaluation_of(row, rows, contents(evaluation)) == evaluation


@given(tags)
def test_tags_come_back_with_their_types(value):
    back = codec.unpack_tags(codec.pack_tags(value))
    assert back == value
    assert [type(one) for one in back.values()] == [type(one) for one in value.values()]


@given(briefs)
def test_a_brief_comes_back_equal(brief):
    assert codec.unpack(codec.pack(brief), Brief) == brief


@given(st.dictionaries(st.sampled_from(["a.py", "b/c.txt", "\ud800.py"]), anything))
def test_a_program_comes_back_equal(files):
    program = Program({"program.py": "", **files})
    packed = {
        codec.pack_text(path): codec.squeeze(text.encode("utf-8", "surrogatepass")) for path, text in files.items()
    }
    packed.setdefault(codec.pack_text("program.py"), codec.squeeze(b""))
    assert codec.program_of(packed).id == program.id


@given(scored, finite)
def test_a_changed_number_changes_the_digest(evaluation, other):
    row, rows = codec.evaluation_row(evaluation), codec.result_rows(evaluation)
    changed = row | {"score": other}
    assert (codec.digest(row, rows, []) == codec.digest(changed, rows, [])) == same_bits(row["score"], other)


@pytest.mark.parametrize("stored", [b"", b"\x02abc", b"\x01not zlib", b"\x00\xff"])
def test_bytes_that_nobody_packed_are_damage(stored):
    with pytest.raises(codec.Damaged):
        codec.unpack_text(stored)


@pytest.mark.parametrize("stored", [b"\x00", b"\x00\xc1", b"\x00\x80"])
def test_a_noun_that_nobody_packed_is_damage(stored):
    with pytest.raises(codec.Damaged):
        codec.unpack(stored, Brief)


def half(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def same_bits(one: float, other: float) -> bool:
    return one == other and math.copysign(1, one) == math.copysign(1, other)


@given(scored)
def test_a_self_reported_verdict_has_another_digest_than_a_refereed_one(evaluation):
    row, rows = codec.evaluation_row(evaluation), codec.result_rows(evaluation)
    other = row | {"self_reported": not evaluation.self_reported}
    assert codec.digest(row, rows, []) != codec.digest(other, rows, [])
