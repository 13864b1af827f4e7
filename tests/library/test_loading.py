"""Found programs as functions."""

from __future__ import annotations

import copy
import gc
import inspect
import multiprocessing
import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pytest

import heuresis
from heuresis.evaluators.signature import EntryPoint
from heuresis.library.jail import Jail, JailObject
from heuresis.library.loading import Loaded
from heuresis.library.trusted import Module

ADD = EntryPoint.parse("add(a: float, b: float) -> float")
COUNTER = EntryPoint.parse("Counter(start: int) -> Counter")


def jailed(text: str, *entries: EntryPoint, limits: heuresis.Limits | None = None) -> Loaded:
    jail = Jail(heuresis.Program.of(text), entries, ("numpy",), limits or heuresis.Limits(), "auto", False)
    return Loaded("test", entries, jail, "A note.")


def test_a_loaded_program_answers_as_its_code_says(store):
    best = store.best()
    with best.load() as jailed_rule, best.load(trusted=True) as trusted_rule:
        assert jailed_rule(0.25) == trusted_rule(0.25) == jailed_rule.guess(x=0.25)
        points = [(0.0,), (0.5,), (1.0,)]
        assert jailed_rule.many(points) == trusted_rule.many(points) == [jailed_rule(*one) for one in points]


def test_it_has_the_signature_and_the_words_of_the_problem(store):
    with store.best().load() as rule:
        assert str(inspect.signature(rule)) == "(x: 'float') -> 'float'"
        assert inspect.getdoc(rule.guess).startswith("guess(x: float) -> float")
        assert "guess(x: float) -> float" in repr(rule)
        assert "guess" in dir(rule)


def test_what_a_program_raises_is_a_program_failed_and_the_next_call_works():
    with jailed("def add(a, b):\n    return a / b\n", ADD) as divide:
        with pytest.raises(heuresis.ProgramFailed, match="crashed: add raised ZeroDivisionError") as caught:
            divide(1.0, 0.0)
        assert caught.value.status is heuresis.Status.CRASHED
        assert divide(1.0, 2.0) == 0.5


def test_one_that_ends_its_process_gets_a_fresh_one():
    with jailed("import os\ndef add(a, b):\n    os._exit(3) if a < 0 else None\n    return a + b\n", ADD) as add:
        with pytest.raises(heuresis.ProgramFailed, match="crashed"):
            add(-1.0, 1.0)
        assert add(1.0, 1.0) == 2.0


def test_one_that_takes_too_long_times_out():
    add = jailed("def add(a, b):\n    while True: pass\n", ADD, limits=heuresis.Limits(wall_seconds=0.5))
    with add, pytest.raises(heuresis.ProgramFailed, match="timed_out"):
        add(1.0, 1.0)


