"""Every random number of a campaign follows from its seed and the number of the brief it serves."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np


def brief_rng(seed: int, number: int, purpose: str) -> np.random.Generator:
    """HMAC-SHA256(seed, purpose/number): the same brief draws the same numbers, in any order, after any crash."""
    digest = hmac.new(str(seed).encode(), f"{purpose}/{number}".encode(), hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))
