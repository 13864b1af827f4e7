"""Plugins that behave badly while they are imported: the list is made all the same, and says what each did."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.conftest import install, python

MODULES = {
    "furious": "class Fury(BaseException): ...\nraise Fury('no reason')\n",
    "leaving": "import sys\nsys.exit(0)\n",
    "loud": "print('hello from the plugin')\nfrom heuresis import Hook\n\nclass Loud(Hook): ...\n",
    "rash": "from heuresis import Hook\n\nclass Rash(Hook):\n    def __init__(self):\n        raise KeyError('rash')\n",
    "gone": "import os\nos._exit(0)\n",
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def rude(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rude")
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    hooks = {name: f"{name}:{name.title()}" for name in MODULES}
    return install(folder, "heuresis-rude", "0.1", {"heuresis.hooks": hooks})


def test_nothing_that_a_plugin_does_on_import_breaks_the_list(rude: Path, tmp_path: Path) -> None:
    done = python("-m", "heuresis", "plugins", "--format", "json", cwd=tmp_path, path=rude)
    assert done.returncode == 0, done.stderr
    seen = {row["name"]: row["trouble"] for row in json.loads(done.stdout)}
    assert "Fury: no reason, line 2 of" in seen["furious"]
    assert "SystemExit: 0, line 2 of" in seen["leaving"]
    assert seen["loud"] == ""
    assert "KeyError: 'rash'" in seen["rash"]
    assert "ends the process that imports it" in seen["gone"]
