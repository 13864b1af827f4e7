"""Whether plugins can be used: each is loaded in a process that may end, print or hang without harm to the list.

As a module it is that process: it loads the plugins of its argument (JSON: a list of kind and name) one after another
and prints a line of JSON for each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from heuresis.errors import ConfigError
from heuresis.plugins import cause_of, offered

Key = tuple[str, str]
"""Kind and name."""
_SECONDS = 60.0
"""For all of the plugins that one process loads."""


def troubles(wanted: Sequence[Key]) -> dict[Key, str]:
    """Why each plugin cannot be used; empty for one that can. After one that ends the process another goes on."""
    found: dict[Key, str] = {}
    while left := [one for one in wanted if one not in found]:
        printed, end = _examined(left)
        found |= {(kind, name): trouble for kind, name, trouble in map(json.loads, printed.splitlines())}
        missing = [one for one in left if one not in found]
        if missing:
            found[missing[0]] = end
    return found


def _examined(wanted: Sequence[Key]) -> tuple[bytes, str]:
    """What the process printed, and how the plugin that it did not come past ended it."""
    command = [sys.executable, "-P", "-m", __name__, json.dumps(wanted)]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=variables, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        return late.output or b"", f"is not imported within {_SECONDS:g} s"
    return done.stdout, f"ends the process that imports it (exit code {done.returncode})"


def shipped_and_loader(kind: str) -> tuple[Mapping[str, str], Callable[[str], object]]:
    """Names of ours, and what loads and checks one of theirs."""
    from heuresis.agent import catalog
    from heuresis.agent.models.catalog import is_of_openai, load_model
    from heuresis.evaluators.catalog import SHIPPED, load_problem
    from heuresis.library.hooks import load_hook
    from heuresis.sandbox.backends import ISOLATIONS, load_backend

    kinds: Mapping[str, tuple[Mapping[str, str], Callable[[str], object]]] = {
        "problems": (SHIPPED, load_problem),
        "methods": (catalog.METHODS, lambda name: catalog.load_method(name, {})),
        "operators": (catalog.OPERATORS, catalog.load_operator),
        "models": ({name: "" for name in offered("models") if is_of_openai(name)}, load_model),
        "sandboxes": (dict.fromkeys(ISOLATIONS, ""), load_backend),
        "hooks": ({}, load_hook),
    }
    return kinds[kind]


def _trouble(kind: str, name: str) -> str:
    try:
        shipped_and_loader(kind)[1](name)
    except ConfigError as error:
        return str(error)
    # A plugin's own code may raise anything; the list says what it raised.
    except BaseException as error:
        return cause_of(error)
    return ""


def _main() -> None:
    """What plugins print goes to stderr, whichever way they print it."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for kind, name in json.loads(sys.argv[1]):
            answers.write(json.dumps([kind, name, _trouble(kind, name)]) + "\n")
            answers.flush()


if __name__ == "__main__":
    _main()
