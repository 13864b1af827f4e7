"""Hooks see what happens and break nothing."""

from __future__ import annotations

import logging
import threading

import pytest

import heuresis
from heuresis.archive.check import check
from heuresis.archive.store import Store
from heuresis.library.hooks import Dispatch, Running, load_hook

HOOK = """
import heuresis

class Count(heuresis.Hook):
    def judged(self, found):
        with open("seen.txt", "a") as file:
            file.write(found.status.value + "\\n")
"""


class Seen(heuresis.Hook):
    """Keeps all it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.found: list[heuresis.Found] = []
        self.threads: set[str] = set()

    def started(self, running):
        self.calls.append("started")
        self.running = running

    def judged(self, found):
        self.calls.append("judged")
        self.found.append(found)
        self.threads.add(threading.current_thread().name)

    def progressed(self, progress):
        self.calls.append("progressed")

    def ended(self, ran):
        self.calls.append("ended")
        self.ran = ran


def search(tiny: str, url: str, *hooks: heuresis.Hook, **more: object) -> heuresis.Ran:
    return heuresis.run(tiny, storage=url, hooks=hooks, workers=1, **{"evaluations": 12, **more})


def test_a_hook_is_told_of_every_verdict_in_commit_order(tiny, url):
    seen = Seen()
    ran = search(tiny, url, seen)
    assert seen.calls[0] == "started"
    assert seen.calls[-1] == "ended"
    assert "progressed" in seen.calls
    assert seen.ran == ran
    assert seen.running == Running("Tiny-genetic", tiny, "genetic", threading.Event())
    with heuresis.open(url) as store:
        assert seen.found == list(store.entries())
    assert seen.threads == {"heuresis-hooks"}


def test_a_hook_is_told_what_a_campaign_that_goes_on_has_found_already(tiny, url):
    first, second, third = Seen(), Seen(), Seen()
    before = search(tiny, url, first)
    search(tiny, url, second, evaluations=16)
    assert first.running.best is None
    assert second.running.best == before.best
    search(tiny, url, third, evaluations=16)  # nothing is left to run
    assert third.calls == []


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_hook_that_raises_is_told_once_and_ends_nothing(tiny, url, caplog, kind):
    class Bad(heuresis.Hook):
        def judged(self, found):
            raise kind("no")

    seen = Seen()
    with caplog.at_level(logging.WARNING, "heuresis"):
        ran = search(tiny, url, Bad(), seen)
    assert ran.reason == "budget of 12 evaluations spent"
    assert len(seen.found) >= 12
    assert [row.message for row in caplog.records if "Bad.judged" in row.message] == [caplog.records[0].message]
    with Store.open(url) as store:
        events = [one for one in store.events(ran.campaign) if one.kind == "hook"]
        assert [(one.payload["hook"], one.payload["method"]) for one in events] == [("Bad", "judged")]
        assert check(store) == []


def test_a_hook_that_hangs_is_not_waited_for(tiny, url, caplog):
    release = threading.Event()

    class Hangs(heuresis.Hook):
        def judged(self, found):
            release.wait(60)

    with Store.open(url) as store, caplog.at_level(logging.WARNING, "heuresis"):
        ran = search(tiny, url)
        dispatch = Dispatch([Hangs()], store, grace_seconds=0.05)
        dispatch.committed(list(store.entries(ran.campaign)))
        dispatch.end(ran.campaign, ran)
        assert "hooks were still at work" in caplog.text
        assert [one.payload["error"] for one in store.events(ran.campaign) if one.kind == "hook"] == [
            "hooks were still at work 0.05 s after the end and are not waited for"
        ]
    release.set()


def test_a_slow_hook_misses_moments_and_no_verdict(tiny, url):
    gate = threading.Event()

    class Slow(Seen):
        def started(self, running):
            super().started(running)
            gate.wait(30)

    slow = Slow()
    with Store.open(url) as store:
        ran = search(tiny, url)
        progress = _moments(ran)
        dispatch = Dispatch([slow], store)
        dispatch.started(Running("c", "p", "m", threading.Event()))
        entries = list(store.entries(ran.campaign))
        for entry in entries:
            dispatch.committed([entry])
            dispatch.progressed(progress)
        gate.set()
        dispatch.end(ran.campaign, ran)
    assert len(slow.found) == len(entries)
    assert slow.calls.count("progressed") == 1


def test_what_waits_for_a_hook_that_hangs_takes_no_room(tiny, url):
    gate = threading.Event()

    class Hangs(Seen):
        def judged(self, found):
            gate.wait(30)
            super().judged(found)

    hangs = Hangs()
    with Store.open(url) as store:
        ran = search(tiny, url)
        entries = list(store.entries(ran.campaign))
        dispatch = Dispatch([hangs], store)
        for entry in entries:
            dispatch.committed([entry])
        assert dispatch._calls.qsize() <= 2
        gate.set()
        dispatch.end(ran.campaign, ran)
    assert [one.sequence for one in hangs.found] == [one.sequence for one in entries]


def test_an_error_that_cannot_be_put_into_words_silences_no_other_hook(tiny, url, caplog):
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    class Bad(heuresis.Hook):
        def judged(self, found):
            raise Mute

    seen = Seen()
    with caplog.at_level(logging.WARNING, "heuresis"):
        search(tiny, url, Bad(), seen)
    assert seen.calls[-1] == "ended"
    assert "hook Bad.judged raised; the search goes on. Mute, line" in caplog.text


def _moments(ran):
    from heuresis.agent.progress import Progress

    return Progress(ran.evaluations, 1, 0, None, "", {}, 0.0, 0.0, None)


def test_a_hook_can_ask_for_the_end_and_the_search_goes_on_later(tiny, url):
    class Enough(heuresis.Hook):
        def started(self, running):
            self.running = running

        def judged(self, found):
            self.running.stop()

    stopped = search(tiny, url, Enough(), evaluations=10_000)
    assert stopped.reason == ""
    assert stopped.evaluations < 10_000
    ran = search(tiny, url, evaluations=stopped.evaluations + 5)
    assert ran.evaluations == stopped.evaluations + 5


def test_what_a_hook_gets_cannot_be_changed(tiny, url):
    refused: list[type[Exception]] = []

    class Meddles(heuresis.Hook):
        def judged(self, found):
            for change in (lambda: setattr(found, "value", 0.0), lambda: found.metrics.update(error=0.0)):
                try:
                    change()
                except (AttributeError, TypeError) as error:
                    refused.append(type(error))

    search(tiny, url, Meddles())
    assert len(refused) >= 24


def test_the_command_takes_hooks_by_name(tiny, python, tmp_path):
    (tmp_path / "mine.py").write_text(HOOK)
    words = ["-m", "heuresis", "run", tiny, "--evaluations", "4", "--workers", "1", "--hook", "mine.py:Count"]
    done = python(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "seen.txt").read_text().splitlines()) >= 4


@pytest.mark.parametrize(
    ("hooks", "sentence"),
    [
        (Seen(), "hooks: expected a list of hooks, got one hook"),
        ([Seen], "hooks: expected objects of classes derived from heuresis.Hook"),
        ([print], "hooks: expected objects of classes derived from heuresis.Hook"),
    ],
)
def test_what_is_no_hook_is_told(tiny, url, hooks, sentence):
    with pytest.raises(heuresis.ConfigError) as caught:
        heuresis.run(tiny, hooks=hooks, storage=url)
    assert str(caught.value).startswith(sentence)


def test_a_named_hook_that_is_none_is_told():
    with pytest.raises(heuresis.ConfigError, match=r"--hook: expected a class derived from heuresis\.Hook"):
        load_hook("json:dumps")


def test_a_named_hook_that_needs_arguments_says_so(tmp_path):
    (tmp_path / "needy.py").write_text(
        "import heuresis\nclass Needs(heuresis.Hook):\n"
        "    def __init__(self, to):\n        self.to = to\nmine = Needs(1)\n"
    )
    with pytest.raises(heuresis.ConfigError) as caught:
        load_hook(f"{tmp_path}/needy.py:Needs")
    assert str(caught.value) == (
        "--hook: expected a hook that can be made without arguments, got Needs, which needs some. "
        "Make an object of Needs in its file and name that object."
    )
    assert load_hook(f"{tmp_path}/needy.py:mine").to == 1
