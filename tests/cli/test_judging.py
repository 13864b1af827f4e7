"""`evaluate` and `add`: programs that a person brings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from heuresis.agent.campaign import Campaign
from heuresis.agent.judging import add_program
from heuresis.archive.store import Store
from heuresis.cli.stores import choose
from heuresis.program import Program
from tests.fixtures.cases import often

GOOD = "def guess(x):\n    return 3.0 * x + 1.0\n"
FIRST_FIT = "import numpy as np\ndef priority(item, bins):\n    return np.zeros(len(bins))\n"
BEST_FIT = "def priority(item, bins):\n    return item - bins\n"


def test_json_is_one_object_with_verdict_instances_and_isolation(tmp_path: Path, command: Any, tiny: str) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    done = command("evaluate", tiny, "good.py", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["status"] == "scored"
    assert seen["score"] == pytest.approx(0.0, abs=1e-12)
    assert seen["metrics"] == {"error": pytest.approx(0.0, abs=1e-12)}
    assert [row["index"] for row in seen["instances"]] == [0, 1, 2, 3]
    assert (seen["count"], seen["tier"], seen["reason"]) == (4, "valid", "")
    assert seen["seconds"] >= 0
    assert seen["isolation"]


def test_a_program_may_come_from_standard_input_and_the_numbers_repeat(tmp_path: Path, command: Any, tiny: str) -> None:
    words = ("evaluate", tiny, "-", "--tier", "train", "--format", "json")
    text = "def guess(x):\n    return 2.0 * x\n"
    first, second = (json.loads(command(*words, cwd=tmp_path, text=text).stdout) for _ in range(2))
    assert first["metrics"] == second["metrics"]
    assert first["count"] == 2


@pytest.mark.parametrize(
    ("text", "status", "told"),
    often(
        [
            ("def other(x):\n    return 0\n", "refused", "entry point missing: define guess(x: float) -> float"),
            ("def guess(x:\n", "refused", "not valid Python"),
            ("def guess(x):\n    raise ValueError('broken')\n", "crashed", "ValueError: broken"),
            ("def guess(x):\n    return float('nan')\n", "invalid", "expected a finite number"),
        ],
        2,
    ),
)
def test_a_program_that_fails_ends_with_4_and_its_reason(
    text: str, status: str, told: str, tmp_path: Path, command: Any, tiny: str
) -> None:
    done = command("evaluate", tiny, "-", "--format", "json", cwd=tmp_path, text=text)
    assert done.returncode == 4
    seen = json.loads(done.stdout)
    assert (seen["status"], seen["score"]) == (status, None)
    assert told in seen["reason"]
    table = command("evaluate", tiny, "-", cwd=tmp_path, text=text)
    assert table.returncode == 4
    assert f"{status}: " in table.stdout


def test_what_a_program_prints_is_shown(tmp_path: Path, command: Any, tiny: str) -> None:
    (tmp_path / "talks.py").write_text("def guess(x):\n    print('I was asked')\n    return 3.0 * x\n")
    assert "printed:\n  I was asked\n" in command("evaluate", tiny, "talks.py", cwd=tmp_path).stdout


@pytest.mark.data
@pytest.mark.parametrize(
    ("rule", "file", "percent"),
    often(
        [
            (FIRST_FIT, "bin_packing_or3.json", 5.74),
            (BEST_FIT, "bin_packing_or3.json", 5.37),
            (FIRST_FIT, "bin_packing_weibull_5k.json", 4.23),
            (BEST_FIT, "bin_packing_weibull_5k.json", 3.98),
        ],
        2,
    ),
)
def test_classic_rules_reach_their_published_values(
    rule: str, file: str, percent: float, data: Path, tmp_path: Path, command: Any
) -> None:
    (tmp_path / "rule.py").write_text(rule)
    words = ("evaluate", "online_bin_packing", "rule.py", "--set", f"instances={data.resolve() / file}")
    seen = json.loads(command(*words, "--format", "json", cwd=tmp_path).stdout)
    assert round(seen["metrics"]["excess_percent"], 2) == percent
    assert "same instances, by the file's name" in command(*words, cwd=tmp_path).stdout


def test_a_program_of_ones_own_enters_the_campaign(own: Any, command: Any) -> None:
    done = command("add", "-", "--idea", "I looked", cwd=own.folder, text=GOOD)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Rank 1 of \d+ verdicts with a score", done.stdout)
    shown = own.json("show", done.stdout.split()[0])
    assert (shown["operator"], shown["idea"], shown["campaign"]) == ("add", "I looked", "Tiny-genetic")


def test_without_a_name_a_program_enters_the_newest_campaign_that_has_begun(own: Any, tiny: str) -> None:
    with Store.open(f"sqlite:///{own.folder / 'heuresis.db'}") as store:
        Campaign(tiny, name="never-seeded").open(store)
        assert choose(store, None, tell=False).name == "never-seeded"
        assert choose(store, None, tell=False, begun=True).name == "Tiny-genetic"


def test_the_same_program_is_added_once(own: Any) -> None:
    broken, good = Program.of("def guess(x):\n    return None\n"), Program.of(GOOD)
    with Store.open(f"sqlite:///{own.folder / 'heuresis.db'}") as store:
        record = store.campaign("Tiny-genetic")
        before = store.totals(record.name).entries
        failed, scored = add_program(store, record, broken, ""), add_program(store, record, good, "mine")
        again = [add_program(store, record, broken, ""), add_program(store, record, good, "mine")]
        assert [(one.sequence, one.reused) for one in again] == [(failed.sequence, True), (scored.sequence, True)]
        assert store.totals(record.name).entries == before + 2
        add_program(store, record, good, "another reason")  # what is new is the idea, and it is kept
        assert store.totals(record.name).entries == before + 3


def test_a_program_of_ones_own_that_fails_is_kept_with_its_reason(own: Any, command: Any) -> None:
    text = "def guess(x):\n    return None\n"
    done = command("add", "-", cwd=own.folder, text=text)
    assert done.returncode == 4
    assert "invalid: guess returned None" in done.stdout
    assert own.json("show", done.stdout.split()[0])["status"] == "invalid"
