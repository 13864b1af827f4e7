"""`heuresis fake-model` in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from heuresis.testing.answers import Text
from heuresis.testing.server import ModelServer

# The command under the same guard as every other, in an application of its own.
CODE = """
import sys, typer
from heuresis.cli.exits import guarded
from heuresis.cli.fake_model import fake_model
app = typer.Typer()
app.command()(fake_model)
sys.exit(guarded(lambda: typer.main.get_command(app).main(args=sys.argv[1:], standalone_mode=False)))
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    started = []

    def begun(*words: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-c", CODE, *words]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield begun
    for process in started:
        process.kill()
        process.communicate()


def test_it_says_what_it_is_answers_and_ends_with_ctrl_c(start):
    process = start("--port", "0")
    lines = [process.stdout.readline() for _ in range(3)]
    assert "not a language model" in lines[0]
    url = re.search(r"http://127\.0\.0\.1:\d+/v1", lines[1])[0]
    assert f"run online_bin_packing --model openai/stand-in --api-base {url} --price 0,0" in lines[2]
    asked = json.dumps({"messages": [{"role": "user", "content": "Hello?"}]}).encode()
    with urllib.request.urlopen(f"{url}/chat/completions", asked, timeout=10) as response:
        answer = json.load(response)
    assert answer["model"] == "heuresis-stand-in"
    assert "not a language model" in answer["choices"][0]["message"]["content"]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (130, "")


def test_a_port_that_is_taken_is_told_in_words(start):
    with ModelServer(Text("x")) as server:
        process = start("--port", str(server.port))
        _, errors = process.communicate(timeout=30)
        expected = f"error: --port: expected a port that is free, got {server.port}. Address already in use.\n"
        assert (process.returncode, errors) == (2, expected)


def test_a_share_of_faults_is_at_most_one(start):
    process = start("--faults", "1.5")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "--faults" in errors
