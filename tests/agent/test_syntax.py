"""What of a program may change, and that nothing else does."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from heuresis.agent.syntax import blocks, changed_outside_blocks, mixes, parse, replace, roots, sites, size, with_numpy
from heuresis.agent.syntax_constants import constants, with_constants
from heuresis.agent.syntax_kinds import Kind
from heuresis.evaluators.signature import EntryPoint

ENTRY = (EntryPoint.parse("priority(item: float, bins: float[n]) -> float[n]"),)

PROGRAM = '''"""A rule."""
import numpy as np  # näive comment: two bytes in UTF-8


def priority(item, bins):
    """Not a constant: 7."""
    gap = bins - item  # what is left
    # a choice
    return np.where(gap < 2.5, -3 * gap, bins[0] + 1e-3)
'''

MARKED = """import numpy as np

LIMIT = 3
# EVOLVE-BLOCK-START
def priority(item, bins):
    return bins - 2 * item
# EVOLVE-BLOCK-END


def helper(x: float):
    return x + 5
"""


def kinds(text: str) -> dict[str, Kind]:
    return {site.text: site.kind for site in sites(roots(text, ENTRY))}


def test_expressions_have_rough_kinds() -> None:
    found = kinds(PROGRAM)
    assert found["gap"] == found["bins - item"] == found["-3 * gap"] == Kind(1)
    assert found["gap < 2.5"] == Kind(1, True)
    assert found["item"] == found["bins[0]"] == found["2.5"] == Kind(0)
    assert found["np.where(gap < 2.5, -3 * gap, bins[0] + 0.001)"] == Kind(1)


def test_parameters_are_known_by_position_under_the_programs_own_names() -> None:
    assert kinds("def priority(x, rooms):\n    return rooms * x\n")["rooms"] == Kind(1)


def test_what_nobody_can_tell_is_no_site() -> None:
    found = kinds("import numpy as np\ndef priority(item, bins):\n    return f(bins) + bins[bins > item]\n")
    assert "f(bins) + bins[bins > item]" not in found
    assert "bins[bins > item]" not in found
    assert found["bins"] == Kind(1)


def test_replacing_an_expression_keeps_the_rest_byte_for_byte() -> None:
    site = next(site for site in sites(roots(PROGRAM, ENTRY)) if site.text == "-3 * gap")
    changed = replace(PROGRAM, site, "item + (gap)")
    assert changed == PROGRAM.replace("-3 * gap", "item + gap").replace("1e-3", "0.001")


def test_constants_are_found_with_their_signs_and_structure_is_left_out() -> None:
    assert [number.value for number in constants(roots(PROGRAM, ENTRY))] == [2.5, -3.0, 0.001]
    text = "import numpy as np\ndef priority(a, b):\n    return b[1:3] + np.zeros(4) + np.sum(b, axis=0) ** 2\n"
    assert [number.value for number in constants(roots(text, ENTRY))] == [2.0]


@pytest.mark.parametrize("value", [-2.0, 0.0, 1e-7, 3.25, 1e20])
def test_a_constant_means_its_value_wherever_it_stands(value: float) -> None:
    text = "def priority(item, bins):\n    return item - 3 ** 2 + (-3) ** 2\n"
    found = constants(roots(text, ENTRY))
    scope: dict[str, object] = {}
    exec(with_constants(text, found, [value, 2, value, 2]), scope)
    assert scope["priority"](1.0, None) == 1.0 - value**2 + value**2  # type: ignore[operator]


def test_setting_constants_to_their_own_values_changes_nothing_else() -> None:
    found = constants(roots(PROGRAM, ENTRY))
    again = with_constants(PROGRAM, found, [number.value for number in found])
    assert ast.dump(ast.parse(again)) == ast.dump(ast.parse(PROGRAM))
    assert "# what is left" in again
    assert "# a choice" in again


def test_without_markers_all_may_change_and_with_them_only_what_is_between() -> None:
    assert [root.function for root in roots(PROGRAM, ENTRY)] == ["priority", "priority"]
    assert [root.function for root in roots(MARKED, ENTRY)] == ["priority"]
    [block] = blocks(MARKED)
    inside = MARKED.encode()[block.start : block.end].decode()
    assert inside == "def priority(item, bins):\n    return bins - 2 * item\n"


def test_a_start_without_an_end_reaches_to_the_end() -> None:
    text = "x = 1\n# EVOLVE-BLOCK-START\ny = 2\n"
    [block] = blocks(text)
    assert text[block.start : block.end] == "y = 2\n"


@pytest.mark.parametrize(
    ("old", "new", "outside"),
    [
        ("2 * item", "3 * item", False),
        ("bins - 2", "bins -\\\n 2", False),
        ("LIMIT = 3", "LIMIT = 4", True),
        ("x + 5", "x + 6", True),
        ("# EVOLVE-BLOCK-START\n", "", True),
        ("# EVOLVE-BLOCK-END\n", "", True),
        ("    return bins", "# EVOLVE-BLOCK-END\n# EVOLVE-BLOCK-START\n    return bins", True),
    ],
)
def test_a_change_outside_the_markers_is_noticed(old: str, new: str, outside: bool) -> None:
    assert changed_outside_blocks(MARKED, MARKED.replace(old, new)) is outside


def test_without_markers_nothing_is_outside() -> None:
    assert not changed_outside_blocks(PROGRAM, "")


def test_numpy_is_imported_once_and_inside_the_markers() -> None:
    assert with_numpy(PROGRAM) == PROGRAM
    bare = MARKED.replace("import numpy as np\n", "")
    imported = with_numpy(bare)
    assert "import numpy as np" in imported
    assert not changed_outside_blocks(bare, imported)
    assert with_numpy(imported) == imported


def test_size_counts_nodes_and_no_docstring() -> None:
    assert size("def f(x):\n    '''Long words.'''\n    return x\n") == size("def f(x):\n    return x\n") == 2
    assert size("def f(x):\n    return x + 1\n") == 4


@pytest.mark.parametrize(
    ("expression", "mixed"),
    [
        ("np.where(bins > item, bins, -bins)", False),
        ("np.zeros(len(bins))", False),
        ("bins * len(bins)", True),
        ("bins - np.max(bins)", True),
        ("bins.sum() * bins", True),
        ("-np.arange(len(bins))", True),
        ("bins[::-1]", True),
    ],
)
def test_programs_that_mix_elements_are_told_from_elementwise_ones(expression: str, mixed: bool) -> None:
    assert mixes(f"import numpy as np\ndef priority(item, bins):\n    return {expression}\n") is mixed


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_lines_may_end_in_any_way(newline: str) -> None:
    text = f"x = '\x0c'{newline}def priority(item, bins):{newline}    return bins - item  # end{newline}"
    site = next(site for site in sites(roots(text, ENTRY)) if site.text == "bins - item")
    assert replace(text, site, "bins") == text.replace("bins - item", "bins")


@pytest.mark.parametrize("text", ["def f(:", "x = '\0'", "(" * 500 + ")" * 500, "x = '\ud800'", "-" * 100_000 + "1"])
def test_text_that_is_no_program_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        parse(text)


def test_offsets_count_bytes_not_characters() -> None:
    text = "def priority(größe, kästen):\n    return kästen - größe * 2  # ü\n"
    site = next(site for site in sites(roots(text, ENTRY)) if site.text == "größe * 2")
    assert replace(text, site, "größe") == "def priority(größe, kästen):\n    return kästen - größe  # ü\n"
    scope: dict[str, object] = {}
    exec(replace(text, site, "größe"), scope)
    assert scope["priority"](1.0, np.ones(2)).tolist() == [0.0, 0.0]  # type: ignore[operator]