def test_calls_may_use_more_seconds_in_all_than_one_process_has():
    text = "import time\ndef add(a, b):\n    time.sleep(a)\n    return b\n"
    with jailed(text, ADD, limits=heuresis.Limits(wall_seconds=1.0)) as add:
        assert [add(0.3, float(n)) for n in range(6)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_the_code_of_a_jailed_program_does_not_run_here(tmp_path):
    mark = tmp_path / "mark"
    add = jailed(f"open({str(mark)!r}, 'w')\ndef add(a, b):\n    return a\n", ADD)
    with add, pytest.raises(heuresis.ProgramFailed, match="could not be loaded") as caught:
        add(1.0, 2.0)
    assert isinstance(caught.value, heuresis.HeuresisError)
    assert not mark.exists()


def test_several_entry_points_are_attributes_and_none_is_the_program_itself():
    other = EntryPoint.parse("double(a: float) -> float")
    with jailed("def add(a, b):\n    return a + b\ndef double(a):\n    return 2 * a\n", ADD, other) as both:
        assert (both.add(1.0, 2.0), both.double(4.0)) == (3.0, 8.0)
        with pytest.raises(heuresis.ConfigError, match="program: expected the name of an entry point"):
            both(1.0)
        with pytest.raises(AttributeError, match="no entry point 'triple'; it has add, double"):
            _ = both.triple


def test_objects_stay_in_the_jail_and_keep_their_process_until_they_are_dropped():
    text = """class Counter:
    def __init__(self, n):
        self.n = n

    def up(self):
        self.n += 1
        return self.n
"""
    with jailed(text, COUNTER) as counter:
        one = counter(5)
        assert isinstance(one, JailObject)
        assert (one.up(), one.up()) == (6, 7)
        del one
        gc.collect()
        assert counter(0).up() == 1


def test_an_object_is_told_gone_when_its_process_has_ended():
    text = "import os\nclass Counter:\n    def __init__(self, n): pass\n    def up(self): os._exit(1)\n"
    with jailed(text, COUNTER) as counter:
        one = counter(5)
        with pytest.raises(heuresis.ProgramFailed):
            one.up()
        with pytest.raises(heuresis.ProgramFailed, match="the object is gone"):
            one.up()


def test_threads_take_turns():
    with jailed("def add(a, b):\n    return a + b\n", ADD) as add:
        sums: list[float] = []
        threads = [threading.Thread(target=lambda n=n: sums.append(add(float(n), 0.5))) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(sums) == [n + 0.5 for n in range(8)]


def test_no_process_is_left_when_the_program_is_dropped():
    add = jailed("def add(a, b):\n    return a + b\n", ADD)
    assert add(1.0, 2.0) == 3.0
    pid = add._home._process.worker.pids[0]
    assert Path(f"/proc/{pid}").exists()
    del add
    gc.collect()
    end = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_after_a_fork_the_program_must_be_loaded_again():
    with jailed("def add(a, b):\n    return a + b\n", ADD) as add:
        assert add(1.0, 2.0) == 3.0
        context = multiprocessing.get_context("fork")
        told = context.SimpleQueue()
        child = context.Process(target=lambda: told.put(_mistake(add)))
        child.start()
        child.join(30)
        assert told.get().startswith("load: expected a call in the process that loaded the program")
        assert add(1.0, 2.0) == 3.0


def _mistake(add: Loaded) -> str:
    try:
        return str(add(1.0, 2.0))
    except heuresis.ConfigError as error:
        return str(error)


def test_a_closed_program_says_so():
    add = jailed("def add(a, b):\n    return a + b\n", ADD)
    add.close()
    add.close()
    with pytest.raises(heuresis.ConfigError, match="load: expected a program that is open"):
        add(1.0, 2.0)


def test_arguments_in_bulk_are_tuples():
    with jailed("def add(a, b):\n    return a + b\n", ADD) as add:
        with pytest.raises(heuresis.ConfigError, match="arguments: expected a sequence of tuples"):
            add.many([1.0])
        assert add.many([]) == []


def test_the_files_of_a_trusted_program_find_each_other_and_nobody_else_finds_them():
    files = {
        "program.py": "import helper\ndef add(a, b):\n    import late\n    return helper.plus(a, b) + late.ZERO\n",
        "helper.py": "from parts.plus import plus\n",
        "late.py": "ZERO = 0\n",
        "parts/__init__.py": "",
        "parts/plus.py": "def plus(a, b):\n    return a + b\n",
    }
    add = Loaded("test", [ADD], Module(heuresis.Program(files), ["add"]), "A note.")
    other = Module(heuresis.Program({**files, "late.py": "ZERO = 100\n"}), ["add"])
    assert add(1, 2) == 3
    assert Loaded("test", [ADD], other, "A note.")(1, 2) == 103
    with pytest.raises(ImportError):
        import helper  # noqa: F401


def test_a_trusted_program_raises_what_it_raises():
    divide = Loaded("t", [ADD], Module(heuresis.Program.of("def add(a, b):\n    return a / b\n"), ["add"]), "")
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)


def test_a_trusted_program_that_cannot_be_imported_is_told():
    with pytest.raises(heuresis.ConfigError, match="program: expected one that can be imported, got NameError"):
        Module(heuresis.Program.of("nothing\n"), ["add"])
    with pytest.raises(heuresis.ConfigError, match="program: expected one that defines add"):
        Module(heuresis.Program.of("x = 1\n"), ["add"])


def test_what_cannot_be_copied_into_the_jail_names_the_argument():
    with jailed("def add(a, b):\n    return a + b\n", ADD) as add:
        for call in (lambda: add(1.0, object()), lambda: add(1.0, b=object()), lambda: add.many([(1.0, object())])):
            with pytest.raises(heuresis.ConfigError, match="b: expected what can be copied"):
                call()
        assert add(1.0, 2.0) == 3.0


def test_what_was_loaded_is_not_pickled_or_copied():
    with jailed("class Counter:\n    def __init__(self, n): pass\n", COUNTER) as counter:
        for one in (counter, counter.Counter, counter(1)):
            for act in (pickle.dumps, copy.copy):
                with pytest.raises(heuresis.ConfigError, match="load: expected a program that stays in the process"):
                    act(one)


def test_an_object_dropped_after_its_process_died_is_in_nobodys_way():
    with jailed("class Counter:\n    def __init__(self, n): pass\n    def one(self): return 1\n", COUNTER) as counter:
        dropped, kept = counter(1), counter(2)
        os.kill(counter._home._process.worker.pids[-1], signal.SIGKILL)
        del dropped
        gc.collect()
        assert counter(3).one() == 1
        with pytest.raises(heuresis.ProgramFailed, match="the object is gone"):
            kept.one()


def test_a_killed_jail_is_told_and_replaced():
    with jailed("def add(a, b):\n    return a + b\n", ADD) as add:
        assert add(1.0, 2.0) == 3.0
        for pid in add._home._process.worker.pids:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises((heuresis.ProgramFailed, heuresis.Unavailable)):
            add(1.0, 2.0)
        assert add(1.0, 2.0) == 3.0


def test_closing_after_a_fork_leaves_the_parents_process_alone():
    with jailed("def add(a, b):\n    return a + b\n", ADD) as add:
        session = add._home._process.session if add(1.0, 2.0) else None
        child = multiprocessing.get_context("fork").Process(target=add.close)
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert add(1.0, 2.0) == 3.0
        assert add._home._process.session is session


def test_a_program_that_nobody_closes_ends_in_silence(tmp_path, tiny, python, store):
    script = tmp_path / "take.py"
    script.write_text(
        "import heuresis, sys\nrule = heuresis.open(sys.argv[1]).best().load()\nprint(rule(0.5) is not None)\n"
        "try:\n    rule('a', None)\nexcept heuresis.ProgramFailed:\n    print('failed')\n"
    )
    done = python(str(script), f"sqlite:///{store._store.path}", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("True\nfailed\n", "", 0)


@pytest.mark.parametrize("flag", ["trusted", "unsafe_no_sandbox"])
def test_a_text_is_no_yes(store, flag):
    with pytest.raises(heuresis.ConfigError, match=f"{flag}: expected True or False, got no"):
        store.best().load(**{flag: "no"})
