"""The whole suite again as a user without privileges and without a control group, on every kind of jail."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.attacks.arena import ROOT
from tests.attacks.tiers import TIERS
from tests.sandbox.unprivileged import unprivileged

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.getuid() != 0, reason="this run is by a user without privileges already"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux) to become another user"),
]


@pytest.mark.parametrize("tier", TIERS)
def test_every_attack_fails_against_a_plain_users_jail(tier: str) -> None:
    """A thousand evaluations and thousands of frames are the same for every user: they are left out."""
    left_out = "mutations or fuzz or thousand or fifty or plain_user or gpu"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "slow or not slow"]
    done = unprivileged([*command, "-k", f"{tier} and not ({left_out})", "tests/attacks", "-rs"], str(ROOT))
    if "no jail of kind" in done.stdout and " passed" not in done.stdout:
        [reason, *_] = [line for line in done.stdout.splitlines() if "no jail of kind" in line]
        pytest.skip(f"as a plain user: {reason}")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
