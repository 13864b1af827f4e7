from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heuresis.archive.check import check
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, Unavailable


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.root
def test_a_full_disk_stops_the_run_and_loses_nothing(small_disk, make):
    kept: list[float] = []
    with Store.open(f"sqlite:///{small_disk}/store.db") as store:
        store.create_campaign(make.record())
        stuffing = small_disk / "stuffing"
        stuffing.write_bytes(b"x" * 300_000)
        with pytest.raises(Unavailable, match=r"disk .* is full|did not take"):
            fill(store, make, kept)
        assert 0 < len(kept) < 2000
        assert [entry.evaluation.score.value for entry in store.entries("packing")] == kept
        stuffing.unlink()
        make.add(store, -1.0)
        assert store.totals("packing").entries == len(kept) + 1
        assert check(store) == []


@pytest.mark.root
def test_a_disk_without_room_for_a_store_is_told(small_disk):
    with (small_disk / "stuffing").open("wb") as stuffing, pytest.raises(OSError, match="No space left"):
        fill_file(stuffing.fileno())
    with pytest.raises((Unavailable, ConfigError), match=r"full|did not take|can be written"):
        Store.open(f"sqlite:///{small_disk}/store.db")


@pytest.mark.root
def test_a_read_only_place_is_told(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(ConfigError, match="a file that can be written"):
        Store.open(f"sqlite:///{small_disk}/store.db")


def fill(store: Store, make, kept: list[float]) -> None:
    for value in range(2000):
        make.add(store, float(value), length=value)
        kept.append(float(value))


def fill_file(descriptor: int) -> None:
    while True:
        os.write(descriptor, b"x" * 65_536)
