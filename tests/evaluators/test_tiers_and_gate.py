"""Secret seeds, the gate, parameters, signatures: what is decided before anything runs."""

from __future__ import annotations

import pytest

from heuresis.errors import ConfigError
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.gate import MAX_CHARACTERS, refusal
from heuresis.evaluators.nouns import Tier
from heuresis.evaluators.parameters import read_parameters
from heuresis.evaluators.signature import EntryPoint
from heuresis.evaluators.tiers import instance_seed
from heuresis.program import Limits, Program

ENTRY = [EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]")]


def test_no_two_tiers_indices_purposes_or_secrets_share_a_seed():
    seeds = {
        instance_seed(secret, tier, index, purpose)
        for secret in (b"a", b"b")
        for tier in Tier
        for index in range(50)
        for purpose in ("instance", "exam")
    }
    assert len(seeds) == 2 * 4 * 50 * 2


def test_a_good_program_passes_the_gate():
    assert refusal(Program.of("def priority(item, bins):\n    return bins\n"), ENTRY) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def priority(item, bins)\n", "not valid Python"),
        ("def other(item): pass\n", "entry point missing"),
        ("x = 1\0", "not valid Python"),
        ("#" * (MAX_CHARACTERS + 1), "too large"),
        ("priority = " + "(" * 5000 + ")" * 5000, "not valid Python"),
        ("priority = " + "-" * 100_000 + "1", "not valid Python"),
        ("import " + "a." * 99_000 + "a", "a name with more than 256 dots"),  # else minutes and gigabytes
        ("from a" + "\\\n . e\u0301" * 300 + " import a", "more than 256 dots (line 2)"),
        ("priority = f'" + "{a}" * 60_000 + "'", "too many braces"),  # else a minute
        ("# -*- coding: utf-7 -*-\n", "names another encoding than UTF-8"),
        ("\r# coding: utf-7\npriority = 1\n", "names another encoding than UTF-8"),  # the second line, to Python
        ("#!/bin/sh\r\n# vim: set fileencoding=latin-1 :\n", "names another encoding than UTF-8"),
        ("# coding: nonsense\n", "names another encoding than UTF-8"),
        ("\ufeffpriority = 1\n", "byte order mark"),
    ],
)
def test_what_cannot_run_is_refused_with_a_reason(text, reason):
    assert reason in (refusal(Program.of(text), ENTRY) or "")


def test_a_coding_line_may_say_utf_8_and_later_lines_may_say_anything():
    for line in ("# coding: utf8\n", "# -*- coding: UTF_8 -*-\n", "x = 1\ny = 2\n# coding: utf-7\n"):
        assert refusal(Program.of(f"{line}def priority(item, bins):\n    return bins\n"), ENTRY) is None


def test_every_python_file_is_looked_at():
    files = {"program.py": "priority = print\n", "other.py": "# coding: utf-7\n", "notes.txt": "# coding: utf-7\n"}
    assert "other.py names another encoding" in (refusal(Program(files), ENTRY) or "")


def test_a_signature_knows_its_arrays():
    entry = EntryPoint.parse("select(current: int, distance: float[n,n], name) -> int")
    assert [(p.name, p.type, p.is_array) for p in entry.parameters] == [
        ("current", "int", False),
        ("distance", "float[n,n]", True),
        ("name", "", False),
    ]
    assert EntryPoint.parse(entry.signature) == entry
    with pytest.raises(ConfigError, match="signature"):
        EntryPoint.parse("priority item bins")


def test_parameters_take_the_type_of_their_default():
    defaults = {"size": 10, "rate": 0.5, "fast": False, "kind": "a"}
    assert read_parameters(defaults, {"size": "7", "rate": "2", "fast": "yes", "kind": "b"}) == {
        "size": 7, "rate": 2.0, "fast": True, "kind": "b",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("siz", "7", "Did you mean 'size'"),
        ("size", "7.5", "a whole number, got 7.5"),
        ("rate", "nan", "a finite number, got nan"),
        ("fast", "perhaps", "true or false, got perhaps"),
    ],
)
def test_a_bad_parameter_names_the_key_what_was_expected_and_what_came(name, value, words):
    with pytest.raises(ConfigError, match=words):
        read_parameters({"size": 10, "rate": 0.5, "fast": False}, {name: value})


def test_unknown_problems_are_told_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean online_bin_packing"):
        load_problem("online_bin_pakcing")
    with pytest.raises(ConfigError, match="no such file"):
        load_problem("missing.py:Mine")
    broken = tmp_path / "broken.py"
    broken.write_text("class Mine(:\n")
    with pytest.raises(ConfigError, match="line 1"):
        load_problem(f"{broken}:Mine")
    empty = tmp_path / "empty.py"
    empty.write_text("from heuresis.evaluators.problem import Problem\nclass Other(Problem): ...\n")
    with pytest.raises(ConfigError, match="there: Other"):
        load_problem(f"{empty}:Mine")


def test_a_program_is_its_text():
    assert Program.of("a = 1").id == Program.of("a = 1").id != Program.of("a = 2").id
    assert Program({"program.py": "a", "b.py": "c"}).id != Program({"program.py": "ac", "b.py": ""}).id
    for path in ("/etc/passwd", "../x.py", "a/../../x.py"):
        with pytest.raises(ConfigError, match="relative paths"):
            Program({"program.py": "", path: ""})


def test_limits_are_above_zero():
    with pytest.raises(ConfigError, match=r"limits\.wall_seconds"):
        Limits(wall_seconds=0)
