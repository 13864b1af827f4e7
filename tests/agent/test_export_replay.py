"""The replay of an exported package, on lines written by hand: what it accepts and what it does not."""

from __future__ import annotations

import pytest

from heuresis.agent.exporting.replay import Different, Replay


def play(program, *lines, exact=True):
    return Replay(lambda name, args, kwargs: program[name], exact).play(list(lines))


def asked(*args, answer=None, name="f", uses=()):
    line = {"call": [{"name": name, "args": list(args)}], "answers": [answer]}
    return {**line, "uses": list(uses)} if uses else line


ASK = {"f": lambda g: g(1) + g(2)}
USES = [[0, [1], {"dict": {}}, {"value": 10}], [0, [2], {"dict": {}}, {"value": 20}]]


def test_a_function_answers_what_it_answered():
    assert play(ASK, asked({"function": 0}, answer={"value": 30}, uses=USES)) == 1


@pytest.mark.parametrize(
    ("uses", "told"),
    [
        (USES[:1], "more often"),
        ([*USES, USES[0]], "fewer times"),
        (USES[::-1], "asks a function for"),
        ([[1, *USES[0][1:]], USES[1]], "another order"),
    ],
)
def test_other_questions_to_a_function_are_found(uses, told):
    with pytest.raises(Different, match=told):
        play(ASK, asked({"function": 0}, answer={"value": 30}, uses=uses))


def test_a_function_that_raised_ends_the_call_and_the_replay_goes_on():
    raised = [USES[0], [0, [2], {"dict": {}}, {"raised": True}]]
    given_up = {"call": [{"name": "f", "args": [{"function": 0}]}], "answers": None, "uses": raised}
    assert play(ASK, given_up, asked({"function": 0}, answer={"value": 30}, uses=USES)) == 2


def test_the_uses_of_a_one_way_call_may_stand_in_a_later_line():
    sent = {"send": [{"name": "f", "args": [{"function": 0}]}]}
    assert play({**ASK, "h": lambda: 5}, sent, asked(name="h", answer={"value": 5}, uses=USES)) == 2


def test_a_recording_that_was_cut_ends_where_its_uses_end():
    sent = {"send": [{"name": "f", "args": [{"function": 0}]}]}
    assert play(ASK, sent, {"cut": True}) == 0


def test_an_exception_is_compared_by_its_type():
    def fails():
        raise ValueError("in other words")

    assert play({"f": fails}, asked(answer={"error": "ValueError"})) == 1
    with pytest.raises(Different, match="raised KeyError in the search"):
        play({"f": fails}, asked(answer={"error": "KeyError"}))
    with pytest.raises(Different, match="raises ValueError, and answered"):
        play({"f": fails}, asked(answer={"value": 1}))


@pytest.mark.parametrize(
    ("now", "then", "exact", "same"),
    [
        (1, 1.0, True, False),
        (True, 1, True, False),
        (0.1 + 0.2, 0.3, True, False),
        (0.1 + 0.2, 0.3, False, True),
        (-0.0, 0.0, True, False),
        (float("nan"), float("nan"), True, True),
        ((1,), [1], True, False),
        (3, 4, False, False),
    ],
)
def test_equal_means_to_the_last_bit_or_within_rounding(now, then, exact, same):
    if same:
        assert play({"f": lambda: now}, asked(answer={"value": then}), exact=exact) == 1
    else:
        with pytest.raises(Different, match="answers"):
            play({"f": lambda: now}, asked(answer={"value": then}), exact=exact)
