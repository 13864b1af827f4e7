"""Leases of GPUs: a book of files between real processes. The devices are made up; nothing here needs one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox.gpu import Device
from heuresis.sandbox.leased import check_word, choose, lease_device
from heuresis.sandbox.leases import WHOLE_DEVICE, LeaseBook

GIB = 1 << 30
FIRST = Device("GPU-00000000-0000-0000-0000-000000000001", 0, "First", 80 * GIB, ("/dev/nvidia0",))
SECOND = replace(FIRST, uuid="GPU-00000000-0000-0000-0000-000000000002", index=1, name="Second")
HOLDER = """
import sys
from heuresis.sandbox.gpu import Device
from heuresis.sandbox.leases import LeaseBook
book = LeaseBook(sys.argv[1], lambda device: device.memory_bytes)
lease = book.lease([Device(sys.argv[2], 0, "First", 80 << 30, ())], int(sys.argv[3]))
print("held", flush=True)
sys.stdin.read()
"""


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_book(folder: Path, clock: Clock | None = None) -> LeaseBook:
    return LeaseBook(str(folder / "book"), lambda device: device.memory_bytes, clock or Clock())


def holder(folder: Path, memory_bytes: int) -> subprocess.Popen[str]:
    """Another process that holds a lease until it is killed or its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "book"), FIRST.uuid, str(memory_bytes)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_programs_share_a_device_as_far_as_their_memory_fits(tmp_path: Path) -> None:
    book = a_book(tmp_path)
    leases = [book.lease([FIRST], 30 * GIB) for _ in range(2)]
    with pytest.raises(Unavailable, match="20 GiB of 80 GiB are not leased"):
        book.lease([FIRST], 30 * GIB)
    leases.pop().close()
    assert book.leased_bytes(FIRST) == 30 * GIB
    leases.append(book.lease([FIRST], 50 * GIB))
    for lease in leases:
        lease.close()
    assert book.leased_bytes(FIRST) == 0


def test_the_device_with_the_most_room_is_taken(tmp_path: Path) -> None:
    book = a_book(tmp_path)
    taken = [book.lease([FIRST, SECOND], 30 * GIB) for _ in range(4)]
    assert sorted(lease.device.index for lease in taken) == [0, 0, 1, 1]
    for lease in taken:
        lease.close()


def test_a_whole_device_is_shared_with_nobody(tmp_path: Path) -> None:
    book = a_book(tmp_path)
    small = book.lease([FIRST], GIB)
    with pytest.raises(Unavailable, match="1 leases are held"):
        book.lease([FIRST], WHOLE_DEVICE)
    small.close()
    whole = book.lease([FIRST], WHOLE_DEVICE)
    assert whole.memory_bytes == FIRST.memory_bytes
    with pytest.raises(Unavailable, match="0 GiB of 80 GiB"):
        book.lease([FIRST], 1)
    whole.close()


def test_memory_that_others_use_is_not_leased(tmp_path: Path) -> None:
    book = LeaseBook(str(tmp_path / "book"), lambda device: 5 * GIB)
    with pytest.raises(Unavailable, match="5 GiB are free, others use the rest"):
        book.lease([FIRST], 6 * GIB)
    book.lease([FIRST], 5 * GIB).close()


def test_a_lease_is_seen_by_other_processes_and_ends_with_its_owner(tmp_path: Path) -> None:
    book = a_book(tmp_path)
    owner = holder(tmp_path, 60 * GIB)
    try:
        with pytest.raises(Unavailable, match="not leased"):
            book.lease([FIRST], 30 * GIB)
    finally:
        owner.kill()
        owner.communicate(timeout=30)
    book.lease([FIRST], 80 * GIB).close()
    assert [name for name in os.listdir(tmp_path / "book" / FIRST.uuid) if name.startswith("lease-")] == []


def test_no_race_leases_more_than_there_is(tmp_path: Path) -> None:
    code = HOLDER.replace('print("held", flush=True)', "").replace("lease = ", "try: lease = ") + (
        "except Exception: print('refused', flush=True)\nelse: print('held', flush=True)\nsys.stdin.read()\n"
    )
    code = code.replace("sys.stdin.read()\nexcept", "except")
    folder = str(tmp_path / "book")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, folder, FIRST.uuid, str(30 * GIB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        for _ in range(4)
    ]
    words = [racer.stdout.readline().strip() for racer in racers if racer.stdout is not None]
    for racer in racers:
        racer.communicate(timeout=30)
    assert sorted(words) == ["held", "held", "refused", "refused"]


def test_a_device_is_left_alone_after_three_faults_in_a_row_and_tried_again_later(tmp_path: Path) -> None:
    clock = Clock()
    book = a_book(tmp_path, clock)
    for _ in range(2):
        book.report_fault(FIRST, "cuInit failed")
    assert book.quarantine(FIRST) == ""
    book.report_fault(FIRST, "cuInit failed")
    with pytest.raises(Unavailable, match="quarantined for 60 more minutes after 3 faults in a row, the last: cuInit"):
        a_book(tmp_path, clock).lease([FIRST], GIB)
    other = book.lease([FIRST, SECOND], GIB)
    assert other.device == SECOND
    other.close()
    clock.now += 3601
    book.lease([FIRST], GIB).close()
    book.report_fault(FIRST, "again")
    assert "after 4 faults" in book.quarantine(FIRST)
    book.report_health(FIRST)
    assert book.quarantine(FIRST) == ""


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="only we can write to"):
        a_book(tmp_path).lease([FIRST], GIB)
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="only we can write to"):
        a_book(tmp_path).lease([FIRST], GIB)


def test_a_device_is_chosen_by_its_number_or_its_name() -> None:
    devices = [FIRST, SECOND]
    assert choose(devices, "auto") == devices
    assert choose(devices, "cuda:1") == [SECOND]
    assert choose(devices, FIRST.uuid) == [FIRST]
    with pytest.raises(Unavailable, match="no device cuda:2 on this machine, only cuda:0, cuda:1"):
        choose(devices, "cuda:2")


@pytest.mark.parametrize("word", ["gpu", "cuda", "cuda:", "cuda:-1", "cuda:x", "", "CPU"])
def test_a_word_that_names_no_device_is_the_users_mistake(word: str) -> None:
    with pytest.raises(ConfigError, match="device: expected auto, cpu, cuda:NUMBER"):
        check_word(word)


def test_a_program_without_gpu_memory_gets_no_device() -> None:
    assert lease_device("auto", 0) is None
    assert lease_device("cpu", GIB) is None
    with pytest.raises(ConfigError, match="asks for no GPU memory"):
        lease_device("cuda:0", 0)
