"""Everything again as a user without privileges: the jail must hold there as well."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.sandbox.unprivileged import unprivileged

ROOT = Path(__file__).resolve().parents[2]


CONTRACT = "tests/sandbox/test_contract.py"


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="this run is by a user without privileges already")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux) to become another user")
def test_the_contract_and_the_walls_hold_as_an_unprivileged_user() -> None:
    passes(CONTRACT, "tests/attacks/test_walls.py")


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="this run is by a user without privileges already")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux) to become another user")
def test_every_other_test_of_the_sandbox_passes_as_an_unprivileged_user() -> None:
    passes("tests/sandbox", f"--ignore={CONTRACT}")


def passes(*words: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", *words]
    done = unprivileged(command, str(ROOT))
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
