"""`heuresis sandbox check` tells what was tried, and `--min-isolation` is kept to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heuresis.sandbox.backends import SHIPPED
from heuresis.sandbox.worker import open_worker


def test_sandbox_check_names_every_kind_and_the_one_that_auto_takes(tmp_path: Path, command: Any) -> None:
    done = command("sandbox", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in SHIPPED)
    with open_worker() as worker:
        assert f"auto takes {worker.isolation}." in done.stdout


def test_sandbox_check_as_json_has_a_time_or_a_reason_for_each_kind(tmp_path: Path, command: Any) -> None:
    jails = json.loads(command("sandbox", "check", "--format", "json", cwd=tmp_path).stdout)
    assert [one["jail"] for one in jails][: len(SHIPPED)] == list(SHIPPED)
    for one in jails:
        assert bool(one["trouble"]) == (one["milliseconds"] is None) == (one["isolation"] == "")


def test_a_weaker_jail_than_asked_for_is_unavailable(tmp_path: Path, command: Any, tiny: str) -> None:
    program = tmp_path / "program.py"
    program.write_text("def guess(low, high): return low\n")
    words = ("evaluate", tiny, str(program), "--unsafe-no-sandbox", "--min-isolation")
    unknown = command(*words, "strong", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "min_isolation" in unknown.stderr
    with open_worker() as worker:
        weaker = worker.isolation.endswith("-nocgroup")
    if weaker:
        refused = command(*words, "namespaces", cwd=tmp_path)
        assert refused.returncode == 3
        assert "min_isolation asks for 'namespaces'" in refused.stderr
