from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import heuresis.errors
from heuresis.archive import leases
from heuresis.archive.leases import Owner
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable

FOREIGN = str(Owner("elsewhere", "another-boot/1", 4711, "99", "t"))
OTHER_FOREIGN = str(Owner("third", "third-boot/1", 4711, "99", "t"))


class Clock:
    """Shows the time it was set to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(path, make, clock):
    with Store.open(f"sqlite:///{path}", clock=clock) as opened:
        opened.create_campaign(make.record())
        yield opened


def dead_owner() -> str:
    """The owner string of a process that has ended."""
    code = "from heuresis.archive import leases; print(leases.owner(), end='')"
    environment = os.environ | {"PYTHONPATH": str(Path(heuresis.errors.__file__).parent.parent)}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=-1, text=True).stdout


def test_an_owner_reads_back_and_no_two_are_equal():
    text = leases.owner()
    assert str(Owner.parse(text)) == text
    assert text != leases.owner()
    assert leases.local(text)
    assert leases.alive(text)


def test_a_process_that_ended_is_dead_and_so_is_one_with_its_number():
    dead = dead_owner()
    assert leases.local(dead)
    assert not leases.alive(dead)
    again = Owner.parse(dead)
    reborn = Owner(again.host, again.boot, os.getpid(), again.started, again.token)
    assert not leases.alive(str(reborn))


def test_a_zombie_is_dead():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = Owner.parse(leases.owner())
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    text = str(Owner(mine.host, mine.boot, child.pid, fields[19], "t"))
    assert leases.alive(text)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet collected
    assert not leases.alive(text)
    child.wait()


def test_a_live_driver_keeps_its_campaign_however_late_it_renews(store, clock):
    store.acquire("packing", leases.owner(), 60)
    clock.now += 10_000
    with pytest.raises(ConfigError, match=f"process {os.getpid()} on"):
        store.acquire("packing", leases.owner(), 60)


def test_a_dead_local_driver_loses_its_campaign_at_once(store):
    dead = dead_owner()
    store.acquire("packing", dead, 60)
    assert store.acquire("packing", leases.owner(), 60)
    (event,) = store.events("packing")
    assert event.kind == "lease taken over"
    assert event.payload["from"] == dead


def test_a_foreign_driver_keeps_its_campaign_until_its_lease_ends(store, clock):
    store.acquire("packing", FOREIGN, 60)
    clock.now += 59
    with pytest.raises(ConfigError, match="ends in 1 seconds"):
        store.acquire("packing", leases.owner(), 60)
    clock.now += 1
    assert store.acquire("packing", leases.owner(), 60)


def test_renewing_moves_the_end(store, clock):
    store.acquire("packing", FOREIGN, 60)
    clock.now += 59
    store.renew("packing", FOREIGN, 60, 59.0)
    clock.now += 59
    with pytest.raises(ConfigError):
        store.acquire("packing", leases.owner(), 60)
    assert store.totals("packing").active_seconds == 59.0


def test_a_released_campaign_is_free(store):
    mine = leases.owner()
    store.acquire("packing", mine, 60)
    store.release("packing", mine, 2.5)
    assert store.acquire("packing", leases.owner(), 60)
    assert store.totals("packing").active_seconds == 2.5
    assert store.events("packing") == []


def test_the_same_owner_may_acquire_twice(store):
    mine = leases.owner()
    assert store.acquire("packing", mine, 60)
    assert store.acquire("packing", mine, 60)


def test_a_driver_that_lost_its_campaign_writes_no_more(store, path, make, clock):
    store.acquire("packing", FOREIGN, 60)
    make.add(store, 1.0)
    clock.now += 60
    with Store.open(f"sqlite:///{path}", clock=clock) as other:
        other.acquire("packing", OTHER_FOREIGN, 60)
        make.add(other, 2.0)
        with pytest.raises(Unavailable, match="taken over"):
            make.add(store, 3.0)
        with pytest.raises(Unavailable, match="taken over"):
            store.renew("packing", FOREIGN, 60)
        store.release("packing", FOREIGN, 5.0)
        assert other.totals("packing").active_seconds == 0.0
        other.renew("packing", OTHER_FOREIGN, 60)
        assert other.totals("packing").entries == 2


def test_a_campaign_that_is_not_there_cannot_be_driven(store):
    with pytest.raises(ConfigError, match="There are: packing"):
        store.acquire("other", leases.owner(), 60)
