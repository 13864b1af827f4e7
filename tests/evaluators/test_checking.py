"""`problem check`: honest problems pass, and each broken one fails for the reason it was broken in."""

from __future__ import annotations

from pathlib import Path

import pytest

from heuresis.evaluators.checking.check import check
from heuresis.evaluators.checking.report import Level, Report
from tests.fixtures.cases import often

FIXTURES = Path(__file__).parents[1] / "fixtures"


def checked(name: str, quick: bool = False) -> Report:
    return check(f"{FIXTURES}/broken_problems.py:{name}", quick=quick)


def failed(report: Report) -> dict[str, str]:
    return {finding.check: finding.reason for finding in report.at(Level.FAIL)}


@pytest.mark.parametrize(
    ("name", "why", "told"),
    often(
        [
            ("TellsLabel", "leak", "guess returns `y` scores error 0, above slope"),
            ("WallClock", "wall time", "The score depends on wall time: `error` goes from"),
            ("ZeroSphere", "optimum at zero", "all zeros as the answer scores value 0"),
            ("Saturated", "saturated", "slope has `marks` 1 on every instance, and nothing is better"),
            ("Unseeded", "repeatable", "the same program judged twice differs, instance 0: `error` was"),
            ("UnseededInstances", "tiers", "when it is called again with the same rng"),
            ("Remembers", "blocks", "Results depend on what was played before: instance 0: `error` was"),
            ("Lottery", "signal", "random answers cannot be told from"),
            ("LikesNaN", "failing programs", "A program that returns only NaN is scored as well as the known good"),
            ("IgnoresRng", "tiers", "every instance of every tier is the same"),
            ("Forgiving", "failing programs", "A program that returns None is scored as well as the known good"),
            ("SeedFails", "seeds", "The seed `slope` has no score: crashed"),
        ],
        3,
    ),
)
def test_a_broken_problem_fails_for_its_reason_and_only_for_that(name: str, why: str, told: str) -> None:
    report = checked(name)
    assert failed(report).keys() == {why}
    assert told in failed(report)[why]
    assert report.first is not None
    assert (report.fit, report.first.check) == (False, why)


@pytest.mark.parametrize(
    "name",
    often(
        ["Line", "Seeded", "Forgets", "TellsDistractor", "MovedSphere", "Unsaturated", "Demanding", "DrawnInstances"], 1
    ),
)
def test_its_honest_twin_passes(name: str) -> None:
    report = checked(name)
    assert failed(report) == {}
    assert report.fit


@pytest.mark.parametrize(
    ("name", "settings"), often([("online_bin_packing", {"items": "300"}), ("circle_packing", {"n": "10"})], 1)
)
def test_the_shipped_problems_pass_and_their_sentinels_come_in_order(name: str, settings: dict[str, str]) -> None:
    report = check(name, settings, quick=True)
    assert failed(report) == {}
    sentinels = [played.score.value for played in report.played if played.role == "sentinel" and played.score]
    assert sentinels == sorted(sentinels)
    assert len(sentinels) == 3


@pytest.mark.slow
def test_a_problem_whose_sentinels_are_in_another_order_than_it_says_fails() -> None:
    assert "known good (error" in failed(checked("WrongOrder"))["order"]


def test_a_cheat_above_the_known_good_fails() -> None:
    assert "The cheat `peeks at the noise` scores" in failed(checked("Cheated"))["cheats"]


@pytest.mark.slow
def test_an_exception_of_run_is_named() -> None:
    report = checked("Trips")
    [finding] = [finding for finding in report.findings if finding.check == "failing programs"]
    assert finding.level is Level.WARN
    assert "`run` raises ValueError for a program that returns only NaN" in finding.reason


def test_a_learner_whose_signature_says_nothing_is_covered_by_its_seed() -> None:
    report = checked("Learns")
    assert failed(report) == {}
    statuses = {played.name: played.status.value for played in report.played}
    assert (statuses["no-op"], statuses["random"]) == ("scored", "scored")


@pytest.mark.slow
def test_a_learner_that_is_told_the_labels_it_is_tested_on_fails() -> None:
    assert "the last column of `args[0]`" in failed(checked("LearnsWithLabels"))["leak"]


@pytest.mark.slow
def test_a_problem_that_hangs_is_given_up_with_a_finding() -> None:
    report = checked("Hangs")
    assert "did not come back within" in failed(report)["hangs"]
