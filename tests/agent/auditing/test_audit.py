"""An audit finds programs that memorise and programs that collapse; the minimiser keeps the score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import heuresis
from heuresis.agent.auditing.audit import AUDIT_FROM, CONFIRM_FROM, Bout, audit, keep
from heuresis.agent.auditing.bounds import beyond
from heuresis.agent.auditing.comparing import gap_of
from heuresis.agent.auditing.cuts import measure
from heuresis.agent.auditing.findings import Audit, Kind, kept
from heuresis.agent.auditing.minimise import holds, minimise
from heuresis.agent.judging import campaign_of
from heuresis.archive.check import check
from heuresis.archive.records import CampaignRecord
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.tiers import instance_rng
from heuresis.program import Program

VARIED = f"{Path(__file__).parents[2] / 'fixtures' / 'varied.py'}:Varied"
HONEST = "def guess(x, unit):\n    return 3.0 * x + unit\n"
FITTED = "def guess(x, unit):\n    return 3.0 * x + 1.0\n"
BROKEN = "def guess(x, unit):\n    return 1 / 0\n"
BLOATED = """import math
import numpy as np


def unused(a):
    return a * 2 + 1


def guess(x, unit):
    whole = 3.0 * x + unit
    nothing = np.abs(whole) * 0.0
    if x > 100:
        whole = whole + 5 * math.sin(x)
    return whole + nothing * 1.23456 - 0.0
"""


@dataclass(frozen=True)
class Case:
    store: Store
    record: CampaignRecord
    memorising: str

    def audit(self, text: str, evaluations: int = 0) -> Audit:
        entry = self.store.entry(self.record.name, Program.of(text).id)
        return audit(
            self.store, self.record, entry, workers=1, evaluations=evaluations, watch=lambda spent, program: None
        )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A campaign that holds an honest program, one fitted to a unit, a broken one, a bloated one, and one that has
    learnt the instances by heart."""
    url = f"sqlite:///{tmp_path_factory.mktemp('audit')}/store.db"
    with heuresis.Search(VARIED, storage=url, workers=1) as search, Store.open(url) as store:
        record = store.campaign(search.campaign)
        assert record is not None
        problem = campaign_of(record).problem
        tiers = {Tier.TRAIN: 1, Tier.VALID: 12}
        drawn = [(tier, n) for tier, count in tiers.items() for n in range(count)]
        known = [problem.generate(tier, n, instance_rng(record.secret, tier, n))[0] for tier, n in drawn]
        answers = {round(x, 6): 3 * x + 1 for x in known}
        memorising = f"ANSWERS = {answers}\n\n\ndef guess(x, unit):\n    return ANSWERS.get(round(x, 6), 9.0)\n"
        for text in (HONEST, FITTED, BROKEN, BLOATED, memorising):
            search.add(text)
    with Store.open(url) as store:
        yield Case(store, record, memorising)


@pytest.fixture(scope="module")
def bout(case: Case) -> Iterator[Bout]:
    campaign = campaign_of(case.record)
    with Pool(campaign.setup(case.record), 1) as pool:
        yield Bout(pool, campaign.problem)


def test_an_honest_program_holds_everywhere(case):
    seen = case.audit(HONEST)
    assert [line.what for line in seen.lines] == [
        "fresh instances", "both times 10", "x with its sign drawn", "larger x",
    ]  # fmt: skip
    assert all(line.holds and line.count == 20 for line in seen.lines)
    assert (seen.findings, seen.minimal) == ([], None)


def test_a_rule_that_is_fitted_to_one_unit_collapses_under_another(case):
    """|3 * 10 x + 1 - (30 x + 10)| / 10 = 0.9, whatever x."""
    seen = case.audit(FITTED)
    [line] = [line for line in seen.lines if not line.holds]
    assert (line.what, line.value) == ("both times 10", pytest.approx(0.9))
    assert (line.gap.value, line.gap.count) == (pytest.approx(-0.9), 20)
    [finding] = seen.findings
    assert finding.kind is Kind.INVARIANCE
    assert finding.text.startswith("both times 10: error goes from 0 to 0.9")
    assert finding.text.endswith(": one unit only")


def test_a_program_that_knows_the_instances_is_found_by_its_text_and_by_fresh_ones(case):
    kinds = [one.kind for one in case.audit(case.memorising).findings]
    assert kinds[0] is Kind.TABLE
    assert Kind.FRESH in kinds


def test_a_program_without_a_score_is_refused_in_a_sentence(case):
    with pytest.raises(ConfigError, match="id: expected a program that has a score, got one that ended crashed"):
        case.audit(BROKEN)


def test_an_audit_is_kept_with_its_findings_and_changes_nothing_else(case):
    before = case.store.totals(case.record.name), case.store.log(case.record.name)
    seen = case.audit(FITTED)
    keep(case.store, seen)
    found = kept(case.store.events(case.record.name), Program.of(FITTED).id)
    assert list(found.findings) == list(seen.findings)
    assert kept(case.store.events(case.record.name), Program.of(HONEST).id) is None
    assert (case.store.totals(case.record.name), case.store.log(case.record.name)) == before
    assert case.store.looks(case.record.name) == []
    assert check(case.store) == []


def test_a_result_beyond_what_is_possible_is_found_instance_by_instance(case, bout):
    class Bounded(type(bout.problem)):
        def quarantine(self, metrics):
            return "better than can be" if metrics["error"] < 0.5 else None

        def bound(self, instance):
            return {"error": 0.25}

    [seen] = bout.play([Program.of(HONEST)], (AUDIT_FROM,))
    assert beyond(bout.problem, case.record.secret, [seen]) == []
    words = [one.text for one in beyond(Bounded(), case.record.secret, [seen])]
    where = f"valid instance {AUDIT_FROM}"
    assert words == [f"{where}: better than can be", f"{where}: error 0 is better than its bound 0.25"]


def play(bout: Bout, first: int):
    return lambda programs: bout.play(programs, bout.indices(first))


def test_a_bloated_program_is_made_as_small_as_the_honest_one_at_the_same_score(bout):
    small = minimise(bout.problem, Program.of(BLOATED), play(bout, AUDIT_FROM), play(bout, CONFIRM_FROM), 150)
    assert small.complete
    assert measure(small.text)[0] <= measure(HONEST)[0] + 3  # a name for the sum may stay
    assert (small.nodes_before, small.nodes) == (measure(BLOATED)[0], measure(small.text)[0])
    assert small.before == small.after == (0.0, 0.0)
    assert small.confirmed.value == 0.0
    assert small.evaluations <= 210
    assert any("3" in part.what for part in small.needed)
    assert all(part.gap is None or part.gap.value < 0 for part in small.needed)


@pytest.mark.parametrize("evaluations", [1, 7])
def test_few_evaluations_never_make_it_longer_or_worse(bout, evaluations):
    whole = Program.of(BLOATED)
    small = minimise(bout.problem, whole, play(bout, AUDIT_FROM), play(bout, CONFIRM_FROM), evaluations)
    assert measure(small.text) <= measure(BLOATED)
    assert len(small.text) <= len(BLOATED)
    before, after = bout.play([whole, Program.of(small.text)], bout.indices(CONFIRM_FROM))
    assert holds(gap_of(bout.problem, after, before), before)
    assert not small.complete


def test_a_program_that_needs_everything_stays_as_it_is(bout):
    text = "def guess(x, unit):\n    return 3 * x + unit\n"
    small = minimise(bout.problem, Program.of(text), play(bout, AUDIT_FROM), play(bout, CONFIRM_FROM), 100)
    assert (small.text, small.left_out, small.complete) == (text, [], True)
