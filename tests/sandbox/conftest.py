"""One worker for the whole folder: that it survives every test is part of what is tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heuresis.sandbox.worker import JailWorker, open_worker


@pytest.fixture(scope="session")
def worker() -> Iterator[JailWorker]:
    with open_worker(runtime=("numpy",)) as worker:
        yield worker
