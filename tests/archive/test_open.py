from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from heuresis.archive.check import check
from heuresis.archive.leases import owner
from heuresis.archive.store import Store
from heuresis.errors import ConfigError, StoreDamaged, Unavailable


def refused(url: str, match: str, *, create: bool = True) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        Store.open(url, create=create)
    assert caught.value.key == "storage"


@pytest.mark.parametrize("url", ["mysql://host/x", "sqlite:///a.db?mode=memory", "sqlite:///:memory:", "sqlite://"])
def test_other_urls_are_refused(url):
    refused(url, "sqlite:///heuresis.db")


def test_a_path_is_answered_with_its_url():
    refused("heuresis.db", "written sqlite:///heuresis.db")


def test_postgresql_is_refused_without_its_password():
    with pytest.raises(ConfigError, match="not supported yet") as caught:
        Store.open("postgresql+psycopg://me:hunter2@host/x")
    assert "hunter2" not in str(caught.value)


def test_a_directory_is_no_store(tmp_path):
    refused(f"sqlite:///{tmp_path}", "the directory")


def test_a_missing_directory_is_named(tmp_path):
    refused(f"sqlite:///{tmp_path}/no/such.db", f"Make {tmp_path}/no first")


def test_a_missing_store_is_made_only_on_request(path):
    refused(f"sqlite:///{path}", "no store at .*`heuresis run` makes one", create=False)
    assert not path.exists()
    Store.open(f"sqlite:///{path}").close()
    Store.open(f"sqlite:///{path}", create=False).close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.write_text("my notes\n" * 1000)
    refused(f"sqlite:///{path}", "no database")
    assert path.read_text() == "my notes\n" * 1000


def test_a_database_of_something_else_is_refused(path, tamper):
    tamper("CREATE TABLE photos (id INTEGER)")
    refused(f"sqlite:///{path}", "something else")


def test_an_empty_file_is_what_a_killed_start_leaves(path):
    path.touch()
    refused(f"sqlite:///{path}", "no store at", create=False)
    Store.open(f"sqlite:///{path}").close()


@pytest.mark.parametrize("version", ["0", "5", "x"])
def test_a_store_of_another_version_is_refused(path, tamper, version):
    Store.open(f"sqlite:///{path}").close()
    tamper(f"UPDATE meta SET value = '{version}'")
    refused(f"sqlite:///{path}", f"of version {version}")


def test_a_place_that_cannot_be_written_is_named():
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, where nobody can make a file")
    refused("sqlite:////proc/heuresis.db", "a file that can be written")


def test_a_file_that_may_not_be_read_is_named(path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    Store.open(f"sqlite:///{path}").close()
    path.chmod(0)
    refused(f"sqlite:///{path}", "that you may read")


def test_many_processes_may_make_the_store_at_once(path):
    code = f"from heuresis.archive.store import Store; Store.open('sqlite:///{path}').close()"
    children = [subprocess.Popen([sys.executable, "-c", code], env=environment()) for _ in range(6)]
    assert [child.wait() for child in children] == [0] * 6
    with Store.open(f"sqlite:///{path}", create=False) as store:
        assert check(store) == []


def test_a_store_that_vanishes_stops_the_writer(store, path):
    path.rename(path.with_suffix(".gone"))
    with pytest.raises(Unavailable, match="moved, removed or replaced"):
        store.finish("packing", "budget")
    path.with_suffix(".gone").rename(path)
    store.finish("packing", "budget")


def test_a_store_that_was_replaced_stops_the_writer(store, path):
    path.rename(path.with_suffix(".old"))
    path.write_bytes(path.with_suffix(".old").read_bytes())
    with pytest.raises(Unavailable, match="replaced"):
        store.finish("packing", "budget")


def test_a_damaged_file_is_told_in_a_sentence(store, path, make):
    for value in range(50):
        make.add(store, float(value), length=5000)
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        for offset in range(8192, size, 4096):
            file.seek(offset)
            file.write(b"\xff" * 2048)
    with pytest.raises(ConfigError, match="a sound store"), Store.open(f"sqlite:///{path}") as again:
        list(again.entries("packing"))


def spoil(path):
    """Overwrite the first page of a table that nothing reads when a store is opened."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'event'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


def test_a_damaged_file_is_found_before_anything_is_written_to_it(store, path, make):
    for value in range(50):
        make.add(store, float(value), length=5000)
    store.look_over()
    store.close()
    spoil(path)
    before = path.read_bytes()
    with Store.open(f"sqlite:///{path}") as again:
        again.look_over(at_most_bytes=1000)  # a larger file is not looked at
        with pytest.raises(StoreDamaged, match=r"a sound store, got .*Nothing was written"):
            again.look_over(at_most_bytes=path.stat().st_size)
    assert path.read_bytes() == before


def test_whether_a_campaign_is_free_is_asked_without_taking_it(store, path):
    store.check_free("packing")
    store.acquire("packing", owner(), 60.0)
    with Store.open(f"sqlite:///{path}") as other, pytest.raises(ConfigError, match="that nobody is running"):
        other.check_free("packing")
    with pytest.raises(ConfigError, match="a campaign of this store"):
        store.check_free("nothing")


def test_a_lock_that_is_never_given_back_is_told_in_a_sentence(path, make):
    with Store.open(f"sqlite:///{path}", busy_seconds=0.05) as store:
        store.create_campaign(make.record())
        other = sqlite3.connect(path)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match=r"keeps the store .* locked"):
                store.finish("packing", "budget")
            assert store.campaign("packing").finished == ""
        finally:
            other.close()
        store.finish("packing", "budget")


def environment() -> dict[str, str]:
    import heuresis.errors

    return os.environ | {"PYTHONPATH": str(Path(heuresis.errors.__file__).parent.parent)}
