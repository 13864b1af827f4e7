"""Secret seeds: which random numbers an instance is made from."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

from heuresis.evaluators.nouns import Tier

PUBLIC_SECRET = b"heuresis: a public secret, for `evaluate` outside a campaign"
"""`heuresis evaluate` judges with instances that anybody can make again; a campaign draws a secret of its own."""


def instance_seed(secret: bytes, tier: Tier, index: int, purpose: str = "instance") -> int:
    """64 bits: HMAC-SHA256(secret, tier/index/purpose). Tiers never share a seed."""
    message = f"{tier.value}/{index}/{purpose}".encode()
    return int.from_bytes(hmac.new(secret, message, hashlib.sha256).digest()[:8], "little")


def instance_rng(secret: bytes, tier: Tier, index: int, purpose: str = "instance") -> np.random.Generator:
    return np.random.default_rng(instance_seed(secret, tier, index, purpose))
