"""What was found can be taken home: a package that needs nothing of ours, proves itself, and tells no secret."""

from __future__ import annotations

import ast
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from heuresis.agent import exporting
from heuresis.agent.exporting import replay
from heuresis.agent.judging import add_program, open_held_out
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.nouns import Score, Status, Tier
from heuresis.program import Program

spec = importlib.util.spec_from_file_location("exports", Path(__file__).with_name("exports.py"))
exports = importlib.util.module_from_spec(spec)
sys.modules["exports"] = exports
spec.loader.exec_module(exports)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return exports.campaign(tmp_path_factory.mktemp("everything"), f"{exports.FIXTURES}/everything.py:Everything", 1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return exports.campaign(tmp_path_factory.mktemp("tiny"), f"{exports.FIXTURES}/tiny.py:Tiny", 20)


@pytest.fixture(scope="module")
def package(everything, tmp_path_factory):
    folder = tmp_path_factory.mktemp("package") / "out"
    exported(everything, folder, name="every.thing")
    return folder


def exported(kept, folder, **options):
    with Store.open(kept.url) as store:
        return exporting.export(store, kept.record, kept.entry, folder, **options)


def card(folder):
    [path] = folder.glob("src/*/card.json")
    return json.loads(path.read_text())


def test_callables_seeds_objects_and_classes_are_replayed_without_heuresis(package, tmp_path):
    done = exports.run_own_tests(package, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "equal to the last bit" in done.stdout
    assert card(package)["check"]["recorded_calls"] == card(package)["check"]["calls"] > 40


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("best = x", "best = x + 1e-9"),
        ("f(x) < f(best)", "f(best) > f(x)"),
        ("range(budget)", "range(budget + 1)"),
        pytest.param("range(budget)", "range(budget - 1)", marks=pytest.mark.slow),
        pytest.param("random.random()", "random.uniform(0, 2)", marks=pytest.mark.slow),
        pytest.param("self.total + x", "self.total - x", marks=pytest.mark.slow),
        ('"bytes": b"abc"', '"bytes": "abc"'),
        ("list(", "tuple("),
    ],
)
def test_a_changed_answer_or_a_changed_question_is_found(package, tmp_path, old, new):
    copy = copied(package, tmp_path)
    [program] = copy.glob("src/*/program.py")
    assert old in program.read_text()
    program.write_text(program.read_text().replace(old, new, 1))
    done = exports.run_own_tests(copy, tmp_path)
    assert "FAILED" in done.stdout or done.returncode == 1
    assert "no longer answers as it did" in done.stdout
    assert "test_the_code_is_the_code_that_was_scored" in done.stdout


@pytest.mark.slow
def test_on_another_platform_numbers_may_differ_a_little_and_the_test_says_so(package, tmp_path):
    copy = copied(package, tmp_path)
    [place] = copy.glob("src/*/card.json")
    place.write_text(place.read_text().replace('"machine": "', '"machine": "not-'))
    [program] = copy.glob("src/*/program.py")
    program.write_text(program.read_text().replace("self.total + x", "(self.total + x) * (1 + 1e-9)"))
    done = exports.run_own_tests(copy, tmp_path)
    assert "since this is another platform: machine is" in done.stdout
    assert "no longer answers" not in done.stdout


def copied(package, tmp_path):
    return Path(shutil.copytree(package, tmp_path / "copy"))


