"""An export holds the code that was judged, stays out of the way of others, and replaces nothing of a person's."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heuresis.agent import exporting
from heuresis.agent.exporting import replay
from heuresis.agent.exporting.typing_of import array_words
from heuresis.agent.judging import add_program
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.program import Program
from heuresis.sandbox import shim
from heuresis.sandbox.backends.base import ENVIRONMENT

spec = importlib.util.spec_from_file_location("exports", Path(__file__).with_name("exports.py"))
exports = importlib.util.module_from_spec(spec)
sys.modules["exports"] = exports
spec.loader.exec_module(exports)
EVALUATOR = "def evaluate(path):\n    return {'combined_score': 1.0}\n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return exports.campaign(tmp_path_factory.mktemp("tiny"), f"{exports.FIXTURES}/tiny.py:Tiny", 1)


@pytest.fixture(scope="module")
def adopted(tmp_path_factory):
    """The initial program of an adopted folder with a name that is hard to write down."""
    folder = tmp_path_factory.mktemp("adopted") / "goal\U0001f3af \x7f"
    folder.mkdir()
    (folder / "initial_program.py").write_text("def f(x):\n    return x\n")
    (folder / "evaluator.py").write_text(EVALUATOR + "# f\n")
    return exports.campaign(tmp_path_factory.mktemp("store"), f"adopted:{folder}", 1)


def exported(kept, folder, files=None, **options):
    """An export that was not judged again; with `files`, of another program in the place of the stored one."""
    made = kept.entry.proposal
    program = made.program if files is None else Program(files)
    entry = replace(kept.entry, proposal=replace(made, program=program))
    with Store.open(kept.url) as store:
        return exporting.export(store, kept.record, entry, folder, unverified=True, **options)


def python(text, *sources):
    """What a fresh interpreter prints that finds packages in these folders."""
    path = os.pathsep.join(str(source / "src") for source in sources)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_code_that_reads_otherwise_as_a_file_is_not_exported(tiny, tmp_path):
    files = {"program.py": "# coding: utf-7\ndef guess(x):\n    return 1.0 #+AAo-    or 2\n"}
    for options in ({}, {"single_file": True}):
        with pytest.raises(ConfigError, match="names another encoding than UTF-8"):
            exported(tiny, tmp_path / "out", files, **options)
    assert list(tmp_path.iterdir()) == []


def two_of_the_same_names(tiny, tmp_path):
    for number in (1, 2):
        main = "import helper\nfrom parts import first\nimport parts.second as second\n\n\ndef all_of_it():\n"
        files = {
            "program.py": main + "    from parts.third import C\n    return helper.A, first.B, second.late(), C\n"
            "\n\ndef guess(x):\n    return x * len(all_of_it())\n",
            "helper.py": f"A = {number}\n",
            "parts/__init__.py": "",
            "parts/first.py": f"from helper import A\nB = 10 * A + {number}\n",
            "parts/second.py": "from . import first\n\ndef late():\n    import helper\n    return helper.A, first.B\n",
            "parts/third.py": f"C = 'third {number}'\n",
        }
        with Store.open(tiny.url) as store:
            entry = add_program(store, tiny.record, Program(files), "of several files")
        exported(replace(tiny, entry=entry), tmp_path / f"out{number}", name=f"found-{number}")
    return tmp_path / "out1", tmp_path / "out2"


def test_two_exports_with_files_of_the_same_names_each_use_their_own(tiny, tmp_path):
    places = two_of_the_same_names(tiny, tmp_path)
    (tmp_path / "out1" / "src" / "helper.py").write_text("A = 'a stranger'\n")
    text = (
        "import helper, found_1, found_2\nprint(found_1.guess(2), found_2.guess(2), helper.A)\n"
        "print(found_1._program.all_of_it(), found_2._program.all_of_it())"
    )
    assert python(text, *places) == "8 8 a stranger\n(1, 11, (1, 11), 'third 1') (2, 22, (2, 22), 'third 2')"
    told = "import sys, found_1\nprint([n for n in sys.modules if n in ('helper', 'program', 'parts')], len(sys.path))"
    assert python(told, *places) == f"[] {python('import sys; print(len(sys.path))', *places)}"


@pytest.mark.parametrize("path", ["colorsys.py", "json/__init__.py"])
def test_a_file_that_hides_a_module_of_python_is_not_exported(tiny, tmp_path, path):
    with pytest.raises(ConfigError, match=f"hide no other module, got one with {path[:4]}"):
        exported(tiny, tmp_path / "out", {"program.py": "def guess(x):\n    return x\n", path: ""})


def test_any_folder_name_and_any_idea_can_be_written_down(adopted, tmp_path):
    made = replace(adopted.entry.proposal, idea="half \ud83d of a pair", model="m\ud83d")
    kept = replace(adopted, entry=replace(adopted.entry, proposal=made))
    exported(kept, tmp_path / "out")
    exported(kept, tmp_path / "rule.py", single_file=True)
    project = tomllib.loads((tmp_path / "out" / "pyproject.toml").read_text())["project"]
    assert "goal\U0001f3af \x7f" in project["description"]
    assert "half ? of a pair" in (tmp_path / "out" / "README.md").read_text()
    [card] = (tmp_path / "out").glob("src/*/card.json")
    assert json.loads(card.read_text())["problem"]["reference"] == "adopted:goal\U0001f3af \x7f"


def test_no_file_names_a_folder_of_this_machine(adopted, tiny, tmp_path):
    root = tmp_path.parents[1]
    for number, kept in enumerate((adopted, tiny)):
        exported(kept, tmp_path / f"out{number}")
        exported(kept, tmp_path / f"rule{number}.py", single_file=True)
    told = {str(Path.home()), str(Path.cwd()), str(root), str(exports.FIXTURES)} - {"/"}
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert not [one for one in told if one.encode() in path.read_bytes()], path


def test_an_adopted_program_has_no_held_out_tiers_to_tell_of(adopted, tmp_path):
    exported(adopted, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "never opened" not in readme
    assert "`test`" not in readme
    assert "`shift`" not in readme
    assert "| train |" not in readme
    assert "- `f(x) -> Any`" in readme


def test_a_seed_is_not_said_to_be_found_by_a_search(adopted, tiny, tmp_path):
    exported(adopted, tmp_path / "out")
    texts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.suffix in (".md", ".py", ".toml")]
    assert not [text for text in texts if "found by a search" in text or "made by a search" in text]
    assert "its seed initial, entered by a person" in texts[0] + "".join(texts)
    for operator, words in (
        ("add", "entered by a person"),
        ("told", "a search of somebody's own"),
        ("mutate", "found"),
    ):
        made = replace(tiny.entry.proposal, operator=operator)
        other = replace(tiny, entry=replace(tiny.entry, proposal=made))
        exported(other, tmp_path / f"{operator}.py", single_file=True)
        assert words in (tmp_path / f"{operator}.py").read_text().splitlines()[0]


def test_only_array_types_that_occur_are_explained(tiny, tmp_path):
    exported(tiny, tmp_path / "out")
    assert "NumPy array" not in (tmp_path / "out" / "README.md").read_text()
    assert array_words("float[n,3]") == "`float[n,3]` is a NumPy array of 64 bit floats with axes of lengths n, 3."
    assert array_words("int[N] = None").startswith("`int[N]` is a NumPy array of 64 bit integers with one axis")
    assert array_words("float") == array_words("list[int]") == ""


def test_force_replaces_what_was_exported_and_what_building_leaves(tiny, tmp_path):
    folder = tmp_path / "out"
    exported(tiny, folder)
    for path in (
        "build/lib/x.py",
        "src/a.egg-info/PKG-INFO",
        "tests/__pycache__/a.pyc",
        ".venv/bin/python",
        ".git/HEAD",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")
    with pytest.raises(ConfigError, match="Replace a former export with --force"):
        exported(tiny, folder)
    exported(tiny, folder, force=True)
    assert {path.name for path in folder.iterdir()} >= {".venv", ".git", "pyproject.toml", "exported.json"}
    assert (folder / ".venv" / "bin" / "python").exists()
    assert not (folder / "build").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("path", ["MY_NOTES.txt", "LICENSE", "README.md", "build/mine.txt", "src/link"])
def test_force_refuses_where_something_else_is_and_names_it(tiny, tmp_path, path):
    folder = tmp_path / "out"
    exported(tiny, folder)
    if path == "src/link":
        (folder / path).symlink_to(tmp_path)
    else:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("mine")
    with pytest.raises(ConfigError, match=rf"{path}\. Move it away first, or name another place"):
        exported(tiny, folder, force=True)
    assert (folder / path).is_symlink() or (folder / path).read_text() == "mine"


def test_force_does_not_replace_a_file_that_is_no_export(tiny, tmp_path):
    (tmp_path / "rule.py").write_text("# years of work\n")
    with pytest.raises(ConfigError, match=r"a former export, which is all that --force replaces.*name another place"):
        exported(tiny, tmp_path / "rule.py", single_file=True, force=True)
    assert (tmp_path / "rule.py").read_text() == "# years of work\n"


def test_the_replay_has_the_surroundings_of_the_jail():
    assert replay.ENVIRONMENT.items() <= ENVIRONMENT.items()
    unlike = {"LANG", "PYTHONDONTWRITEBYTECODE", "HOME", "TMPDIR", "PATH"}  # where things are, not what is computed
    assert ENVIRONMENT.keys() - replay.ENVIRONMENT.keys() == unlike


def test_the_replay_seeds_as_the_jail_does():
    before = random.getstate(), np.random.get_state()
    try:
        drawn = []
        for seeded in (shim._reseed, replay.seed_everything):
            seeded(2**40 + 7)
            drawn.append((random.random(), np.random.random()))
        assert drawn[0] == drawn[1]
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


@pytest.mark.parametrize("files", [{"program.py": "x = 'é'\n"}, {"b/ü.py": "", "program.py": "\r\n", "a.txt": "1"}])
def test_the_replay_computes_a_programs_id_as_we_do(files):
    assert replay.program_id({path: text.encode() for path, text in files.items()}) == Program(files).id
