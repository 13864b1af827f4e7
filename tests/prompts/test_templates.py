"""The full text of every template is known, and a person's folder of templates is held to the same rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heuresis.errors import ConfigError
from heuresis.prompts.exhibit import Exhibit, exhibit
from heuresis.prompts.render import TemplateError, names, render, renderer

GOLDEN = Path(__file__).with_name("golden")
TASK = "# sorting\n\norder(x) returns the numbers of x in rising order."
LIBRARY = exhibit(
    "Program 1",
    "errors: 3 1/item",
    {"program.py": "def order(x):\n    return sorted(x)\n"},
    "leave it to the library",
    feedback="3 errors on instance 0\n",
)
REVERSED = exhibit("Program 2", "errors: 9 1/item", {"program.py": "def order(x):\n    return x[::-1]\n"})
FAILED = exhibit(
    "The program",
    "No score: it raised an error.",
    {"program.py": "def order(x):\n    return helper(x)\n", "notes.txt": "see helper"},
    reason="NameError: name 'helper' is not defined (program.py, line 2)",
)
MARKED = exhibit(
    "The program",
    "errors: 9 1/item",
    {"program.py": "import math\n# EVOLVE-BLOCK-START\ndef order(x):\n    return x\n# EVOLVE-BLOCK-END\n"},
    marked=True,
)
NOTES = ["“A comparison per item is enough.”", "“Do not copy the list.”"]
RETRY = {
    "known": False,
    "trouble": "Your program has no score: it raised an error.",
    "reason": FAILED.reason,
    "feedback": "",
    "kind": "full",
    "signatures": (),
}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "system": ("system", {}),
    "improve": ("improve", {"task": TASK, "parent": LIBRARY, "notes": NOTES, "kind": "full"}),
    "improve_marked": ("improve", {"task": TASK, "parent": MARKED, "notes": [], "kind": "full"}),
    "improve_diff": ("improve", {"task": TASK, "parent": LIBRARY, "notes": [], "kind": "diff"}),
    "combine": ("combine", {"task": TASK, "parent": LIBRARY, "others": [REVERSED], "notes": NOTES}),
    "invent": ("invent", {"task": TASK, "frame": None}),
    "invent_framed": ("invent", {"task": TASK, "frame": MARKED.code}),
    "versions": (
        "versions",
        {"task": TASK, "versions": [REVERSED, LIBRARY], "version": "v2", "signatures": ["order_v2(x) -> float[n]"]},
    ),
    "repair": ("repair", {"task": TASK, "parent": FAILED}),
    "reflect": ("reflect", {"task": TASK, "worse": REVERSED, "better": LIBRARY, "words": 60}),
    "design": ("design", {"task": TASK, "programs": [LIBRARY, REVERSED]}),
    "design_nothing": ("design", {"task": TASK, "programs": []}),
    "design_reflect": ("design_reflect", {"first": True}),
    "design_reflect_again": ("design_reflect", {"first": False}),
    "retry": ("retry", RETRY | {"feedback": "```text\n2 of 3 instances done\n```"}),
    "retry_unread": (
        "retry",
        RETRY | {"trouble": "Your answer could not be used:", "reason": "```text\nno block\n```", "kind": "diff"},
    ),
    "retry_known": ("retry", RETRY | {"known": True, "kind": "v2", "signatures": ("order_v2(x) -> float[n]",)}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_template_reads_word_for_word_as_agreed(case: str) -> None:
    name, values = CASES[case]
    assert render(name, **values) == (GOLDEN / f"{case}.txt").read_text()


def test_every_template_has_its_golden_text() -> None:
    assert {name for name, _ in CASES.values()} | {"problem"} == set(names())
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_parts_that_are_lacking_leave_no_gaps(case: str) -> None:
    name, values = CASES[case]
    text = render(name, **values)
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    assert not text.startswith("\n")


def test_what_an_exhibit_lacks_is_not_mentioned() -> None:
    text = render("repair", task=TASK, parent=Exhibit("The program", "No score.", "```python\npass\n```"))
    assert "Its idea" not in text
    assert "Why it failed" not in text
    assert "printed" not in text


def test_the_more_programs_are_shown_the_less_of_each() -> None:
    files = {"program.py": "x = 1\n" * 30_000}
    alone, crowded = (exhibit("Program 1", "", files, beside=beside).code for beside in (0, 99))
    assert len(crowded) < 2_100 < 59_000 < len(alone) < 60_100


# a person's folder


def test_a_template_in_a_persons_folder_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "system.md.j2").write_text("Write Python.\n")
    theirs = renderer(tmp_path)
    assert theirs("system") == "Write Python.\n"
    assert theirs("invent", task=TASK, frame=None) == render("invent", task=TASK, frame=None)


def test_a_shared_part_can_be_replaced_too(tmp_path: Path) -> None:
    (tmp_path / "_form.md.j2").write_text(
        "{% macro form(kind, signatures=()) %}\nAnswer in {{ kind }}.\n{% endmacro %}"
    )
    assert renderer(tmp_path)("invent", task=TASK, frame=None).endswith("\n\nAnswer in full.\n")


def test_without_a_folder_the_templates_are_ours() -> None:
    assert renderer(None) is render


@pytest.mark.parametrize("file", ["improve.md", "imporve.md.j2", "improve.j2", "README.md"])
def test_a_file_that_replaces_nothing_is_named(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("{{ task }}")
    with pytest.raises(ConfigError, match=rf"improve\.md\.j2.*got {file}"):
        renderer(tmp_path)


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    assert renderer(tmp_path)("design_reflect", first=True)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--prompts: expected a folder, got .*missing"):
        renderer(tmp_path / "missing")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ task }} {{ frame }} {{ mood }}", r"missing nothing, unknown \['mood'\]"),
        ("{{ task }}", r"missing \['frame'\], unknown nothing"),
        ("{% if task %}", "Unexpected end of template"),
        ("{{ task | shout }} {{ frame }}", "shout"),
    ],
)
def test_a_wrong_template_is_named_before_anything_is_spent(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "invent.md.j2").write_text(text)
    with pytest.raises(ConfigError, match=rf"invent\.md\.j2: expected .*{words}"):
        renderer(tmp_path)("invent", task=TASK, frame=None)


def test_a_persons_template_runs_no_code(tmp_path: Path) -> None:
    (tmp_path / "invent.md.j2").write_text("{{ task.__class__.__mro__[1].__subclasses__() }}{{ frame }}")
    with pytest.raises(ConfigError, match="unsafe"):
        renderer(tmp_path)("invent", task=TASK, frame=None)


def test_a_wrong_value_stays_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="unused"):
        renderer(tmp_path)("system", colour="green")
