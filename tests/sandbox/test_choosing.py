"""Which jail is taken, and that what is weaker than asked for never is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox import seccomp_strict
from heuresis.sandbox.backends import LEVELS, SHIPPED, check_level, shipped_backend
from heuresis.sandbox.jail import Root
from heuresis.sandbox.scratch import Scratch, remove_tree
from heuresis.sandbox.walls_landlock import readable_paths
from heuresis.sandbox.worker import open_worker


@pytest.mark.parametrize("least", LEVELS)
def test_min_isolation_takes_what_is_as_strong_and_refuses_what_is_weaker(least: str) -> None:
    for place, isolation in enumerate(LEVELS):
        if place <= LEVELS.index(least):
            check_level(isolation, least)
        elif least != "none":
            with pytest.raises(Unavailable, match=f"{isolation}.*min_isolation asks for '{least}'"):
                check_level(isolation, least)


def test_a_jail_of_a_plugin_satisfies_its_own_name_only() -> None:
    check_level("theirs", "")
    check_level("theirs", "none")
    check_level("my:Jail", "my:Jail")
    with pytest.raises(Unavailable, match="theirs"):
        check_level("theirs", "landlock")


def test_an_unknown_level_is_the_users_mistake() -> None:
    with pytest.raises(ConfigError, match="min_isolation"):
        open_worker(min_isolation="strong")


def test_no_jail_is_not_enough_where_one_is_asked_for() -> None:
    with pytest.raises(Unavailable, match="the jail that this machine has is 'none', and min_isolation asks for"):
        open_worker(isolation="none", allow_none=True, min_isolation="landlock")


def test_each_jail_says_what_it_covers_and_what_it_misses() -> None:
    for name in SHIPPED:
        backend = shipped_backend(name)
        assert backend.name == name
        assert backend.covers
        assert backend.misses
        assert backend.jailed == (name != "none")


def test_what_landlock_may_read_leaves_out_every_covered_folder(tmp_path: Path) -> None:
    for folder in ("lib/packages/secret", "lib/standard", "bin"):
        (tmp_path / "tree" / folder).mkdir(parents=True)
    (tmp_path / "wanted").mkdir()
    root = Root((f"{tmp_path}/tree",), (f"{tmp_path}/tree/lib/packages",), (f"{tmp_path}/wanted",))
    own = [path for path in readable_paths(root) if path.startswith(str(tmp_path))]
    assert own == [f"{tmp_path}/{name}" for name in ("tree/bin", "tree/lib/standard", "wanted")]


def test_a_folder_of_a_program_goes_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    scratch = Scratch(jailed=False, user=os.getuid())
    place = scratch.fresh()
    here = os.getcwd()
    os.chdir(place)
    for _ in range(3000):
        os.mkdir("deeper")
        os.chdir("deeper")
    os.chdir(here)
    os.mkdir(f"{place}/closed", 0o000)
    scratch.close()
    assert not os.path.exists(scratch.path)
    remove_tree(str(tmp_path / "nothing"))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_strict_filter_fits_the_kernel_and_its_jumps_stay_within(machine: str) -> None:
    program = seccomp_strict.build_filter(machine, 4242)
    assert len(program) // 8 <= 4096
    assert (4242).to_bytes(4, "little") in program
