"""An installed package that brings one of each kind, used by real commands and real referee processes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
SEARCH = ("run", "slope", "--method", "stroll", "--method-set", "nudge.width=0.5", "--workers", "1")


@pytest.fixture
def rows(heuresis: Run) -> Callable[..., list[dict[str, Any]]]:
    """The rows that a command lists."""

    def read(*words: str) -> list[dict[str, Any]]:
        done = heuresis(*words, "--format", "json")
        assert done.returncode == 0, done.stderr
        listed: list[dict[str, Any]] = json.loads(done.stdout)
        return listed

    return read


@pytest.mark.slow
def test_a_campaign_of_a_plugin_s_problem_method_and_operator_runs_goes_on_and_is_verified(
    heuresis: Run, rows: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    first = heuresis(*SEARCH, "--evaluations", "12", "--hook", "tell")
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "told.txt").read_text() == "12 verdicts"
    again = heuresis(*SEARCH, "--evaluations", "20")
    assert "slope-stroll" in again.stdout
    assert "20 evaluations" in again.stdout
    top = rows("top", "-n", "100")
    assert {row["operator"] for row in top} == {"seed", "nudge"}
    assert 15 <= len(top) <= 18  # 20, without the pilot's two evaluations and what was measured again
    best = top[0]["id"]
    for words in (("verify", best), ("test", best), ("replay", "slope-stroll", "--new", "again", "--rejudge")):
        done = heuresis(*words)
        assert done.returncode == 0, done.stderr
    other = heuresis(*SEARCH[:-4], "--method-set", "nudge.width=0.6", "--evaluations", "30")
    assert other.returncode == 2
    assert "'nudge.width': '0.5'" in other.stderr


def test_lists_name_the_package_and_say_why_a_broken_plugin_cannot_be_used(
    rows: Callable[..., list[dict[str, Any]]],
) -> None:
    problems = {row["name"]: row for row in rows("problems")}
    assert (problems["slope"]["origin"], problems["slope"]["trouble"]) == ("heuresis-garden 1.2", "")
    assert problems["online_bin_packing"]["origin"] == ""
    assert "RuntimeError: the roots are dry, line 3 of" in problems["wilted"]["trouble"]
    methods = {row["name"]: row for row in rows("methods")}
    assert (methods["stroll"]["settings"], methods["stroll"]["origin"]) == ({"steps": 1000}, "heuresis-garden 1.2")
    assert "a dataclass" in methods["weed"]["trouble"]
    assert methods["genetic"]["origin"] == ""


def test_every_plugin_is_listed_with_its_kind_package_and_state(rows: Callable[..., list[dict[str, Any]]]) -> None:
    seen = {(row["kind"], row["name"]): row for row in rows("plugins")}
    assert {row["distribution"] for row in seen.values()} == {"heuresis-garden"}
    assert {row["version"] for row in seen.values()} == {"1.2"}
    broken = {key for key, row in seen.items() if row["trouble"]}
    assert broken == {("problems", "wilted"), ("problems", "online_bin_packing"), ("methods", "weed")}
    assert {kind for kind, _ in seen} == {"problems", "methods", "operators", "models", "sandboxes", "hooks"}


def test_a_plugin_never_replaces_a_name_of_ours(heuresis: Run) -> None:
    done = heuresis("problems", "online_bin_packing")
    assert "priority(item" in done.stdout
    assert "online_bin_packing: the name is one of ours" in heuresis("plugins").stdout


def test_a_broken_plugin_that_is_used_is_the_users_to_mend_and_named(heuresis: Run, tmp_path: Path) -> None:
    done = heuresis("run", "wilted")
    assert done.returncode == 2
    assert "the roots are dry" in done.stderr
    assert "the plugin 'wilted' of heuresis-garden 1.2" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert "Did you mean slope?" in heuresis("run", "slop").stderr


@pytest.mark.slow
@pytest.mark.parametrize("model", ["garden/shed", "shed.py:gardener"])
def test_a_model_of_a_plugin_answers(heuresis: Run, garden: Path, tmp_path: Path, model: str) -> None:
    shutil.copy(garden / "garden.py", tmp_path / "shed.py")
    done = heuresis("run", "slope", "--method", "random", "--model", model, "--max-calls", "2", "--workers", "1")
    assert done.returncode == 0, done.stderr
    calls = json.loads(heuresis("calls", "--format", "json").stdout)
    assert {call["model"] for call in calls} == {f"{tmp_path}/{model}" if ".py" in model else model}
    best = json.loads(heuresis("top", "--format", "json").stdout)[0]["id"]
    assert "return 2.0 * x + 0.25" in heuresis("show", best, "--code").stdout


MODELS = """
class Named:
    name = "named"
    def complete(self, ask, seconds): ...

