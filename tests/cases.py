"""Cases of a test that takes seconds for each: the first of them in every run, all of them in `make test-slow`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def often(cases: Sequence[Any], first: int = 2, *, ids: Sequence[str] | None = None) -> list[Any]:
    """The cases as parameters, with all but the first ones marked slow."""
    names = list(ids) if ids is not None else [None] * len(cases)
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=[pytest.mark.slow] if place >= first else [], id=name
        )
        for place, (case, name) in enumerate(zip(cases, names, strict=True))
    ]
