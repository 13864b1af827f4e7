"""Searches from Python."""

from __future__ import annotations

import inspect
import pydoc
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import heuresis
from heuresis.archive.check import check
from heuresis.archive.store import Store

PROBLEM = '''
import heuresis


class Near(heuresis.Problem):
    """Return a number close to 3 x + 1."""

    statement = "guess(x) returns a number."
    entry_points = ("guess(x: float) -> float",)
    seeds = {"zero": "def guess(x):\\n    return 0.0\\n"}
    objectives = (heuresis.Objective("error", "min"),)
    references = (heuresis.Reference("the line", 0.0, "by hand", True),)
    tier_sizes = {heuresis.Tier.TRAIN: 2, heuresis.Tier.VALID: 4, heuresis.Tier.TEST: 4, heuresis.Tier.SHIFT: 2}

    def generate(self, tier, index, rng):
        return float(rng.uniform(-1, 1))

    def run(self, program, instance, exam: heuresis.Exam):
        return heuresis.Result({"error": abs(float(program.guess(instance)) - (3 * instance + 1))})

'''


def test_a_search_ends_by_its_limit_and_says_so(done, tiny):
    assert (done.campaign, done.reason) == ("Tiny-genetic", "budget of 40 evaluations spent")
    assert done.evaluations == 40
    assert done.best.value is not None
    assert (done.usd, done.tokens) == (0.0, 0)


def test_the_same_call_runs_nothing_more_and_a_larger_limit_goes_on(url, tiny):
    first = heuresis.run(tiny, evaluations=10, storage=url, workers=1)
    again = heuresis.run(tiny, evaluations=10, storage=url, workers=1)
    assert again == first
    more = heuresis.run(tiny, evaluations=15, storage=url, workers=1)
    assert (more.evaluations, more.reason) == (15, "budget of 15 evaluations spent")
    with Store.open(url) as store:
        assert check(store) == []


def test_the_command_goes_on_with_a_campaign_that_python_began(url, tiny, python, tmp_path):
    heuresis.run(tiny, evaluations=6, storage=url, workers=1, method_settings={"founders": 12})
    words = ["-m", "heuresis", "run", tiny, "--evaluations", "9", "--method-set", "founders=12", "--storage", url]
    done = python(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        heuresis.run(tiny, evaluations=9, storage=url, workers=1, method_settings={"founders": "12"}).evaluations == 9
    )


def test_it_asks_a_model_of_the_callers_own(url, tiny):
    from heuresis.testing.scripted import ScriptedModel

    reply = "A line.\n\n```python\ndef guess(x):\n    return 3.0 * x + 1.0\n```\n"
    ran = heuresis.run(
        tiny, model=ScriptedModel([reply] * 8), method="random", max_calls=1, storage=url, workers=1, concurrency=1
    )
    assert ran.best.value == 0.0
    assert ran.best.operator != "seed"


def test_it_runs_in_a_thread_that_is_not_the_main_one(url, tiny):
    found: list[heuresis.Ran] = []
    thread = threading.Thread(target=lambda: found.append(heuresis.run(tiny, evaluations=4, storage=url, workers=1)))
    thread.start()
    thread.join(120)
    assert found[0].evaluations == 4


