"""Programs without a score are listed, counted and named; small words of the other listings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.fixed import admit_seeds
from heuresis.agent.looking import Ledger
from heuresis.agent.progress import Progress
from heuresis.archive.store import Store
from heuresis.cli.board import Board
from heuresis.cli.demo import _next
from heuresis.cli.exam import print_exam
from heuresis.cli.held_out import Exam, ExamRow
from heuresis.cli.live import Lines
from heuresis.cli.options import Format
from heuresis.cli.output import console, counted
from heuresis.cli.summary import print_next
from heuresis.evaluators.nouns import Evaluation, Status

NOISY = f"{Path(__file__).parents[1] / 'fixtures' / 'noisy.py'}:Noisy"


@pytest.fixture
def fresh() -> Iterator[None]:
    """The console writes to what is standard output now, and the next test's to its own."""
    console.cache_clear()
    yield
    console.cache_clear()


@pytest.fixture(scope="module")
def failing(campaign: Any, tmp_path_factory: pytest.TempPathFactory, command: Any) -> Any:
    """A copy of the finished campaign with two programs that fail."""
    folder = tmp_path_factory.mktemp("failing")
    shutil.copytree(campaign.folder, folder, dirs_exist_ok=True)
    for number, body in enumerate(("return 'text'", "raise KeyError(x)")):
        (folder / f"{number}.py").write_text(f"def guess(x):\n    {body}\n")
        assert command("add", f"{number}.py", cwd=folder).returncode == 4
    return replace(campaign, folder=folder)


def test_failures_are_listed_newest_first_with_their_reasons(failing: Any, command: Any) -> None:
    rows = failing.json("failures")
    assert [row["status"] for row in rows[:2]] == ["crashed", "invalid"]
    assert "KeyError" in rows[0]["reason"]
    assert [row["operator"] for row in rows[:2]] == ["add", "add"]
    assert len(failing.json("failures", "-n", "1")) == 1
    table = command("failures", cwd=failing.folder).stdout
    assert f"{len(rows)} programs failed" in table
    assert rows[1]["id"][:8] in table


def test_the_summary_counts_what_was_proposed_and_names_the_list(failing: Any, command: Any, tiny: str) -> None:
    said = command("run", tiny, "--evaluations", "102", cwd=failing.folder).stdout
    assert "102 evaluations in" in said
    assert "102 programs proposed" in said
    count = len(failing.json("failures"))
    assert f"{100 * count / 102:.1f} % of the programs failed ({count}): " in said
    assert "failures Tiny-genetic" in said


def test_a_listing_takes_its_campaign_as_an_argument_or_as_an_option(failing: Any, command: Any) -> None:
    named = failing.json("top", "--campaign", "Tiny-genetic", "-n", "2")
    assert named == failing.json("top", "Tiny-genetic", "-n", "2")
    both = command("top", "Tiny-genetic", "--campaign", "other", cwd=failing.folder)
    assert both.returncode == 2
    assert "no campaign beside it" in both.stderr


def test_one_of_a_thing_is_singular() -> None:
    assert (counted(1, "instance"), counted(0, "look"), counted(1200, "call")) == (
        "1 instance",
        "0 looks",
        "1,200 calls",
    )


@pytest.mark.usefixtures("fresh")
def test_remarks_beside_commands_stand_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_next([("heuresis show 1", "a"), ("heuresis " + 70 * "x", "b"), ("heuresis " + 300 * "y", "c")])
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0].index("#") == lines[1].index("#")


def test_the_last_line_is_not_printed_twice(tmp_path: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(f"sqlite:///{tmp_path}/x.db", create=True) as store:
        now = Progress(5, 5, 0, None, "", {"crashed": 5}, 1.0, 1.0, None)
        with Lines(Board(Campaign(tiny), store, 1)) as lines:
            capsys.readouterr()
            for moment in (now, replace(now, forced=True), replace(now, evaluations=6, forced=True)):
                lines._next = 0.0
                lines(moment)
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == ["5", "6"]


def test_a_demo_whose_seeds_failed_is_left_and_another_begun(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/x.db", create=True) as store:
        first = _next(store, Budget(evaluations=1), allow_none=False)
        first.open(store)
        briefs: list[Any] = []
        admit_seeds(store, "demo", first.problem, briefs.append)
        assert _next(store, Budget(evaluations=1), allow_none=False).name == "demo"
        with store.transaction(durable=True) as transaction:
            verdict = Evaluation(Status.OUT_OF_MEMORY, None, reason="a moment of the machine")
            transaction.add_verdict("demo", briefs[0].number, 0, verdict, "", False, briefs[0].tags, 0.0)
        assert _next(store, Budget(evaluations=1), allow_none=False).name == "demo-2"


@pytest.mark.usefixtures("fresh")
def test_an_exam_of_a_seed_says_that_it_is_one(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    problem = Campaign(tiny).problem
    verdict = Evaluation(Status.CRASHED, None, reason="for brevity")
    for who in ("zero", "0abc8ac0"):
        row = ExamRow("test", who, 64 * "0", True, verdict)
        print_exam(Exam(problem, "c", [row], Ledger([], {})), Format.TABLE)
        assert ("zero is a seed of the problem" in capsys.readouterr().out) == (who == "zero")


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory, command: Any) -> Path:
    """A folder with a short search in which programs were stopped early, and the same search without races."""
    folder = tmp_path_factory.mktemp("raced")
    search = ("run", NOISY, "--method", "random", "--evaluations", "20", "--workers", "1")
    for words in ((), ("--no-racing", "--new", "alone")):
        done = command(*search, *words, cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / f"{len(words)}.txt").write_text(done.stdout)
    return folder


def test_programs_that_were_stopped_early_are_counted_apart_from_failures(raced: Path, command: Any) -> None:
    with Store.open(f"sqlite:///{raced / 'heuresis.db'}") as store:
        count = store.totals("Noisy-random").by_status["stopped"]
        stopped = [one for one in store.entries("Noisy-random") if one.evaluation.status is Status.STOPPED]
    assert f"{count:,} stopped early, since they were clearly behind." in (raced / "0.txt").read_text()
    assert f"stopped early {count}" in (raced / "0.txt").read_text()
    assert "stopped early" not in (raced / "3.txt").read_text()
    listed = command("failures", "Noisy-random", cwd=raced).stdout
    assert f"; {count} stopped early, which is no failure" in listed
    assert "behind the incumbent" not in listed
    program = stopped[0].proposal.program
    assert program is not None
    shown = command("show", program.id, "--campaign", "Noisy-random", cwd=raced).stdout
    assert f"reason    {stopped[0].evaluation.reason}" in shown
    verified = command("verify", program.id, "--campaign", "Noisy-random", cwd=raced)
    assert verified.returncode == 0
    assert f"{len(stopped[0].evaluation.results)} instances before it was stopped came out as stored" in verified.stdout


def test_a_campaign_that_was_begun_without_races_goes_on_only_without(raced: Path, command: Any) -> None:
    words = ("run", NOISY, "--method", "random", "--name", "alone", "--evaluations", "21")
    refused = command(*words, cwd=raced)
    assert refused.returncode == 2
    assert "racing" in refused.stderr
    assert command(*words, "--no-racing", cwd=raced).returncode == 0
