"""What a name stands for: ours, then a plugin's, then a module's, then a file's; everything else is told in words."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from heuresis.errors import ConfigError
from heuresis.evaluators.problem import Problem
from heuresis.plugins import GROUPS, absolute, found, load_reference, reference_of, resolve

Run = Callable[..., subprocess.CompletedProcess[str]]
SHIPPED = {"path": "pathlib:Path", "chain": "collections:ChainMap"}


def name(text: str) -> object:
    return resolve("thing", "problems", text, SHIPPED, "a thing")


def test_a_shipped_name_a_module_and_a_file_lead_to_their_object(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Mine:\n    class Inner: ...\n")
    assert name("path") is Path
    assert name("pathlib:Path") is Path
    mine = name(f"{tmp_path}/mine.py:Mine")
    assert isinstance(mine, type)
    assert name(f"{tmp_path}/mine.py:Mine.Inner") is mine.Inner
    assert name(f"{tmp_path}/../{tmp_path.name}/mine.py:Mine") is mine


MISTAKES = [
    ("pth", "thing: expected a thing: one of chain, path, .*, got pth. Did you mean path?"),
    ("pathlib:", "expected a thing as package.module:Name"),
    (":Path", "expected a thing as package.module:Name"),
    ("pathlib:Pth", "that pathlib defines .*got Pth. Did you mean"),
    ("no_such_module:Name", "ModuleNotFoundError: No module named 'no_such_module'"),
    ("none.py:Name", "There is no such file"),
    ("syntax.py:Name", "'\\(' was never closed, line 2 of .*syntax.py"),
    ("raises.py:Name", "ValueError: two lines, line 4 of .*raises.py"),
    ("leaves.py:Name", "SystemExit: 3, line 2 of .*leaves.py"),
    ("empty.py:Name", "\\(there: none\\), got Name"),
    ("helped.py:Name", "No module named 'no_such_helper', line 1 of .*helped.py"),
]
FILES = {
    "syntax.py": "\nx = (\n",
    "raises.py": "def fail():\n\n    # far down\n    raise ValueError('two\\nlines')\n\nfail()\n",
    "leaves.py": "import sys\nsys.exit(3)\n",
    "empty.py": "import json\n",
    "helped.py": "import no_such_helper\n",
}


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_name_that_leads_nowhere_is_told_with_its_cause(tmp_path: Path, text: str, words: str) -> None:
    for file, content in FILES.items():
        (tmp_path / file).write_text(content)
    with pytest.raises(ConfigError, match=words) as told:
        name(f"{tmp_path}/{text}" if ".py" in text else text)
    assert "Traceback" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_failed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mended.py"
    file.write_text("raise ValueError('not yet')\n")
    with pytest.raises(ConfigError, match="not yet"):
        name(f"{file}:Mine")
    file.write_text("class Mine: ...  # another length\n")
    assert isinstance(name(f"{file}:Mine"), type)


def test_every_kind_has_a_group_and_an_unplugged_machine_has_no_plugin_of_ours() -> None:
    assert set(GROUPS.values()) == {f"heuresis.{kind}" for kind in GROUPS}
    assert all(plugin.distribution != "heuresis" for kind in GROUPS for plugin in found(kind).values())


def test_a_class_is_named_so_that_it_is_found_again() -> None:
    assert reference_of(Problem) == "heuresis.evaluators.problem:Problem"
    assert reference_of(resolve) == "heuresis.plugins:resolve"
    for kind in (Problem, Path, textwrap.TextWrapper, reference_of):
        assert load_reference("thing", reference_of(kind), "a thing") is kind


def test_a_class_of_a_file_is_named_by_the_path_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("class Own: ...\n")
    own = name(f"{file}:Own")
    assert isinstance(own, type)
    assert reference_of(own) == f"{file}:Own"


def test_a_local_class_has_no_name_for_others() -> None:
    class Local: ...

    with pytest.raises(ConfigError, match=r"Local: expected a class or function at the top of a module.*to a file"):
        reference_of(Local)
    with pytest.raises(ConfigError, match="Write it to a file"):
        reference_of(lambda: None)  # type: ignore[arg-type]


def test_only_the_paths_of_files_are_made_absolute() -> None:
    assert absolute("mine.py:Mine") == f"{Path.cwd()}/mine.py:Mine"
    assert [absolute(text) for text in ("genetic", "a.b:C", "garden/shed", "")] == [
        "genetic",
        "a.b:C",
        "garden/shed",
        "",
    ]


SCRIPT = """
import sys
from beside import Near
from heuresis.plugins import load_reference, reference_of

