"""What every test gets: skips with a reason, and Hypothesis settings that do not depend on the machine's speed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import configuration, settings

configuration.set_hypothesis_home_dir(Path(__file__).parent.parent / ".pytest_cache" / "hypothesis")
# Wall-clock deadlines fail on a busy machine; CI draws the same examples every time.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ, database=None)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say why."""
    lacks = ("root", _no_root()), ("data", _no_data()), ("gpu", _no_gpu())
    lacking = {name: reason for name, reason in lacks if reason}
    for item in items:
        for name, reason in lacking.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the benchmark files; a test that asks for it is marked `data`."""
    return Path(os.environ["HEURESIS_DATA"])


def _no_root() -> str:
    return "" if os.geteuid() == 0 else "needs root (namespaces, cgroups)"


def _no_gpu() -> str:
    from heuresis.errors import Unavailable
    from heuresis.sandbox.gpu import find_devices

    try:
        return "" if find_devices() else "needs a GPU"
    except Unavailable as error:
        return f"needs a GPU: {error}"


def _no_data() -> str:
    folder = os.environ.get("HEURESIS_DATA")
    if not folder:
        return "needs the benchmark files: set HEURESIS_DATA to their folder"
    return "" if Path(folder).is_dir() else f"HEURESIS_DATA names {folder}, which is no folder"
