"""`Program` and `Limits`: what is run, and how much it may use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from heuresis.errors import ConfigError

MAIN_FILE = "program.py"


@dataclass(frozen=True)
class Program:
    """Source code: files by relative path. Equal text is one program."""

    files: Mapping[str, str]
    """path -> text; most programs have the one file `program.py`, which holds the entry points."""
    id: str = field(init=False, compare=False)
    """SHA-256 (hex) over the paths and texts, in path order."""

    def __post_init__(self) -> None:
        if MAIN_FILE not in self.files:
            raise ConfigError("files", f"a file named {MAIN_FILE}", sorted(self.files))
        for path in self.files:
            if path.startswith("/") or ".." in path.split("/") or "\\" in path or not path:
                raise ConfigError("files", "relative paths without '..'", path)
        object.__setattr__(self, "files", MappingProxyType(dict(sorted(self.files.items()))))
        object.__setattr__(self, "id", _manifest_hash(self.files))

    @classmethod
    def of(cls, text: str) -> Program:
        """The program whose only file is `program.py` with this text."""
        return cls({MAIN_FILE: text})

    @property
    def text(self) -> str:
        """The main file."""
        return self.files[MAIN_FILE]

    def __hash__(self) -> int:
        return hash(self.id)


def _manifest_hash(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for path, text in files.items():
        for part in (path.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


@dataclass(frozen=True)
class Limits:
    """What one jailed child may use over its life (one block of instances)."""

    wall_seconds: float = 20.0
    """Counted while the referee waits for the child, so our own work is not charged to it."""
    cpu_seconds: float = 20.0
    memory_bytes: int = 2 << 30
    processes: int = 64
    output_bytes: int = 1 << 20
    """stdout and stderr together."""
    file_bytes: int = 64 << 20
    """Size of each private in-memory file system (/tmp and /dev/shm)."""
    gpu_memory_bytes: int = 0
    """Of one GPU, with what CUDA itself takes (several hundred MB); 0: the program gets no GPU."""

    def __post_init__(self) -> None:
        for key in ("wall_seconds", "cpu_seconds", "memory_bytes", "processes", "output_bytes", "file_bytes"):
            if not getattr(self, key) > 0:
                raise ConfigError(f"limits.{key}", "a number above 0", getattr(self, key))
        if self.gpu_memory_bytes < 0:
            raise ConfigError("limits.gpu_memory_bytes", "a number, 0 for no GPU", self.gpu_memory_bytes)
