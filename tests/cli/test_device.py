"""`--device`: a program that was promised a GPU runs on it, or where the user says, and never silently elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heuresis.errors import Unavailable
from heuresis.sandbox.gpu import find_devices

GREEDY = """
import sys
from heuresis.evaluators.nouns import Result, Tier
from heuresis.evaluators.problem import Objective, Problem
from heuresis.program import Limits

class Greedy(Problem):
    entry_points = ("guess(x: float) -> float",)
    seeds = {"zero": "def guess(x):\\n    return 0.0\\n"}
    objectives = (Objective("on_gpu", "max"),)
    promotions = ()
    tier_sizes = {tier: 1 for tier in Tier}
    limits = Limits(gpu_memory_bytes=1 << 30)

    def generate(self, tier, index, rng):
        return 1.0

    def run(self, program, instance, exam):
        program.guess(instance)
        return Result({"on_gpu": float(exam.device == "cuda:0")})
"""


def has_gpu() -> bool:
    try:
        return bool(find_devices())
    except Unavailable:
        return False


@pytest.fixture
def greedy(tmp_path: Path) -> str:
    (tmp_path / "greedy.py").write_text(GREEDY)
    (tmp_path / "zero.py").write_text("def guess(x):\n    return 0.0\n")
    return "greedy.py:Greedy"


def test_device_cpu_runs_a_gpu_problem_on_the_processor_and_its_exam_says_so(
    tmp_path: Path, command: Any, greedy: str
) -> None:
    done = command("evaluate", greedy, "zero.py", "--device", "cpu", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"] == {"on_gpu": 0.0}


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_without_a_gpu_a_problem_that_asks_for_one_is_not_run(tmp_path: Path, command: Any, greedy: str) -> None:
    done = command("evaluate", greedy, "zero.py", cwd=tmp_path)
    assert done.returncode == 3
    assert "--device cpu" in done.stderr


def test_a_device_for_a_problem_that_asks_for_none_is_the_users_mistake(
    tmp_path: Path, command: Any, tiny: str, greedy: str
) -> None:
    done = command("evaluate", tiny, "zero.py", "--device", "cuda:0", cwd=tmp_path)
    assert done.returncode == 2
    assert "asks for no GPU memory" in done.stderr


def test_the_device_belongs_to_the_campaign(tmp_path: Path, command: Any, greedy: str) -> None:
    done = command("run", greedy, "--device", "cpu", "--evaluations", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = command("run", greedy, "--evaluations", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert "device" in done.stderr


@pytest.mark.gpu
def test_a_gpu_problem_runs_on_the_leased_device(tmp_path: Path, command: Any, greedy: str) -> None:
    done = command("evaluate", greedy, "zero.py", "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["metrics"] == {"on_gpu": 1.0}
