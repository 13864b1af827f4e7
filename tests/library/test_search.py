"""Ask and tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import heuresis
from heuresis.agent.replaying import replay_campaign
from heuresis.archive.check import check
from heuresis.archive.store import Store

KILLED = """
import os, signal, sys, heuresis
search = heuresis.Search(sys.argv[1], storage=sys.argv[2], workers=1)
search.ask()
print("asked", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def line(slope: float, start: float = 1.0) -> str:
    return f"def guess(x):\n    return {slope} * x + {start}\n"


def test_a_question_names_its_parents_and_a_told_program_gets_its_verdict(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        question = search.ask()
        assert question.number == 4  # after two seeds and the two briefs of the noise pilot
        found = search.tell(question, line(3.0), idea="the line itself")
        assert (found.value, found.idea, found.operator) == (0.0, "the line itself", "told")
        assert found.parents == tuple(one.id for one in question.parents)
        assert search.best == found
        assert search.top(1) == [found]
        assert search.campaign == "Tiny-genetic"
        assert isinstance(question, heuresis.Question)


def test_a_prompt_holds_the_problem_and_the_parent_and_no_number_of_a_valid_instance(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        question = next(one for one in iter(search.ask, None) if one.parents)
        parent = question.parents[0]
        assert "guess(x) returns a number close to" in question.problem
        assert question.problem in question.prompt
        assert parent.code.strip() in question.prompt
        assert "whole program" in question.prompt
        assert question.read("Better.\n\n```python\n" + line(2.0) + "```\n").text == line(2.0)
        with pytest.raises(heuresis.ConfigError, match="reply: expected a reply with a program"):
            question.read("I do not know.")


def test_the_method_goes_on_from_what_was_told(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1, method_settings={"founders": 4, "islands": 1}) as search:
        told = {search.tell(search.ask(), line(2.0 + 0.1 * n)).id for n in range(12)}
        asked = {parent.id for n in range(12) if (question := search.ask()) for parent in question.parents}
    assert told & asked


def test_the_elite_is_measured_again_between_two_questions(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        numbers = []
        for n in range(12):
            question = search.ask()
            numbers.append(question.number)
            search.tell(question, line(1.0 + 0.1 * n))
        name = search.campaign
    assert numbers == [number for number in range(4, 17) if number != 12]
    with Store.open(url) as store:
        entry = store.verdict_of(name, 12, 0)
        assert entry.proposal.operator == "remeasure"
        assert entry.evaluation.score.count == sum(map(int, entry.tags["plays"].split("+")))
        assert check(store) == []
        replay_campaign(store, store.campaign(name), "again")
        assert store.log("again") == store.log(name)


def test_programs_that_cannot_run_are_refused_with_a_reason(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        found = search.tell(search.ask(), "def guess(:\n")
        assert (found.status, found.value) == (heuresis.Status.REFUSED, None)
        assert found.reason.startswith("not valid Python")
        assert search.tell(search.ask(), "x = 1\n").status is heuresis.Status.REFUSED
        assert search.tell(search.ask(), "def guess(x):\n    raise ValueError\n").status is heuresis.Status.CRASHED


def test_a_program_that_is_known_is_not_judged_again(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        first = search.tell(search.ask(), line(2.0))
        again = search.tell(search.ask(), line(2.0))
        assert (first.id, first.value) == (again.id, again.value)
    with Store.open(url) as store:
        assert [one.reused for one in store.entries("Tiny-genetic")][-2:] == [False, True]


def test_several_questions_may_be_open_and_told_from_several_threads(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=2) as search:
        questions = [search.ask() for _ in range(6)]
        assert len({one.number for one in questions}) == 6
        threads = [
            threading.Thread(target=search.tell, args=(one, line(1.0 + n // 2))) for n, one in enumerate(questions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Store.open(url) as store:
        assert check(store) == []
        entries = list(store.entries("Tiny-genetic"))[4:]  # after the seeds and the noise pilot
        assert sorted(one.brief for one in entries) == [one.number for one in questions]
        assert sum(one.reused for one in entries) == 3


def test_a_program_without_a_question_is_judged_and_a_dropped_question_is_closed(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        search.drop(search.ask())
        assert search.add(line(3.0), "mine").operator == "add"
        left = search.ask()
    with Store.open(url) as store:
        assert store.open_briefs("Tiny-genetic") == []
        assert check(store) == []
        assert left.number == 6


@pytest.mark.slow
def test_killed_between_ask_and_tell_the_campaign_goes_on(url, tiny, python, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    child = subprocess.run([sys.executable, str(script), tiny, url], capture_output=True, text=True, timeout=120)
    assert (child.stdout, child.returncode) == ("asked\n", -signal.SIGKILL)
    with Store.open(url) as store:
        assert [one.operator for one in store.open_briefs("Tiny-genetic")] == ["told"]
    done = python("-m", "heuresis", "run", tiny, "--evaluations", "8", "--storage", url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        assert search.tell(search.ask(), line(3.0)).value == 0.0
    with Store.open(url) as store:
        assert store.open_briefs("Tiny-genetic") == []
        assert check(store) == []


def test_killed_before_its_verdict_a_told_program_is_judged_when_the_campaign_goes_on(url, tiny, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED.replace("search.ask()", f"search.tell(search.ask(), {line(3.0)!r})"))
    told = {
        **os.environ,
        "HEURESIS_FAILPOINT": "proposal.after_commit:5",
    }  # after those of the two seeds and of the noise pilot
    words = [sys.executable, str(script), tiny, url]
    child = subprocess.run(words, capture_output=True, text=True, timeout=120, env=told)
    assert (child.stdout, child.returncode) == ("", -signal.SIGKILL)
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        assert (search.best.value, search.best.operator) == (0.0, "told")
    with Store.open(url) as store:
        assert check(store) == []


def test_a_search_without_limits_leaves_a_later_run_its_ten_minutes(url, tiny):
    heuresis.Search(tiny, storage=url, workers=1).close()
    heuresis.run(tiny, evaluations=4, storage=url, workers=1)
    with Store.open(url) as store:
        assert store.totals("Tiny-genetic").evaluated == 4


def test_what_was_told_can_be_replayed(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        for n in range(5):
            search.tell(search.ask(), line(2.0 + n))
        search.drop(search.ask())
        search.add(line(0.5))
    heuresis.run(tiny, evaluations=14, storage=url, workers=1)
    with Store.open(url) as store:
        replayed = replay_campaign(store, store.campaign("Tiny-genetic"), "again")
        assert replayed.changed == ()
        assert check(store) == []


def test_questions_that_were_dropped_or_left_open_are_replayed_where_they_were_closed(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search:
        first, second = search.ask(), search.ask()
        search.tell(second, line(2.0))
        search.ask()  # nobody answers it, until the search is closed
        search.tell(search.ask(), line(2.5))
        search.drop(first)
        search.tell(search.ask(), line(2.8))
    heuresis.run(tiny, evaluations=10, storage=url, workers=1)
    with Store.open(url) as store:
        assert replay_campaign(store, store.campaign("Tiny-genetic"), "again").changed == ()
        assert check(store) == []


@pytest.mark.slow
def test_closed_while_programs_wait_for_their_verdict_they_are_kept_and_judged_later(url, tiny):
    slow = "import time\n\n\ndef guess(x):\n    time.sleep(0.4)\n    return 3 * x + {}\n"
    search, told = heuresis.Search(tiny, storage=url, workers=1), []

    def tell(question: heuresis.Question, start: int) -> None:
        try:
            told.append(search.tell(question, slow.format(start)))
        except heuresis.Unavailable as error:
            told.append(str(error))

    threads = [threading.Thread(target=tell, args=(search.ask(), start)) for start in (1, 2)]
    for thread in threads:
        thread.start()
    while len(search._judging) < 2:
        time.sleep(0.01)
    time.sleep(0.2)
    search.close()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert told == ["the pool of referees is closing"] * 2
    with heuresis.Search(tiny, storage=url, workers=2) as search:
        assert search.best.value == 0.0
        assert [one.status for one in search.top(9)] == [heuresis.Status.SCORED] * 4


def test_why_there_was_no_question_is_not_said_when_there_is_one_again(url, tiny):
    settings = {"founders": 1, "islands": 1}
    with heuresis.Search(tiny, storage=url, workers=1, method_settings=settings) as search:
        search.finished = "the method has nothing left to try"
        assert search.ask() is not None
        assert search.finished == ""


def test_a_score_cannot_be_told(url, tiny):
    with heuresis.Search(tiny, storage=url, workers=1) as search, pytest.raises(TypeError):
        search.tell(search.ask(), line(1.0), value=0.0)


def test_mistakes_are_told(url, tiny, tmp_path):
    search = heuresis.Search(tiny, storage=url, workers=1)
    with pytest.raises(heuresis.ConfigError, match="campaign: expected a campaign that nobody is running"):
        heuresis.Search(tiny, storage=url, workers=1)
    with heuresis.Search(tiny, storage=f"sqlite:///{tmp_path / 'other.db'}", workers=1) as other:
        foreign = other.ask()
        with pytest.raises(heuresis.ConfigError, match="question: expected a question of this search"):
            search.tell(foreign, line(1.0))
    question = search.ask()
    with pytest.raises(heuresis.ConfigError, match="source: expected text"):
        search.tell(question, 3)
    search.tell(question, line(1.0))
    for act in (lambda: search.tell(question, line(1.0)), lambda: search.drop(question)):
        with pytest.raises(heuresis.ConfigError, match="question: expected one that is open, got number 4"):
            act()
    with pytest.raises(heuresis.ConfigError, match="question: expected what ask"):
        search.tell(line(1.0), line(1.0))
    with pytest.raises(heuresis.ConfigError, match="source: expected text"):
        search.add(3)
    with pytest.raises(heuresis.ConfigError, match="count: expected"):
        search.top(0)
    search.close()
    search.close()
    with pytest.raises(heuresis.ConfigError, match="search: expected one that is open"):
        search.ask()
    with pytest.raises(heuresis.ConfigError, match="model: expected a language model for method funsearch"):
        heuresis.Search(tiny, method="funsearch", storage=url)


def test_a_told_program_that_is_clearly_behind_is_stopped_unless_racing_is_off(url):
    noisy = f"{Path(__file__).parents[1] / 'fixtures' / 'noisy.py'}:Noisy"
    for racing in (True, False):
        name = f"racing {racing}"
        with heuresis.Search(noisy, method="sequential", name=name, storage=url, workers=1, racing=racing) as search:
            found = search.tell(search.ask(), line(3.0, 99.0))
            assert found.status is (heuresis.Status.STOPPED if racing else heuresis.Status.SCORED)
            assert found.reason.startswith("behind the incumbent ") is racing
            assert search.add(line(3.0, 98.0)).value is not None
