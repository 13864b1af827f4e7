"""Every mistake is told in a sentence, with its exit code, before anything is spent."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

RULE = "def priority(item, bins):\n    return 0 * bins\n"
FILES = {
    "rule.py": RULE,
    "unfinished.py": "x = (\n",
    "raises.py": "raise ValueError('boo')\n",
    "empty.py": "",
    "text.db": "no database\n",
    "name.json": '{"instances": [{"name": "a"}]}',
    "set.json": '{"instances": [{"capacity": 10, "items": [11]}]}',
}

MISTAKES = [
    ("rnu", "Did you mean 'run'?"),
    ("run online_bin_packing --evalutions 3", "--evaluations"),
    ("run online_bin_pakcing", "Did you mean online_bin_packing?"),
    ("run online_bin_packing --method genetik", "genetic"),
    ("run online_bin_packing --set itmes=3", "Did you mean 'items'?"),
    ("run online_bin_packing --set items=many", "a whole number, got many"),
    ("run online_bin_packing --set items", "KEY=VALUE"),
    ("run online_bin_packing --set items=3 --set items=4", "two: 3 and 4"),
    ("run online_bin_packing --method-set islnds=3", "Did you mean islands?"),
    ("run online_bin_packing --minutes nan", "--minutes: expected a number above 0"),
    ("run online_bin_packing --evaluations 0", "--evaluations: expected at least 1, got 0"),
    ("run online_bin_packing --evaluations many", "--evaluations: expected a whole number, got many"),
    ("run online_bin_packing --minutes ten", "--minutes: expected a number, got ten"),
    ("run online_bin_packing --workers 0", "--workers"),
    ("run online_bin_packing --name a --new b", "--new"),
    ("run online_bin_packing --storage text.db", "sqlite:///text.db"),
    ("run online_bin_packing --storage sqlite:///text.db", "no database"),
    ("run online_bin_packing --storage sqlite:///folder", "the directory"),
    ("run online_bin_packing --storage sqlite:///no/where.db", "directory that exists"),
    ("run unfinished.py:Mine", "'(' was never closed, line 1"),
    ("run raises.py:Mine", "ValueError: boo"),
    ("run empty.py:Mine", "(there: none)"),
    ("run missing.py:Mine", "There is no such file"),
    ("run rule.py", "Say what of it: rule.py:Name."),
    ("evaluate online_bin_packing folder", "the directory folder"),
    ("evaluate online_bin_packing rul.py", "Did you mean rule.py?"),
    ("evaluate online_bin_packing binary.py", "binary"),
    ("evaluate online_bin_packing rule.py --tier test", "'valid' or 'train', got test. Held-out tiers are opened by"),
    ("evaluate online_bin_packing .", "mistakes"),
    ("evaluate online_bin_packing rule.py --set instances=name.json", "'capacity' and 'items', got one with 'name'."),
    ("run", "Missing argument 'PROBLEM'. Their names: heuresis problems."),
    ("run online_bin_packing --minutes -1", "--minutes: expected a number above 0, got -1."),
    ("diff 0000", "'NEW'"),
    ("evaluate online_bin_packing rule.py --set instances=none.json", "none.json"),
    ("evaluate online_bin_packing rule.py --set instances=set.json", "instances[0].items[0]"),
    ("top", "`heuresis run` makes one"),
    ("top --storage sqlite:///text.db", "no database"),
    ("new problem rule.py", "Nothing was overwritten"),
    ("new problem folder", "a name such as my_problem.py"),
    ("new problem no/where.py", "a place that can be written"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mistakes")
    for name, text in FILES.items():
        (place / name).write_text(text)
    (place / "binary.py").write_bytes(bytes(range(256)))
    (place / "folder").mkdir()
    return place


def is_a_sentence(done: subprocess.CompletedProcess[str]) -> bool:
    lines = done.stderr.splitlines()
    return len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith((".", "?"))


@pytest.mark.parametrize(("line", "told"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_ends_with_2_and_one_sentence_and_makes_nothing(
    line: str, told: str, folder: Path, command: Any
) -> None:
    before = sorted(folder.iterdir())
    done = command(*line.split(), cwd=folder)
    assert done.returncode == 2
    assert is_a_sentence(done), done.stderr
    assert told in done.stderr
    assert done.stdout == ""
    assert [path for path in sorted(folder.iterdir()) if path.name != "__pycache__"] == before
    assert (folder / "rule.py").read_text() == RULE


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("top nowhere", "Tiny-genetic"),
        ("show zzzz", "hex digits"),
        ("show 000", "4 to 64 hex digits"),
        ("show ''", "got ''."),
        ("show 00000000", "`heuresis top` lists the best"),
        ("diff 00000000 11111111", "a program of this store"),
        ("store check nowhere", "Tiny-genetic"),
        ("add missing.py", "There is no such file"),
    ],
)
def test_a_mistake_about_a_store_ends_with_2_and_one_sentence(
    line: str, told: str, campaign: Any, command: Any
) -> None:
    done = command(*shlex.split(line), cwd=campaign.folder)
    assert done.returncode == 2
    assert is_a_sentence(done), done.stderr
    assert told in done.stderr


@pytest.mark.parametrize("line", ["", "new", "store"])
def test_a_command_without_arguments_prints_its_help(line: str, tmp_path: Path, command: Any) -> None:
    done = command(*line.split(), cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: heuresis" in done.stdout
    assert done.stderr == ""


@pytest.mark.root
def test_a_full_disk_is_told_and_what_was_judged_is_kept(tmp_path: Path, command: Any, tiny: str) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        words = ("run", tiny, "--evaluations", "100000", "--workers", "1", "--storage", f"sqlite:///{small}/small.db")
        done = command(*words, cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        assert is_a_sentence(done), done.stderr
        assert "full" in done.stderr
        assert command("store", "check", "--storage", f"sqlite:///{small}/small.db", cwd=tmp_path).returncode == 0
    finally:
        subprocess.run(["umount", str(small)], check=True)
