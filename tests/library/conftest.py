"""A small finished campaign of the problem that costs next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import heuresis

ROOT = Path(__file__).parent.parent.parent
TINY = f"{ROOT}/tests/fixtures/tiny.py:Tiny"


@pytest.fixture(scope="session")
def tiny() -> str:
    return TINY


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> heuresis.Ran:
    """Forty evaluations."""
    file = tmp_path_factory.mktemp("library") / "tiny.db"
    return heuresis.run(TINY, evaluations=40, storage=f"sqlite:///{file}", workers=1)


@pytest.fixture(scope="session")
def store(done: heuresis.Ran) -> heuresis.Archive:
    return done.archive


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'own.db'}"


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script in a folder, as a stranger does: what it printed and its exit code."""

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name != "HEURESIS_STORAGE"}
        return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120, env=kept)

    return run
