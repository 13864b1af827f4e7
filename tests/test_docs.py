"""The pages in docs/ and the README say what is true: their Python code runs, their links and commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
BLOCKS = [(page.name, number, code) for page in PAGES for number, code in enumerate(CODE.findall(page.read_text()))]


@pytest.mark.parametrize(("page", "number", "code"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS])
def test_the_python_code_of_a_page_runs(tmp_path, page, number, code):
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_there_is_code_to_run():
    assert BLOCKS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_exist(page):
    lines = [line.strip() for line in page.read_text().splitlines() if line.startswith("    ")]
    told = {line.split()[1] for line in lines if line.startswith("heuresis ")}
    shown = subprocess.run([sys.executable, "-m", "heuresis", "--help"], capture_output=True, text=True).stdout
    assert told <= set(re.findall(r"[a-z-]+", shown))