class Nameless:
    def complete(self, ask, seconds): ...

class Silent: ...

class Demands(Named):
    def __init__(self, address): ...

def made(): return Named()
def answer(messages): return "text"
def empty(): return 3
ready = Named()
number = 3
"""
KINDS = {
    "Named": "Named", "made": "Named", "ready": "Named", "answer": "CallableModel",
    "Nameless": "a model with a name", "Silent": "makes a Silent", "Demands": "TypeError", "empty": "makes a int",
    "number": "is a int", "nothing": "there: Demands",
}  # fmt: skip
LOAD = """
import sys
from heuresis.agent.models.catalog import load_model
from heuresis.errors import ConfigError
for name in sys.argv[1:]:
    try:
        print(type(load_model(f"models.py:{name}")).__name__)
    except ConfigError as error:
        print(error)
"""


def test_a_model_is_a_function_an_object_or_what_makes_one(tmp_path: Path, run_python: Run) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    said = run_python("-c", LOAD, *KINDS, cwd=tmp_path).stdout.splitlines()
    assert len(said) == len(KINDS)
    for line, words in zip(said, KINDS.values(), strict=True):
        assert words in line


@pytest.mark.root
def test_a_jail_of_a_plugin_is_used_where_it_is_named_and_holds(heuresis: Run, tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text("def guess(x):\n    return 2.0 * x\n")
    judged = {}
    for jail in ("auto", "hedge", "garden:Hedge"):
        done = heuresis("evaluate", "slope", "rule.py", "--isolation", jail, "--format", "json")
        assert done.returncode == 0, done.stderr
        judged[jail] = json.loads(done.stdout)
    assert judged["auto"]["isolation"].startswith("namespaces")
    assert all(judged[jail]["isolation"].startswith("hedge") for jail in ("hedge", "garden:Hedge"))
    assert judged["auto"]["metrics"] == judged["hedge"]["metrics"] == {"error": 0.0}


@pytest.mark.slow
def test_a_jail_that_is_none_is_refused_by_its_probe(heuresis: Run, tmp_path: Path) -> None:
    done = heuresis("run", "slope", "--isolation", "gap", "--evaluations", "3")
    assert done.returncode == 3
    assert "the jail gap does not hold on this machine: a probing program" in done.stderr
    looked = {row["what"]: row for row in json.loads(heuresis("doctor", "--format", "json").stdout)}
    assert looked["jail gap"]["verdict"] == "warn"
    assert looked["plugins"]["verdict"] == "warn"


JAILS = """
from heuresis.sandbox.backends.namespaces import Namespaces

class Open(Namespaces):
    name, jailed = "open", False

class Borrowed(Namespaces): ...

class Falls(Namespaces):
    name = "falls"
    def configure(self, runtime):
        raise OSError("no such machine")

class Demands(Falls):
    def __init__(self, address): ...

class Lacks(Namespaces):
    name = "lacks"
    def missing(self):
        return "this machine has no moat"

class Half:
    def configure(self, runtime): ...
"""


NO_JAILS = [
    ("jails.py:Open", 2, "Open.jailed: expected True, got False"),
    ("jails.py:Borrowed", 2, "Borrowed.name: expected a name of its own"),
    ("jails.py:Falls", 3, "OSError: no such machine, line 12"),
    ("jails.py:Demands", 2, "built without arguments"),
    ("jails.py:Lacks", 3, "this machine has no moat"),
    ("jails.py:Half", 2, "a class with `missing`, `configure`, `launch`"),
    ("garden:gardener", 2, "a class with `missing`, `configure`, `launch`"),
    ("hegde", 2, "Did you mean hedge?"),
    ("none", 3, "has to be allowed"),
    ("hedge --unsafe-no-sandbox", 2, "no --unsafe-no-sandbox beside a jail that is named"),
]
EACH = """
import sys
from heuresis.cli.app import main
for jail in sys.argv[1:]:
    code = main(["evaluate", "slope", "rule.py", "--isolation", *jail.split()])
    print(int(code), file=sys.stderr)
"""


@pytest.mark.slow
def test_a_jail_that_cannot_be_had_is_told_in_words(garden: Path, run_python: Run, tmp_path: Path) -> None:
    (tmp_path / "jails.py").write_text(JAILS)
    (tmp_path / "rule.py").write_text("def guess(x):\n    return 2.0 * x\n")
    done = run_python("-c", EACH, *(jail for jail, _, _ in NO_JAILS), cwd=tmp_path, path=garden)
    said = done.stderr.splitlines()
    assert len(said) == 2 * len(NO_JAILS), done.stderr
    for (jail, code, words), line, ended in zip(NO_JAILS, said[::2], said[1::2], strict=True):
        assert words in line, jail
        assert ended == str(code), jail
