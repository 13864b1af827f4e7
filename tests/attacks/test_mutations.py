"""Each defence, switched off in a copy of the source, turns an attack red: none is there for show, none is untested."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.attacks.mutations import MUTATIONS, Mutation, attacked, mutated_copy

NOTHING = Mutation("nothing", (), "test_a06 or test_a09 or test_a21 or test_a35 or test_hostile_frames")


def test_every_defence_is_still_where_the_list_says(tmp_path: Path) -> None:
    mutated_copy(tmp_path / "copy", NOTHING)
    for mutation in MUTATIONS:
        for file, old, _ in mutation.edits:
            assert (tmp_path / "copy" / file).read_text(encoding="utf-8").count(old) == 1, mutation.defence


@pytest.mark.slow
@pytest.mark.root
def test_with_every_defence_the_attacks_fail(tmp_path: Path) -> None:
    mutated_copy(tmp_path, NOTHING)
    done = attacked(tmp_path, NOTHING.attacks)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.defence)
def test_without_a_defence_an_attack_succeeds(tmp_path: Path, mutation: Mutation) -> None:
    mutated_copy(tmp_path, mutation)
    if mutation.hangs:
        with pytest.raises(subprocess.TimeoutExpired):
            attacked(tmp_path, mutation.attacks, timeout=60)
        return
    done = attacked(tmp_path, mutation.attacks)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"\d+ (failed|error)", done.stdout), done.stdout[-3000:]
