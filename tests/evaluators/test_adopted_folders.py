"""Reading a folder: which layout, which files, which packages. Nothing of it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from heuresis.errors import ConfigError
from heuresis.evaluators.adopted.folder import MAX_CHARACTERS, read_folder
from heuresis.evaluators.adopted.problem import read_report
from heuresis.evaluators.player import ProgramFailed
from heuresis.evaluators.problem import Invalid

PROGRAM, EVALUATOR = "def f():\n    return 1.0\n", "def evaluate(path):\n    return {'a': 1.0}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "initial_program.py").write_text(PROGRAM)
    (tmp_path / "evaluator.py").write_text(EVALUATOR)
    return tmp_path


def refused(folder: Path, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_folder(str(folder))


def test_a_folder_of_no_layout_is_told_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    refused(tmp_path, r"initial_program.py beside evaluator.py .* initial.py beside evaluate.py .* there is: main.py")
    refused(tmp_path / "none", "There is no such folder")


def test_a_folder_of_both_layouts_is_refused(folder: Path) -> None:
    for name in ("initial.py", "evaluate.py"):
        (folder / name).touch()
    refused(folder, "got both")


def test_of_several_initial_programs_the_plain_name_is_meant(folder: Path) -> None:
    (folder / "initial_program_b.py").write_text(PROGRAM)
    assert read_folder(str(folder)).program == "initial_program.py"
    (folder / "initial_program.py").rename(folder / "initial_program_a.py")
    refused(folder, "one initial program, got initial_program_a.py, initial_program_b.py")


def test_text_is_staged_and_the_rest_is_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_text("secret")
    (folder / "link.txt").symlink_to(outside)
    (folder / "inner.txt").symlink_to(folder / "evaluator.py")
    (folder / "away").symlink_to(outside.parent)
    (folder / "data.npy").write_bytes(b"\x93NUMPY\0\xff")
    (folder / "large.txt").write_text("x" * (MAX_CHARACTERS + 1))
    for name in ("__pycache__", ".git", "results_1", "data"):
        (folder / name).mkdir()
        (folder / name / "one.txt").write_text("1")
    found = read_folder(str(folder))
    assert set(found.files) == {"initial_program.py", "evaluator.py", "inner.txt", "data/one.txt"}
    assert list(found.skipped) == [
        "data.npy (not UTF-8 text)", "large.txt (too large)", "link.txt (a link that leaves the folder)"
    ]  # fmt: skip


def test_packages_are_those_that_evaluator_and_program_reach(folder: Path) -> None:
    (folder / "evaluator.py").write_text(
        "import json, local\ntry:\n    import no_such_one\nexcept ImportError:\n    pass\nRUN = 'worker.py'\n"
        + EVALUATOR
    )
    (folder / "local.py").write_text("def late():\n    import scipy.optimize\n")
    (folder / "worker.py").write_text("import jinja2\n")
    (folder / "plot.py").write_text("import another_missing_one\n")  # nothing that is judged comes by here
    assert set(read_folder(str(folder)).packages) == {"numpy", "scipy", "jinja2"}


def test_a_package_that_is_missing_is_named_with_how_to_install_it(folder: Path) -> None:
    (folder / "initial_program.py").write_text("import no_such_package.part\n")
    refused(folder, "no_such_package, not installed.*pip install no_such_package")


def test_a_module_of_the_other_tool_that_has_no_stand_in_is_named(folder: Path) -> None:
    (folder / "evaluator.py").write_text("from openevolve.llm.ensemble import LLMEnsemble\n" + EVALUATOR)
    refused(folder, "evaluator.py imports openevolve.llm.ensemble")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("evaluator: [", "config.yaml: expected a file that can be read as YAML"),
        ("- 1", "expected keys with values"),
        ("evaluator: 3", "config.yaml, evaluator: expected keys with values"),
        ("evaluator: {timeout: soon}", "evaluator.timeout: expected a number"),
        ("evaluator: {timeout: 0}", "evaluator.timeout: expected seconds above 0"),
        ("evaluator: {timeout: 1.0e+9}", "evaluator.timeout: expected seconds above 0 and at most 1,000,000"),
        (f"evaluator: {{timeout: {'9' * 400}}}", r"evaluator.timeout: expected a number, got 9{57}\.\.\."),
        (f"evaluator: {{timeout: {'9' * 5000}}}", "config.yaml: expected a file that can be read as YAML"),
        (f"prompt: {{system_message: [{'x, ' * 90}]}}", r"system_message: expected text, got \[[x', ]{56}\.\.\.$"),
        ("seed: &a [1]\nother: *a\n", r"it uses an alias \(\*name\): write the value out"),
        ("# " + "x" * (1 << 18), "config.yaml: expected at most 262,144 characters"),
        ("evaluator: {cascade_evaluation: 7}", "expected true or false"),
        ("evaluator: {cascade_thresholds: 7}", "expected a list of numbers"),
        ("evaluator: !!python/object/apply:os.getcwd []", "expected a file that can be read as YAML"),
    ],
)
def test_a_broken_configuration_is_told_by_its_key(folder: Path, text: str, told: str) -> None:
    (folder / "config.yaml").write_text(text)
    refused(folder, told)


def test_what_the_configuration_says_beside_judging_is_listed_as_ignored(folder: Path) -> None:
    (folder / "config.yaml").write_text(
        "seed: 1\nevaluator: {timeout: 9, max_retries: 3}\nprompt: {system_message: Do it.}\n"
    )
    found = read_folder(str(folder))
    assert found.configuration.ignored == ("seed", "evaluator.max_retries")
    assert (found.configuration.timeout_seconds, found.message) == (9.0, "Do it.")


def test_a_configuration_of_aliases_within_aliases_costs_nothing(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    (folder / "config.yaml").write_text("\n".join([*lines, "prompt: {system_message: *a39}"]))
    refused(folder, "it uses an alias")


def test_a_configuration_beyond_a_link_that_leaves_the_folder_is_refused(folder: Path) -> None:
    outside = folder.parent / f"{folder.name}-secret.yaml"
    outside.write_text("prompt: {system_message: a secret}\n")
    (folder / "config.yaml").symlink_to(outside)
    refused(folder, r"a configuration that is a text file of the folder, got config.yaml \(a link that leaves")


def test_keys_without_effect_are_told_in_a_short_line(folder: Path) -> None:
    (folder / "config.yaml").write_text(f'"two\\nlines\\e[31m": 1\n{"k" * 100}: 2\n')
    assert read_folder(str(folder)).configuration.ignored == ("two lines [31m", "k" * 57 + "...")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"metrics": {f"m{n}": 1.0 for n in range(201)}}, "201 metrics and no combined_score; a mean is taken of 200"),
        ({"metrics": {"combined_score": 10**400}}, "combined_score is not a finite number"),
        ({"metrics": {"combined_score": "7"}}, "combined_score is not a finite number"),
        ({"metrics": {"combined_score": 1.0}, "wrong": ["no"]}, "something else where its words should be"),
        ({"metrics": {"combined_score": 1.0}, "text": {"a": 1}}, "something else where its words should be"),
        ({"metrics": {"combined_score": 1.0}, "wrong": "no"}, "incorrect: no"),
        ({"metrics": [1.0]}, "no mapping of metrics"),
    ],
)
def test_what_a_report_may_not_be_is_told(told: dict[str, object], why: str) -> None:
    with pytest.raises((Invalid, ProgramFailed), match=why):
        read_report(told)


def test_a_score_counts_wherever_it_stands_among_many_metrics() -> None:
    seen = read_report({"metrics": {**{f"m{n}": 5.0 for n in range(300)}, "combined_score": 2.0}})
    assert seen.metrics["combined_score"] == 2.0
    assert len(seen.metrics) == 201
    assert "metrics left out: 100" in seen.feedback


def test_a_mean_is_over_all_numbers_also_those_that_cannot_be_listed() -> None:
    seen = read_report({"metrics": {"a": 1.0, "two\nlines": 2.0, "x" * 101: 6.0}, "text": "words"})
    assert dict(seen.metrics) == {"a": 1.0, "combined_score": 3.0}
    assert seen.feedback.startswith("words\nmetrics left out: 2 (")
