"""Every kind of jail keeps one contract: each shipped check on each jail that this machine has.

Played as a plain user too, by `test_unprivileged`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heuresis.errors import Unavailable
from heuresis.sandbox.backends import SHIPPED, shipped_backend
from heuresis.sandbox.worker import JailWorker
from heuresis.testing import sandbox_contract as contract
from tests.sandbox.unprivileged import in_the_open

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", params=SHIPPED)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a jail that can be made here."""
    backend = shipped_backend(request.param)
    reason = backend.missing()
    if not reason:
        try:
            JailWorker(backend, (), 1.0).close()
        except Unavailable as error:
            reason = str(error)
    if reason:
        pytest.skip(f"this machine has no jail of kind {request.param}: {reason}")
    return str(request.param)


@pytest.fixture(scope="session")
def one(kind: str) -> Iterator[JailWorker]:
    with JailWorker(shipped_backend(kind), ("numpy",), 1.0) as worker:
        yield worker


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_every_jail_keeps_the_contract(one: JailWorker, check: Callable[[JailWorker], None]) -> None:
    check(one)


def test_no_attack_of_the_probe_works(kind: str) -> None:
    contract.check_attacks(shipped_backend(kind))


def test_nothing_is_left_behind(kind: str) -> None:
    contract.check_that_nothing_is_left(shipped_backend(kind))


def test_a_killed_owner_leaves_nothing(kind: str) -> None:
    contract.check_that_it_ends_with_its_owner(shipped_backend(kind))


class _Leaky:
    """What no jail may be: a jail in name, whose programs run as we do."""

    def __init__(self) -> None:
        self._real = shipped_backend("none")
        self.name, self.jailed, self.private_tmp = "leaky", True, False
        self.covers = self.misses = "nothing"
        self.missing, self.configure, self.launch = self._real.missing, self._real.configure, self._real.launch


def test_a_jail_that_holds_nobody_is_found_out() -> None:
    with pytest.raises(AssertionError, match=r"read a file of the host.*signalled a process of the host"):
        contract.check_attacks(_Leaky())


COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/sandbox/test_contract.py"]


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif("HEURESIS_IN_THE_OPEN" in os.environ, reason="this run sees such a Python already")
def test_landlock_keeps_the_contract_as_root_with_a_readable_python() -> None:
    done = in_the_open([*COMMAND, "-k", "landlock and not readable_python"], str(ROOT))
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