class Mine: ...

print("run")
for kind in (Mine, Near):
    print(reference_of(kind), load_reference("thing", reference_of(kind), "a thing") is kind)
"""


def test_a_script_names_its_own_classes_by_its_file_and_is_not_run_twice(tmp_path: Path, run_python: Run) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "script.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "beside.py").write_text("class Near: ...\n")
    done = run_python("scripts/script.py", cwd=tmp_path, path=tmp_path / "scripts")
    lines = done.stdout.splitlines()
    assert lines == ["run", *(f"{tmp_path}/scripts/{one} True" for one in ("script.py:Mine", "beside.py:Near"))]


def test_a_module_that_runs_names_its_classes_by_itself_and_is_not_run_twice(tmp_path: Path, run_python: Run) -> None:
    (tmp_path / "mod.py").write_text(SCRIPT)
    (tmp_path / "beside.py").write_text("class Near: ...\n")
    done = run_python("-m", "mod", cwd=tmp_path, path=tmp_path)
    assert done.stdout.splitlines() == ["run", "mod:Mine True", f"{tmp_path}/beside.py:Near True"]


UNGUARDED = """
from heuresis.agent import judging
from heuresis.plugins import reference_of
from heuresis.program import Program
from garden import Slope

class Mine(Slope): ...

with open("runs.txt", "a") as file:
    file.write("x")
if {guard}:
    seen = judging.evaluate(reference_of(Mine), Program.of("def guess(x): return 2.0 * x"))
    print(seen.status, dict(seen.metrics))
"""


def test_a_script_that_evaluates_its_own_problem_is_imported_by_the_referee(
    tmp_path: Path, run_python: Run, garden: Path
) -> None:
    (tmp_path / "script.py").write_text(UNGUARDED.format(guard="__name__ == '__main__'"))
    done = run_python("script.py", cwd=tmp_path, path=garden)
    assert done.stdout == "scored {'error': 0.0}\n", done.stderr
    assert (tmp_path / "runs.txt").read_text() == "xx"


def test_a_script_without_a_guard_is_told_and_started_no_more_than_twice(
    tmp_path: Path, run_python: Run, garden: Path
) -> None:
    (tmp_path / "script.py").write_text(UNGUARDED.format(guard="True"))
    done = run_python("script.py", cwd=tmp_path, path=garden)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("heuresis.errors.ConfigError: a search: expected a script that calls it under `if __name__")
    assert last.count("expected") == 1
    assert (tmp_path / "runs.txt").read_text() == "xx"


def test_a_prompt_s_class_has_no_name_for_others(tmp_path: Path, run_python: Run) -> None:
    code = "from heuresis.plugins import reference_of\nclass Mine: ...\nreference_of(Mine)"
    done = run_python("-c", code, cwd=tmp_path)
    assert "write it to a file" in done.stderr


def test_the_current_folder_is_looked_at_last(tmp_path: Path, run_python: Run) -> None:
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "local.py").write_text("class Mine: ...\n")
    code = (
        "from heuresis.plugins import load_reference as load;"
        "print(load('x', 'local:Mine', 'x').__module__, load('x', 'colorsys:rgb_to_hsv', 'x').__name__)"
    )
    done = run_python("-c", code, cwd=tmp_path)
    assert done.stdout == "local rgb_to_hsv\n", done.stderr
    assert str(tmp_path) not in sys.path
