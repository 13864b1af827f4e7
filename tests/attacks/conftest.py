"""Every attack is played on every kind of jail that this machine has; then host and neighbour are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heuresis.sandbox.backends import shipped_backend
from heuresis.sandbox.worker import JailWorker
from tests.attacks.arena import Arena, host_state
from tests.attacks.tiers import IN_EVERY_RUN, TIERS, not_promised, reason_against


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "opened_arena" not in metafunc.fixturenames:
        return
    often = metafunc.function.__name__ in IN_EVERY_RUN
    marks = {tier: [] if often or tier == "namespaces" else [pytest.mark.slow] for tier in TIERS}
    tiers = [pytest.param(tier, marks=marks[tier]) for tier in TIERS]
    metafunc.parametrize("opened_arena", tiers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def opened_arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    tier: str = request.param
    reason = reason_against(tier)
    if reason:
        pytest.skip(f"this machine has no jail of kind {tier}: {reason}")
    with JailWorker(shipped_backend(tier), ("numpy",), 1.0) as worker:
        yield Arena(tier, worker)


@pytest.fixture
def arena(request: pytest.FixtureRequest, opened_arena: Arena) -> Iterator[Arena]:
    """The jail under attack. After the test nothing of the host has changed, nor has the next program's answer."""
    reason = not_promised(opened_arena.tier, request.function.__name__, request.path.name)
    if reason:
        pytest.skip(f"not promised by {opened_arena.tier}: {reason}")
    before = host_state()
    yield opened_arena
    assert opened_arena.neighbour() == opened_arena.expected
    assert host_state() == before


@pytest.fixture
def worker(arena: Arena) -> JailWorker:
    return arena.worker