def test_the_entry_points_are_typed_and_documented(package, tmp_path):
    text = (package / "src" / "every_thing" / "__init__.py").read_text()
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert ast.unparse(functions["minimize"].args) == "f: Any, n: int, rng: Any, budget: int=20"
    assert ast.unparse(functions["minimize"].returns) == "NDArray[np.float64]"
    assert all(ast.get_docstring(node) for node in functions.values())
    assert "Learner: type[Any]" in text
    user = tmp_path / "user.py"
    user.write_text("from every_thing import Learner, minimize\n\nLearner(0.5)\nanswer: str = minimize(1, 2, 3)\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(user)],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(package / "src")}, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    [wrong] = [line for line in done.stdout.splitlines() if "error:" in line]
    assert wrong.startswith("user.py:4: error: Incompatible types in assignment")
    assert 'expression has type "ndarray' in wrong


def test_nothing_secret_and_no_folder_of_this_machine_is_in_a_package(package, everything):
    secret = everything.record.secret
    for path in package.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        assert secret not in data
        assert secret.hex().encode() not in data
        assert str(exports.FIXTURES).encode() not in data
    assert card(package)["problem"]["reference"] == "everything.py:Everything"


def test_held_out_tiers_are_neither_replayed_nor_told_before_they_were_opened(package):
    with gzip.open(package / "tests" / "calls.json.gz", "rt") as file:
        tiers = {json.loads(line)["block"]["tier"] for line in file if line.startswith('{"block"')}
    assert tiers == {"train", "valid"}
    assert {row["tier"]: row["value"] is None for row in card(package)["tiers"]} == {
        "train": False, "valid": False, "test": True, "shift": True,
    }  # fmt: skip
    assert "never opened" in (package / "README.md").read_text()


def test_a_look_is_told_with_its_number(tiny, tmp_path):
    with Store.open(tiny.url) as store:
        open_held_out(store, tiny.record, [(tiny.entry.proposal.program, Tier.TEST)])
    exported(tiny, tmp_path / "out", unverified=True)
    row = next(row for row in card(tmp_path / "out")["tiers"] if row["tier"] == "test")
    assert (row["looks"], row["count"]) == (1, 4)
    assert row["interval"][0] <= row["value"] <= row["interval"][1]


def test_the_card_says_how_well_where_from_and_at_what_cost(tiny, tmp_path):
    done = exported(tiny, tmp_path / "out")
    told, score = card(tmp_path / "out"), tiny.entry.evaluation.score
    valid = next(row for row in told["tiers"] if row["tier"] == "valid")
    assert (valid["value"], valid["standard_error"], valid["count"]) == (
        -score.value,
        score.standard_error,
        score.count,
    )
    assert told["objective"] == {"metric": "error", "direction": "min", "unit": ""}
    assert [one["id"] for one in told["provenance"]["parents"]] == list(tiny.entry.proposal.parents)
    assert told["provenance"]["campaign_cost"]["evaluations"] == 20
    assert len(told["instances"]) == len(tiny.entry.evaluation.results)
    assert told["program"]["id"] == tiny.entry.proposal.program.id
    assert (done.verified, done.module) == (True, f"tiny_{told['program']['id'][:8]}")


def test_what_a_model_wrote_is_told_as_data_and_its_prompt_only_by_its_hash(tiny, tmp_path):
    idea = "| `x` <script>\n# A heading"
    made = replace(tiny.entry.proposal, idea=idea, model="some/model", prompt="the whole prompt", reply="the reply")
    exported(replace(tiny, entry=replace(tiny.entry, proposal=made)), tmp_path / "out", unverified=True)
    told, readme = card(tmp_path / "out")["provenance"], (tmp_path / "out" / "README.md").read_text()
    assert told["prompt_sha256"] == hashlib.sha256(b"the whole prompt").hexdigest()
    assert (told["model"], told["idea"]) == ("some/model", idea)
    assert "\\| \\`x\\` \\<script\\> \\# A heading" in readme
    assert not any(b"the whole prompt" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_of_one_task_nothing_is_said_that_holds_for_samples_only(tmp_path):
    kept = exports.campaign(tmp_path, f"{exports.FIXTURES}/one_task.py:OneTask", 1)
    exported(kept, tmp_path / "out", unverified=True)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "one and the same task" in readme
    assert not [word for word in ("optimistic", "never seen", "never opened", "of their own") if word in readme]
    assert "| test | - | - | - | - | the same task |" in readme
    rows = [line for line in readme.splitlines() if line.startswith(("- Archimedes", "- Egypt"))]
    assert rows == [
        "- Archimedes: 0.0013, by hand (same task), Measurement of a Circle",
        "- Egypt: 0.0189, by hand (same task), Rhind papyrus",
    ]


def test_figures_have_the_digits_that_their_standard_error_leaves_them(tiny, tmp_path):
    score = Score(-1.58172543, 0.0224612, 20)
    rounded = replace(tiny.entry, evaluation=replace(tiny.entry.evaluation, score=score))
    exported(replace(tiny, entry=rounded), tmp_path / "out", unverified=True)
    exported(replace(tiny, entry=rounded), tmp_path / "rule.py", unverified=True, single_file=True)
    readme = (tmp_path / "out" / "README.md").read_text()
    # Two digits of the error are its third decimal, and all other figures of the row have as many.
    assert "error 1.582 ± 0.022 (valid, 20 instances" in readme
    assert re.search(r"\| valid \| 20 \| 1\.582 \| 0\.022 \| 1\.5\d\d to 1\.6\d\d \|", readme)
    assert "# valid: 1.582 ± 0.022, 20 instances\n" in (tmp_path / "rule.py").read_text()
    assert "USD" not in readme


def test_a_name_with_underscores_is_told_as_it_is(tiny, tmp_path):
    named = replace(tiny, record=replace(tiny.record, method="online_bin_packing-genetic"))
    exported(named, tmp_path / "out", unverified=True)
    assert "| method | online_bin_packing-genetic |" in (tmp_path / "out" / "README.md").read_text()


def test_a_score_that_cannot_be_made_again_is_not_exported(tiny, tmp_path):
    score = tiny.entry.evaluation.score
    changed = replace(tiny.entry.evaluation, score=Score(score.value + 1e-9, score.standard_error, score.count))
    false = replace(tiny, entry=replace(tiny.entry, evaluation=changed))
    with pytest.raises(exporting.Differs, match="Nothing was written; --unverified"):
        exported(false, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    done = exported(false, tmp_path / "out", unverified=True)
    assert not done.verified
    assert "UNVERIFIED" in (tmp_path / "out" / "README.md").read_text()
    assert not (tmp_path / "out" / "tests" / "calls.json.gz").exists()
    assert exports.run_own_tests(tmp_path / "out", tmp_path).returncode == 0


def test_a_program_in_quarantine_is_exported_with_a_loud_note(tiny, tmp_path):
    distrusted = replace(tiny.entry, evaluation=replace(tiny.entry.evaluation, quarantine="beyond the bound"))
    exported(replace(tiny, entry=distrusted), tmp_path / "out", unverified=True)
    exported(replace(tiny, entry=distrusted), tmp_path / "rule.py", unverified=True, single_file=True)
    for path in ("out/README.md", "out/src/tiny_{}/__init__.py", "rule.py"):
        place = tmp_path / path.format(tiny.entry.proposal.program.id[:8])
        assert "QUARANTINED: beyond the bound" in place.read_text()


def test_a_program_that_was_judged_within_other_code_has_no_replay_and_says_what_its_score_is_worth(tmp_path):
    kept = exports.campaign(tmp_path, f"{exports.FIXTURES}/staged.py:Staged", 1)
    done = exported(kept, tmp_path / "out")
    assert (done.verified, done.recorded_calls) == (True, 0)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "SELF_REPORTED" in readme
    assert "its calls cannot be replayed" in readme
    assert "def guess(x: float)" in next((tmp_path / "out" / "src").glob("*/__init__.py")).read_text()
    assert exports.run_own_tests(tmp_path / "out", tmp_path).returncode == 0


def test_a_program_without_a_score_is_refused(tiny, tmp_path):
    failed = replace(tiny.entry.evaluation, status=Status.CRASHED, score=None, reason="ValueError: no")
    with pytest.raises(ConfigError, match="a program with a score, got one that is crashed: ValueError: no"):
        exported(replace(tiny, entry=replace(tiny.entry, evaluation=failed)), tmp_path / "out")


def test_one_file_holds_the_program_and_its_id_can_be_computed_from_it(tiny, tmp_path):
    done = exported(tiny, tmp_path / "rule.py", single_file=True)
    text, program = (tmp_path / "rule.py").read_bytes(), tiny.entry.proposal.program
    header, _, code = text.partition(b"# ---- the program, as it was judged ----\n")
    assert replay.program_id({"program.py": code}) == program.id == Program.of(code.decode()).id
    assert program.id.encode() in header
    assert done.verified
    scope: dict[str, object] = {}
    exec(compile(text, "rule.py", "exec"), scope)  # a program of our own generator, over two constants
    assert callable(scope["guess"])


@pytest.mark.slow
def test_a_program_of_several_files_is_a_package_and_no_single_file(tiny, tmp_path):
    files = {"program.py": "import slope\n\n\ndef guess(x):\n    return slope.A * x\n", "slope.py": "A = 2.0\n"}
    several = replace(tiny.entry, proposal=replace(tiny.entry.proposal, program=Program(files)))
    with pytest.raises(ConfigError, match="a program of one file, got one of 2"):
        exported_program(tiny, several, tmp_path / "rule.py", single_file=True)
    with Store.open(tiny.url) as store:
        entry = add_program(store, tiny.record, Program(files), "two files")
    exported_program(tiny, entry, tmp_path / "out")
    done = exports.run_own_tests(tmp_path / "out", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "equal to the last bit" in done.stdout


def exported_program(kept, entry, folder, **options):
    return exported(replace(kept, entry=entry), folder, **options)


@pytest.mark.parametrize(
    "name", ["", "-x", "a b", "1st", "class", "json", "numpy", "heuresis", "x" * 200, "\u00fcber", "../up", "a;b"]
)
def test_a_name_that_pip_or_python_would_not_take_is_refused(tiny, tmp_path, name):
    with pytest.raises(ConfigError, match=r"^--name"):
        exported(tiny, tmp_path / "out", name=name)
    assert list(tmp_path.iterdir()) == []


def test_only_a_former_export_is_replaced_and_only_by_force(tiny, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="all that --force replaces"):
        exported(tiny, other, unverified=True, force=True)
    assert (other / "thesis.tex").read_text() == "years of work"


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^-o: expected a place that can be written"):
        exported(tiny, tmp_path / "file" / "out", unverified=True)
    with pytest.raises(ConfigError, match=r"^-o: expected a folder, got the file"):
        exported(tiny, tmp_path / "file", unverified=True)
    with pytest.raises(ConfigError, match=r"^-o: expected the name of a file"):
        exported(tiny, tmp_path, unverified=True, single_file=True)


@pytest.mark.slow
def test_artifacts_are_kept_byte_for_byte(tmp_path):
    kept = exports.campaign(tmp_path, "circle_packing", 2, n="4")
    exported(kept, tmp_path / "out")
    for row in kept.entry.evaluation.results:
        for name, data in row.result.artifacts.items():
            path = f"artifacts/{row.tier.value}-{row.index}/{name}"
            assert (tmp_path / "out" / path).read_bytes() == data
            assert card(tmp_path / "out")["artifacts"][path] == hashlib.sha256(data).hexdigest()
    assert exports.run_own_tests(tmp_path / "out", tmp_path).returncode == 0
    (tmp_path / "out" / path).write_bytes(b"another layout")
    assert exports.run_own_tests(tmp_path / "out", tmp_path).returncode == 1


@pytest.mark.slow
def test_a_rule_with_thousands_of_calls_is_replayed_within_the_budget(tmp_path):
    kept = exports.campaign(tmp_path, "online_bin_packing", 2, own=exports.GENERAL, items="500")
    done = exported(kept, tmp_path / "out")
    assert (tmp_path / "out" / "tests" / "calls.json.gz").stat().st_size < 2 << 20
    assert done.recorded_calls > 10_000
    tested = exports.run_own_tests(tmp_path / "out", tmp_path)
    assert tested.returncode == 0, tested.stdout


@pytest.mark.slow
def test_exports_install_in_a_fresh_environment_and_pass_their_own_tests_there(tmp_path):
    """An elementwise rule, a general rule and a packing; pip may fetch numpy, scipy and pytest."""
    kinds = {
        "elementwise": ("online_bin_packing", ""),
        "general": ("online_bin_packing", exports.GENERAL),
        "packing": ("circle_packing", ""),
    }
    python = tmp_path / "fresh" / "bin" / "python"
    for name, (problem, own) in kinds.items():
        (tmp_path / name).mkdir()
        kept = exports.campaign(tmp_path / name, problem, 4, own=own)
        exported(kept, tmp_path / name / "out", name=f"found-{name}")
    run(sys.executable, "-m", "venv", str(tmp_path / "fresh"))
    run(str(python), "-m", "pip", "install", "-q", *(f"{tmp_path / name / 'out'}[test]" for name in kinds))
    assert "heuresis" not in run(str(python), "-m", "pip", "list")
    for name in kinds:
        run(str(python), "-I", "-c", f"import found_{name}")
        told = run(str(python), "-m", "pytest", "-q", "-rP", str(tmp_path / name / "out"))
        assert "equal to the last bit" in told


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
