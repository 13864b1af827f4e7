"""The real command in real processes, and one small finished campaign to look at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
TINY = f"{ROOT}/tests/fixtures/tiny.py:Tiny"
Command = Callable[..., subprocess.CompletedProcess[str]]


def environment() -> dict[str, str]:
    """Ours, without what changes the command's defaults."""
    return {name: value for name, value in os.environ.items() if name not in ("HEURESIS_STORAGE", "COLUMNS")}


def run_command(*words: str, cwd: Path, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heuresis", *words]
    return subprocess.run(
        command, cwd=cwd, input=text, capture_output=True, text=True, timeout=300, env=environment() | variables
    )


@pytest.fixture(scope="session")
def command() -> Command:
    """Run `heuresis WORDS` in a folder: what it printed and its exit code."""
    return run_command


@pytest.fixture(scope="session")
def start() -> Callable[[Sequence[str], Path], subprocess.Popen[str]]:
    """Start `heuresis WORDS` and leave it running."""

    def started(words: Sequence[str], cwd: Path) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "heuresis", *words]
        return subprocess.Popen(
            line, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )

    return started


@pytest.fixture(scope="session")
def tiny() -> str:
    """A problem that costs next to nothing."""
    return TINY


@dataclass(frozen=True)
class Campaign:
    """A finished campaign and its store."""

    folder: Path
    printed: str
    best: str
    seed: str

    def json(self, *words: str) -> Any:
        done = run_command(*words, "--format", "json", cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("campaign")
    done = run_command("run", TINY, "--evaluations", "100", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    top = json.loads(run_command("top", "-n", "100", "--format", "json", cwd=folder).stdout)
    seed = next(row["id"] for row in top if row["operator"] == "seed")
    return Campaign(folder, done.stdout, top[0]["id"], seed)


@pytest.fixture
def own(campaign: Campaign, tmp_path: Path) -> Campaign:
    """A copy of it, for tests that add to it."""
    return replace(campaign, folder=Path(shutil.copytree(campaign.folder, tmp_path / "own")))
