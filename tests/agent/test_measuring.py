"""Known programs are played again: the noise pilot at the start, the elite on fresh instances, within bounds."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from heuresis.agent import measuring
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.replaying import replay_campaign
from heuresis.agent.run import run_campaign
from heuresis.agent.verifying import verify_kept
from heuresis.archive.check import check
from heuresis.archive.noise import noise_of
from heuresis.archive.records import REMEASURE, REPEAT, Brief, Member
from heuresis.archive.store import Store
from heuresis.cli.noise import noise_lines
from heuresis.cli.scale import Scale
from heuresis.evaluators.joining import joined
from heuresis.evaluators.nouns import Evaluation, InstanceResult, Result, Score, Status, Tier
from heuresis.evaluators.problem import Problem

FIXTURES = Path(__file__).parents[1] / "fixtures"
SCALE = Scale("error", "", -1.0)


class Twenty(Problem):
    """Only its sizes matter: 20 valid instances, promotions at 60 and 140."""


class Alone(Problem):
    """Has no fresh instances."""

    promotions = ()


def member(name: str, score: float, count: int = 20, rank: float | None = None) -> Member:
    return Member(name, score, 5, 0, name, score - 0.1 if rank is None else rank, count)


def elite(*members: Member, number: int = 12, scored: int = 10_000, problem: Problem | None = None) -> str:
    found = measuring.elite(number, scored, problem or Twenty(), members, ("busy",))
    return found.program if found else ""


def test_of_the_first_by_rank_the_one_that_has_played_least_is_measured():
    others = [member(f"worse {n}", 1.0 - n, 20) for n in range(9)]
    assert elite(member("champion", 8.0, 140), member("next", 7.0, 20), member("third", 6.0, 60), *others) == "next"
    assert elite(member("champion", 9.0, 40), member("second", 8.0, 60)) == "champion"
    lucky = member("lucky", 99.0, 20, rank=0.0)
    assert elite(*(member(f"{n}", 9.0 - n, 60) for n in range(3)), lucky) == "0"


def test_one_that_is_being_measured_or_known_well_enough_is_left_alone():
    assert elite(member("busy", 9.0), member("known", 8.0, 500), member("third", 7.0, 480)) == "third"
    assert measuring.brief_for(Twenty(), member("third", 7.0, 490), "140+20").tags == {"plays": "140+20+10"}


def test_without_fresh_instances_or_without_noise_nothing_is_measured():
    assert elite(member("a", 1.0), problem=Alone()) == ""
    assert elite(member("exact", 1.0, rank=1.0)) == ""


def test_measuring_takes_its_turn_and_waits_until_enough_has_been_scored():
    turns = [number for number in range(100) if elite(member("a", 1.0), number=number)]
    assert [b - a for a, b in itertools.pairwise(turns)] == [measuring.EVERY] * (len(turns) - 1)
    assert elite(member("a", 1.0), number=turns[0], scored=9) == ""
    assert elite(member("a", 1.0), number=turns[0], scored=10) == "a"


def test_a_tag_says_which_instances_are_fresh_and_where_blocks_begin():
    assert measuring.indices("140+20+10") == range(160, 170)
    assert measuring.starts(Twenty(), "140+20+10")[-2:] == [140, 160]


def test_a_failure_on_a_fresh_instance_is_the_verdict_and_tells_no_secret():
    rows = tuple(InstanceResult(Tier.VALID, n, Result({"score": float(n)})) for n in range(4))
    before = Evaluation(Status.SCORED, Score(1.5, 0.6, 4), results=rows, feedback="of training", stage="full")
    fresh = Evaluation(Status.CRASHED, None, reason="KeyError: item 0.731", feedback="item 0.731", stage="valid")
    now = joined(Twenty(), before, fresh)
    assert (now.status, now.score, now.feedback) == (Status.CRASHED, None, "of training")
    assert "0.731" not in repr(now)


def test_old_and_fresh_results_make_one_score_with_the_error_of_all():
    def seen(first: int) -> Evaluation:
        rows = [InstanceResult(Tier.VALID, n, Result({"score": float(n % 3)})) for n in range(first, first + 6)]
        return Evaluation(Status.SCORED, Score(1.0, 0.4, 6), results=tuple(rows), wall_seconds=1.0, stage="valid")

    now = joined(Twenty(), seen(0), seen(6))
    variance = 8 / 11  # of 0, 1, 2 four times each, unbiased
    assert (now.score.value, now.score.count) == (1.0, 12)
    assert now.score.standard_error == pytest.approx((variance / 12) ** 0.5)
    assert (now.wall_seconds, now.stage, len(now.results)) == (1.0, "full", 12)


def campaign(file: Path, problem: str, evaluations: int, **settings: str) -> tuple[Store, str]:
    store = Store.open(f"sqlite:///{file}")
    path, _, name = problem.partition(":")
    wanted = Campaign(f"{FIXTURES / path}:{name}", name="c", settings=settings, budget=Budget(evaluations=evaluations))
    run_campaign(wanted, store, 1, lambda progress: None, threading.Event())
    return store, "c"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return campaign(tmp_path_factory.mktemp("measuring") / "tiny.db", "tiny.py:Tiny", 70)[0]


def test_the_pilot_sees_that_the_exam_repeats_and_how_far_its_scores_move(tiny):
    seen = noise_of(tiny, "c")
    assert (seen.repeats, seen.deviation, seen.count, seen.played) == (True, 0.0, 4, 8)
    score = tiny.verdict_of("c", 3, 0).evaluation.score
    assert seen.floor == pytest.approx(score.standard_error * 2)  # sqrt(2 * 8 / 4)
    exam, floor = noise_lines(seen, SCALE)
    assert "Noise floor" in floor
    assert "repeats to the last bit" in exam


def test_the_pilot_and_the_elite_count_as_evaluations_and_repeat_in_a_replay(tiny):
    entries = list(tiny.entries("c"))
    assert [one.proposal.operator for one in entries[:4]] == ["seed", "seed", REPEAT, REMEASURE]
    again = [one for one in entries if one.proposal.operator == REMEASURE]
    assert len(again) >= 3
    assert all(one.evaluation.score.count > 4 for one in again)
    assert tiny.totals("c").evaluated == 70 == sum(not one.reused and one.evaluation.stage != "gate" for one in entries)
    replay_campaign(tiny, tiny.campaign("c"), "again")
    assert tiny.log("again") == tiny.log("c")
    assert tiny.members("again", "best").keys() == tiny.members("c", "best").keys()
    assert check(tiny) == []


def test_a_running_value_is_verified_block_by_block(tiny):
    again = [one for one in tiny.entries("c") if one.proposal.operator == REMEASURE]
    entry = tiny.entry("c", again[-1].proposal.program.id)
    assert verify_kept(tiny, "c", entry).differences == ()


def test_without_noise_the_exam_repeats_and_nothing_more_is_measured(tmp_path):
    store, name = campaign(tmp_path / "still.db", "noises.py:Still", 20)
    with store:
        seen = noise_of(store, name)
        assert (seen.repeats, seen.floor) == (True, None)
        assert not [one for one in store.entries(name) if one.proposal.operator == REMEASURE]
        assert ["The exam repeats to the last bit" in line for line in noise_lines(seen, SCALE)] == [True]


def test_an_exam_that_does_not_repeat_is_told(tmp_path):
    store, name = campaign(tmp_path / "unseeded.db", "noises.py:Unseeded", 5)
    with store:
        seen = noise_of(store, name)
        assert not seen.repeats
        assert 0 < seen.deviation < 0.1
        assert "does not repeat" in noise_lines(seen, SCALE)[0]


def test_on_instances_of_the_users_own_only_the_repeat_is_made(tmp_path):
    own = tmp_path / "own.json"
    own.write_text("{}")
    store, name = campaign(tmp_path / "own.db", "noises.py:Own", 16, instances=str(own))
    with store:
        operators = [one.proposal.operator for one in store.entries(name)]
        assert operators.count(REPEAT) == 1
        assert REMEASURE not in operators
        assert noise_of(store, name).floor is None


def test_a_campaign_without_a_pilot_has_no_noise_to_tell(tmp_path):
    store, name = campaign(tmp_path / "short.db", "tiny.py:Tiny", 2)
    with store:
        assert noise_of(store, name) is None


def test_a_brief_of_the_pilot_names_the_best_seed():
    seeds = [member("a", 1.0, rank=0.2), member("b", 0.9, rank=0.8)]
    assert measuring.pilot(0, Twenty(), seeds, ("a", "b")) == Brief(REPEAT, ("b",))
    assert measuring.pilot(1, Twenty(), seeds, ("a", "b")) == Brief(REMEASURE, ("b",), tags={"plays": "20+20"})
    assert measuring.pilot(1, Alone(), seeds, ("a", "b")) is None