def test_a_problem_of_the_running_script_is_judged(python, tmp_path):
    (tmp_path / "mine.py").write_text(
        PROBLEM + "if __name__ == '__main__':\n    print(heuresis.run(Near, evaluations=4, workers=1).evaluations)\n"
    )
    done = python("mine.py", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("4\n", 0), done.stderr


@pytest.mark.parametrize("call", ["run(Near, evaluations=4)", "evaluate(Near, 'x')", "Search(Near)"])
def test_a_script_that_would_start_itself_again_is_told_what_to_write(python, tmp_path, call):
    (tmp_path / "mine.py").write_text(PROBLEM + f"heuresis.{call}\n")
    done = python("mine.py", cwd=tmp_path)
    assert done.returncode == 1
    assert 'a script that calls it under `if __name__ == "__main__":`' in done.stderr
    assert not list(tmp_path.glob("*.db")) or call.startswith(("run", "Search"))


def test_a_module_that_would_start_itself_again_is_told_too(python, tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    (tmp_path / "pack" / "mine.py").write_text(PROBLEM + "heuresis.run(Near, evaluations=4)\n")
    done = python("-m", "pack.mine", cwd=tmp_path)
    assert done.returncode == 1
    assert 'a script that calls it under `if __name__ == "__main__":`' in done.stderr


def test_a_class_that_no_other_process_finds_is_told(python, tmp_path):
    done = python("-c", PROBLEM + "heuresis.run(Near, evaluations=4)", cwd=tmp_path)
    assert "ConfigError: Near: expected a class or function of a file" in done.stderr


def test_ctrl_c_ends_it_cleanly_and_is_raised_after(url, tiny, tmp_path):
    script = tmp_path / "search.py"
    script.write_text(
        "import sys, heuresis\nclass Tell(heuresis.Hook):\n    def judged(self, found): print('judged', flush=True)\n"
        "try:\n    heuresis.run(sys.argv[1], minutes=5, storage=sys.argv[2], workers=1, hooks=[Tell()])\n"
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, str(script), tiny, url], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "judged\n"
    child.send_signal(signal.SIGINT)
    rest = child.communicate(timeout=60)[0].splitlines()
    assert rest[-1] == "interrupted"
    with Store.open(url) as store:
        assert check(store) == []
        assert store.totals("Tiny-genetic").evaluated >= 1
        assert store.campaign("Tiny-genetic").finished == ""
    assert heuresis.run(tiny, evaluations=30_000, minutes=0.001, storage=url, workers=1).reason


def test_help_tells_every_argument():
    text = pydoc.plain(pydoc.render_doc(heuresis.run))
    body = text.partition("\n\n")[2]
    for name in inspect.signature(heuresis.run).parameters:
        assert re.search(rf"\b{name}\b", body), name
    for name in inspect.signature(heuresis.evaluate).parameters:
        assert re.search(rf"\b{name}\b", inspect.getdoc(heuresis.evaluate)), name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"evaluations": 0}, "evaluations: expected a number above 0, got 0"),
        ({"minutes": -1.0}, "minutes: expected a number above 0, got -1"),
        ({"evaluations": "many"}, "evaluations: expected a whole number above 0, got many"),
        ({"evaluations": True}, "evaluations: expected a whole number above 0, got True"),
        ({"patience": 2.5}, "patience: expected a whole number above 0, got 2.5"),
        ({"minutes": "1"}, "minutes: expected a number, got 1"),
        ({"target": "good"}, "target: expected a number, got good"),
        ({"target": float("nan")}, "target: expected a number, got nan"),
        ({"workers": "x"}, "workers: expected a whole number from 1 to 1024, got x"),
        ({"seed": "x"}, "seed: expected a whole number, got x"),
        ({"concurrency": "x"}, "concurrency: expected a number from 1 to 1024, got x"),
        ({"call_seconds": "x"}, "call_seconds: expected seconds above 0, at most a day, got x"),
        ({"stream": "no"}, "stream: expected True or False, got no"),
        ({"unsafe_no_sandbox": "no"}, "unsafe_no_sandbox: expected True or False, got no"),
        ({"max_usd": 3.0}, "max_usd: expected a language model (model) beside it, got 3.0"),
        ({"api_base": "http://x"}, "api_base: expected a language model (model) beside it, got http://x"),
        ({"method": "genetik"}, "method: expected a method"),
        ({"settings": {"x": 1}}, "settings['x']: expected one of the known names (none), got x"),
        ({"settings": [1]}, "settings: expected a mapping from names to values, got [1]"),
        ({"method_settings": {"x": 1}}, "genetic.x: expected one of"),
        ({"workers": 0}, "workers: expected a whole number from 1 to 1024, got 0"),
        ({"model": 7}, "model: expected a name, or an object with the method complete, got 7"),
        ({"model": "openai/x", "method": "genetic"}, "model: expected no model with method genetic"),
        ({"storage": "nowhere"}, "storage: expected a URL such as sqlite:///heuresis.db, got nowhere"),
        ({"isolation": "paper"}, "isolation: expected"),
    ],
)
def test_a_mistake_names_the_argument(url, tiny, arguments, sentence):
    with pytest.raises(heuresis.ConfigError) as caught:
        heuresis.run(tiny, **{"storage": url, "workers": 1, **arguments})
    assert str(caught.value).startswith(sentence)
    assert "--" not in str(caught.value)


def test_a_changed_setting_names_the_argument_and_the_way_out(url, tiny):
    heuresis.run(tiny, evaluations=2, storage=url, workers=1)
    with pytest.raises(heuresis.ConfigError, match=r"seed: expected 0 as when it was started, got 3.*name=NAME"):
        heuresis.run(tiny, evaluations=2, seed=3, storage=url, workers=1)


def test_a_program_is_judged_from_text_file_or_program(tmp_path, tiny):
    text = "def guess(x):\n    return 3 * x + 1\n"
    (tmp_path / "mine.py").write_text(text)
    seen = [heuresis.evaluate(tiny, source) for source in (text, tmp_path / "mine.py", heuresis.Program.of(text))]
    assert [one.metrics["error"] for one in seen] == [0.0, 0.0, 0.0]
    assert seen[0].status is heuresis.Status.SCORED
    assert heuresis.evaluate(tiny, "def guess(:").status is heuresis.Status.REFUSED


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"tier": "test"}, "tier: expected valid or train, got test"),
        ({"source": 3}, "source: expected text, a pathlib.Path or a heuresis.Program, got 3"),
        ({"source": Path("/nowhere.py")}, "source: expected a file that can be read, got /nowhere.py"),
        ({"settings": {"x": 1}}, "settings['x']: expected"),
        ({"problem": int}, "problem: expected a name, or a class derived from heuresis.Problem"),
    ],
)
def test_a_mistake_in_an_evaluation_names_the_argument(tiny, arguments, sentence):
    with pytest.raises(heuresis.ConfigError) as caught:
        heuresis.evaluate(**{"problem": tiny, "source": "x = 1\n", **arguments})
    assert str(caught.value).startswith(sentence)


def test_the_name_of_a_file_is_no_program(tmp_path, tiny, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def guess(x):\n    return x\n")
    with pytest.raises(heuresis.ConfigError, match=r"A file is given as pathlib\.Path\('mine\.py'\)\.$"):
        heuresis.evaluate(tiny, "mine.py")


def test_every_public_name_is_used_in_a_test():
    texts = " ".join(path.read_text() for path in Path(__file__).parents[1].rglob("*.py"))
    for name in heuresis.__all__:
        assert re.search(rf"heuresis\.{name}\b|import [^\n]*\b{name}\b", texts), name


def test_importing_heuresis_and_its_light_names_loads_nothing_heavy(python, tmp_path):
    heavy = "{'numpy', 'sqlalchemy', 'litellm'}"
    loaded = "{name.split('.')[0] for name in sys.modules}"
    code = f"import sys, heuresis; heuresis.ConfigError; print(sorted({loaded} & {heavy}))"
    assert python("-c", code, cwd=tmp_path).stdout == "[]\n"
