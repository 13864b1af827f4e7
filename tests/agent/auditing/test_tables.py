"""Programs whose text holds answers are found; honest ones, found or random, are not."""

from __future__ import annotations

import numpy as np
import pytest

from heuresis.agent.auditing.tables import LARGEST_CONTAINER, LARGEST_KEYED, MOST_EQUALITIES, tables
from heuresis.agent.operators.mutate import Mutate
from heuresis.evaluators.catalog import SHIPPED, load_problem
from heuresis.program import Program


def found(text: str) -> str:
    return " | ".join(one.text for one in tables(Program.of(text)))


KEYED = {n: n * n for n in range(LARGEST_KEYED)}
SUSPICIOUS = {
    "a table of": f"LAYOUT = {list(range(LARGEST_CONTAINER + 1))}\ndef pack(n):\n    return LAYOUT\n",
    "is asked by an input value": f"ANSWERS = {KEYED}\ndef guess(x):\n    return ANSWERS.get(round(x, 6), 0.0)\n",
    "is searched for an input value": f"def guess(x):\n    return 1.0 if x in {tuple(KEYED)} else 0.0\n",
    "a text of": f"DATA = {'7' * 300!r}\ndef guess(x):\n    return float(DATA[:3])\n",
    "a whole number of more than": f"def guess(x):\n    return {'9' * 40} % 7\n",
    "a fingerprint": "def guess(x):\n    return float(hash(x) % 7)\n",
    "tobytes() of an input": "import zlib\ndef pack(xs):\n    return zlib.crc32(xs.tobytes())\n",
    "makes code or data out of text": "import base64\ndef guess(x):\n    return float(base64.b64decode('MQ=='))\n",
    "compared with": "def guess(x):\n"
    + "".join(f"    if x == {n}.5:\n        return {n}.0\n" for n in range(MOST_EQUALITIES))
    + "    return 0.0\n",
    "% of the code is numbers": f"def guess(x):\n    return x + {' + '.join(f'x * {n / 7!r}' for n in range(1, 15))}\n",
}


@pytest.mark.parametrize("words", SUSPICIOUS)
def test_a_program_that_holds_answers_is_told_with_the_reason(words):
    assert words in found(SUSPICIOUS[words])


def test_a_table_is_followed_through_assignments():
    table = f"import numpy as np\nTABLE = np.array({list(KEYED)})\n"
    text = table + "def guess(x):\n    key = int(x)\n    place = key % 8\n    return TABLE[place]\n"
    assert "is asked by an input value" in found(text)


@pytest.mark.parametrize(
    "text",
    [
        f"def guess(x):\n    weights = {[0.5] * (LARGEST_KEYED - 1)}\n    return weights[int(x)]\n",
        f"def guess(x):\n    table = {list(range(LARGEST_CONTAINER))}\n    return sum(table)\n",
        f'"""{"words " * 60}"""\ndef guess(x):\n    """{"more " * 60}"""\n    return x\n',
        "def guess(x):\n    return TABLE[round(x)]\nTABLE = [x for x in range(1000)]\n",
        "def guess(x):\n    return 3.14159 * x + 2.71828 if x == 0 or x == 1 else 0.0\n",
    ],
)
def test_a_few_numbers_and_long_docstrings_are_no_table(text):
    assert found(text) == ""


def test_a_file_that_is_not_python_or_does_not_parse_is_left_to_the_gate():
    assert tables(Program({"program.py": "def (", "notes.txt": "1 " * 500})) == []


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_the_seeds_of_a_shipped_problem_are_honest(name):
    for text in load_problem(name).seeds.values():
        assert found(text) == ""


def test_random_genetic_programs_raise_no_alarm():
    problem, rng = load_problem("online_bin_packing"), np.random.default_rng(7)
    mutate, texts = Mutate(more=0.9), list[str]()
    while len(texts) < 30:
        for seed in problem.seeds.values():
            child = mutate.child(seed, problem.entries, rng)
            texts += [child.text] if child is not None else []
    assert len(set(texts)) >= 30
    assert [found(text) for text in texts] == [""] * len(texts)
