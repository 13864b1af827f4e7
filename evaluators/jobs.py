"""What a driver asks of a referee process, and how it is framed. Both ends are ours; no candidate bytes pass as code.

Frames: 4-byte little-endian length + msgpack (msgspec), typed on both ends.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.evaluators.racing import Bar
from heuresis.evaluators.recording import Transcript

T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """How a referee process is set up; sent once."""

    problem: str
    settings: Mapping[str, str]
    secret: bytes
    problem_hash: str = ""
    """What the campaign was started with; empty: any."""
    isolation: str = "auto"
    allow_none: bool = False
    device: str = "auto"
    """`--device`: auto, cpu, cuda:N or GPU-UUID."""
    min_isolation: str = ""
    """`--min-isolation`: a weaker jail is not used."""
    wall_seconds: float = 0.0
    """Above 0: programs get so much time where the problem would give them more. For `heuresis problem check`."""


@dataclass(frozen=True)
class Ready:
    """The referee's answer to Setup: the isolation it got, or why not."""

    isolation: str = ""
    config_error: str = ""
    unavailable: str = ""


@dataclass(frozen=True)
class Job:
    """Judge a program: the whole way, or one tier."""

    files: Mapping[str, str]
    tier: Tier | None = None
    """None: smoke, screening, full. Else only this tier."""
    indices: tuple[int, ...] = ()
    champion: Bar | None = None
    """The best program known: one above it is played on fresh valid instances too (`Referee.judge`)."""
    bar: Bar | None = None
    """Stop the program when it is clearly behind this one."""
    transformation: str = ""
    """With a tier: its instances are played as this transformation of the problem changes them."""
    record_bytes: int = 0
    """Above 0: what crosses the wall is written down, up to so many compressed bytes."""


@dataclass(frozen=True)
class Done:
    """The referee's answer to Job."""

    evaluation: Evaluation | None = None
    unavailable: str = ""
    transcript: Transcript = field(default_factory=Transcript)
    """Empty unless it was asked for."""


def send(channel: socket.socket, message: object) -> None:
    body = msgspec.msgpack.encode(message)
    channel.sendall(len(body).to_bytes(4, "little") + body)


def receive(channel: socket.socket, kind: type[T]) -> T | None:
    """The next message, or None when the other end is gone."""
    head = _exactly(channel, 4)
    body = _exactly(channel, int.from_bytes(head, "little")) if head else b""
    return msgspec.msgpack.decode(body, type=kind) if body else None


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        try:
            part = channel.recv(min(count, 1 << 20))
        except ConnectionResetError:
            return b""
        if not part:
            return b""
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
