"""Problems, methods and operators of one's own folder, named without being installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fixtures" / "plugin_package"
Run = Callable[..., subprocess.CompletedProcess[str]]
BUDGET = ("--evaluations", "8", "--workers", "1", "--storage")
METHOD = """
from dataclasses import dataclass
import garden
from heuresis.archive.records import Brief
from heuresis.agent.protocols import Step, Turn

@dataclass(frozen=True)
class Wander(garden.Stroll):
    name: str = "wander"

    def next(self, view, marks, rng):
        step = super().next(view, marks, rng)
        if isinstance(step.action, Turn):
            return step
        return Step(Brief("garden:Nudge", step.action.parents), marks)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Modules of ours, and one that has the name of a standard module."""
    place = tmp_path / "own"
    place.mkdir()
    shutil.copy(PACKAGE / "garden.py", place)
    (place / "wander.py").write_text(METHOD)
    (place / "colorsys.py").write_text("raise RuntimeError('shadowed')\n")
    (place / "json.py").write_text("raise RuntimeError('shadowed')\n")
    return place


@pytest.fixture
def run(run_python: Run) -> Run:
    return lambda *words, cwd: run_python("-m", "heuresis", *words, cwd=cwd)


@pytest.mark.slow
def test_modules_of_the_current_folder_reach_the_referee_and_shadow_nothing(folder: Path, run: Run) -> None:
    store = f"sqlite:///{folder}/a.db"
    setting = ("--method-set", "garden:Nudge.width=0.25")
    done = run("run", "garden:Slope", "--method", "wander:Wander", *setting, *BUDGET, store, cwd=folder)
    assert done.returncode == 0, done.stderr
    top = json.loads(run("top", "-n", "50", "--storage", store, "--format", "json", cwd=folder).stdout)
    assert {row["operator"] for row in top} == {"seed", "nudge"}
    shown = run("show", top[0]["id"], "--storage", store, cwd=folder).stdout
    assert "width 0.25" in shown
    assert run("verify", top[0]["id"], "--storage", store, cwd=folder).returncode == 0


@pytest.mark.slow
def test_a_campaign_of_files_is_the_same_from_whichever_folder_it_is_named(
    folder: Path, tmp_path: Path, run: Run
) -> None:
    store = f"sqlite:///{tmp_path}/a.db"
    for cwd, path in ((folder, ""), (tmp_path, "own/")):
        names = (f"{path}garden.py:Slope", "--method", f"{path}wander.py:Wander", "--method-set", "steps=900")
        nudge = ("--method-set", f"{path}garden.py:Nudge.width=0.25")
        done = run("run", *names, *nudge, *BUDGET, store, cwd=cwd)
        assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout
    [campaign] = json.loads(run("campaigns", "--storage", store, "--format", "json", cwd=tmp_path).stdout)
    assert campaign["name"] == "Slope-Wander"
    assert run("verify", "--storage", store, _best(run, store, tmp_path), cwd=tmp_path).returncode == 0


def _best(run: Run, store: str, cwd: Path) -> str:
    best: str = json.loads(run("top", "--storage", store, "--format", "json", cwd=cwd).stdout)[0]["id"]
    return best


def test_a_module_that_is_elsewhere_is_told_before_anything_is_spent(folder: Path, tmp_path: Path, run: Run) -> None:
    done = run("run", "garden:Slope", cwd=tmp_path)
    assert done.returncode == 2
    assert "No module named 'garden'" in done.stderr
    assert not (tmp_path / "heuresis.db").exists()


def test_two_packages_that_claim_one_name_are_told_when_it_is_used(tmp_path: Path, run_python: Run) -> None:
    site = tmp_path / "site"
    for package in ("red-pens", "blue-pens"):
        info = site / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[heuresis.problems]\npens = pens:Pens\n")
    listed = run_python("-m", "heuresis", "plugins", "--format", "json", cwd=tmp_path, path=site)
    assert {row["distribution"] for row in json.loads(listed.stdout)} == {"red-pens", "blue-pens"}
    used = run_python("-m", "heuresis", "run", "pens", cwd=tmp_path, path=site)
    assert used.returncode == 2
    assert "a name that one package offers, got pens, offered by" in used.stderr
