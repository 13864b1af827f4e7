"""Texts are rendered strictly, and each template's full text is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heuresis.prompts import render as prompts
from heuresis.prompts.render import TemplateError, render

VALUES: dict[str, Any] = {
    "name": "sorting",
    "statement": 'order(x) returns the numbers of x in rising order. <b>& "quotes"</b> stay as they are.',
    "signatures": ["order(x: float[n]) -> float[n]", "name() -> str"],
    "runtime": ["numpy", "scipy"],
    "block_size": 64,
    "wall_seconds": "20",
    "cpu_seconds": "20",
    "memory_mib": 2048,
    "processes": 64,
    "output_kib": 1024,
    "metric": "errors",
    "unit": "1/item",
    "direction": "min",
    "instances": 20,
    "one_task": False,
    "self_reported": False,
    "other_objectives": ["comparisons (min)"],
    "references": ["quicksort: 0 on random (Hoare 1961)"],
    "seeds": [{"name": "library", "text": "def order(x):\n    return sorted(x)"}],
}


def test_the_statement_of_a_problem_is_word_for_word_as_agreed() -> None:
    assert render("problem", **VALUES) == Path(__file__).with_name("problem.md").read_text()


def test_parts_that_a_problem_lacks_leave_no_trace() -> None:
    lacking = {"references": [], "other_objectives": [], "unit": "", "direction": "max", "seeds": []}
    text = render("problem", **VALUES | lacking)
    assert "Programs to start from" not in text
    assert text.endswith("has no score.\n")
    assert "Published" not in text
    assert "Also looked at" not in text
    assert "The score is `errors`: higher is better." in text
    assert "\n\n\n" not in text


def test_of_one_task_no_instances_are_told_that_a_program_does_not_know() -> None:
    text = render("problem", **VALUES | {"one_task": True})
    assert "on the one task that is told above." in text
    assert "does not know" not in text


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_missing_name_is_an_error(name: str) -> None:
    with pytest.raises(TemplateError, match=f"missing \\['{name}'\\]"):
        render("problem", **{key: value for key, value in VALUES.items() if key != name})


def test_an_unused_name_is_an_error() -> None:
    with pytest.raises(TemplateError, match="unused \\['colour'\\]"):
        render("problem", **VALUES, colour="green")


def test_an_unknown_template_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(TemplateError, match=r"there are: .*problem"):
        render("poem")


def test_every_template_can_be_parsed() -> None:
    for name in prompts.names():
        with pytest.raises(TemplateError, match="unused"):
            render(name, surely_unused=1)
