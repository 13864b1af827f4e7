"""Replays recorded calls against a program and compares what it answers. Needs Python and numpy, nothing else.

    python replay.py PACKAGE RECORDING BLOCK      one block of the recording, from 0

A recording is a gzip file of JSON lines. A line `block` begins a fresh process of the search: the random generators are
seeded and the program is loaded anew. A line `call` holds calls and what the program answered to each; `send` holds
calls whose answers nobody waited for; `free` names kept objects that were let go; `cut` says that the recording ends
before the block did. JSON values stand for themselves. All else is an object with one key:

    {"array": [dtype, shape, base64]}   little-endian bytes in C order     {"tuple": [...]}   {"dict": {...}}
    {"bytes": base64}                   {"rng": seed}   numpy.random.default_rng(seed)
    {"handle": n}                       an object that the program returned and that was kept under this number
    {"function": n}                     a function of the caller; `uses` lists, in order, [n, args, kwargs, outcome]
    {"new_ref": n, "array": [...]}      a read-only array, named {"ref": n} from then on
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib
import importlib.util
import inspect
import json
import platform
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
"""The search ran programs with these set; sums and the order of sets depend on them."""
RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far numbers may differ where libraries or processor are not those of the recording."""


class Different(AssertionError):
    """The program does not answer as it did."""


class GivenUp(BaseException):
    """The caller's function raised: the search ended this call."""


class _End(BaseException):
    """The recording ends here."""


def program_id(files: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over paths and texts in path order, each after its length in bytes (8 bytes, little-endian)."""
    digest = hashlib.sha256()
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def platform_now(distributions: list[str]) -> dict[str, str]:
    """What answers to the last bit depend on: Python, libraries, machine, vector instructions that numpy found."""
    versions = {name: version_of(name) for name in distributions}
    found = np.show_config(mode="dicts") or {}
    vectors = " ".join(found.get("SIMD Extensions", {}).get("found", ()))
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **versions, "machine": platform.machine(), "vector_instructions": vectors}


def version_of(distribution: str) -> str:
    """Of an installed distribution; `none` where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "none"


def blocks(recording: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(what the block is, its lines), in order."""
    head: dict[str, Any] | None = None
    lines: list[dict[str, Any]] = []
    with gzip.open(recording, "rt", encoding="ascii") as file:
        for line in map(json.loads, file):
            if "block" in line:
                if head is not None:
                    yield head, lines
                head, lines = line["block"], []
            else:
                lines.append(line)
    if head is not None:
        yield head, lines


def seed_everything(seed: int) -> None:
    """As each process of the search was seeded before it loaded the program."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed % 2**63)


@dataclass
class Replay:
    """One block, played against one freshly loaded program."""

    find: Callable[[str, tuple[Any, ...], dict[str, Any]], Callable[..., Any]]
    """The entry point of this name, for these arguments."""
    exact: bool
    """Whether answers must be equal to the last bit."""
    objects: dict[int, Any] = field(default_factory=dict)
    refs: dict[int, Any] = field(default_factory=dict)
    uses: Iterator[list[Any]] = field(default_factory=lambda: iter(()))
    cut: bool = False
    functions: dict[int, Callable[..., Any]] = field(default_factory=dict)
    calls: int = 0

    def play(self, lines: list[dict[str, Any]]) -> int:
        """The number of calls that were answered as recorded. Raises Different."""
        self.cut = any("cut" in line for line in lines)
        self.uses = iter([use for line in lines for use in line.get("uses", ())])
        try:
            for line in lines:
                self._line(line)
        except _End:
            return self.calls
        if next(self.uses, None) is not None:
            raise Different("the program uses the functions it was given fewer times than it did")
        return self.calls

    def _line(self, line: dict[str, Any]) -> None:
        calls = line.get("call") or line.get("send") or ()
        answers = line.get("answers") or [None] * len(calls)
        for call, answer in zip(calls, answers, strict=True):
            outcome = self._outcome(call)
            if answer is not None:
                self._compare_outcomes(call["name"], outcome, answer)
            self.calls += 1
        for number in line.get("free", ()):
            self.objects.pop(number, None)

    def _outcome(self, call: dict[str, Any]) -> tuple[str, Any]:
        """("value", value) or ("error", type's name), as the jail would say it."""
        args = tuple(self.decode(value) for value in call["args"])
        kwargs = {name: self.decode(value) for name, value in call.get("kwargs", {}).items()}
        try:
            if "target" in call:
                value = getattr(self.objects[call["target"]], call["name"])(*args, **kwargs)
            else:
                value = self.find(call["name"], args, kwargs)(*args, **kwargs)
        except (_End, Different, KeyboardInterrupt):
            raise
        except BaseException as error:  # the program's own: it is compared with what was recorded
            return "error", type(error).__name__
        return "value", value

    def _compare_outcomes(self, name: str, outcome: tuple[str, Any], answer: dict[str, Any]) -> None:
        kind, value = outcome
        if "error" in answer:
            told = answer["error"]
            if told.startswith("returned a ") or (kind, value) == ("error", told):
                return
            raise Different(f"{name} raised {told} in the search, and now gives {kind} {value!r:.200}")
        if kind == "error":
            raise Different(f"{name} raises {value}, and answered in the search")
        recorded = answer["value"]
        if isinstance(recorded, dict) and "handle" in recorded:
            self.objects[recorded["handle"]] = value
        elif not self.equal(value, self.decode(recorded)):
            raise Different(
                f"call {self.calls + 1}: {name} answers {value!r:.300}, and answered {self.decode(recorded)!r:.300}"
            )

    def decode(self, value: Any) -> Any:
        """The value that this JSON stands for; arrays are writable and new each time."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "new_ref" in value:
            self.refs[value["new_ref"]] = _array(*value["array"])
            self.refs[value["new_ref"]].flags.writeable = False
            return self.refs[value["new_ref"]]
        [(kind, inside)] = value.items()
        return _KINDS[kind](self, inside)

    def function(self, number: int) -> Callable[..., Any]:
        """A function of the caller: it must be asked what it was asked, and answers what it answered."""

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            use = next(self.uses, None)
            if use is None and self.cut:
                raise _End
            if use is None or use[0] != number:
                raise Different("the program uses the functions it was given more often, or in another order")
            _, asked, named, outcome = use
            if not (self.equal(list(args), self.decode(asked)) and self.equal(kwargs, self.decode(named))):
                raise Different(f"the program asks a function for {args!r:.300}, and asked {self.decode(asked)!r:.300}")
            if "raised" in outcome:
                raise GivenUp
            return self.decode(outcome["value"])

        return self.functions.setdefault(number, stand_in)

    def equal(self, mine: Any, recorded: Any) -> bool:
        """Equal as values that cross the wall of the jail: numpy's numbers are Python's, kinds of arrays are one."""
        if isinstance(mine, np.generic):
            mine = mine.item()
        if isinstance(mine, np.ndarray) or isinstance(recorded, np.ndarray):
            return self._arrays_equal(mine, recorded)
        if type(mine) is not type(recorded):
            return False
        if isinstance(recorded, (list, tuple)):
            return len(mine) == len(recorded) and all(map(self.equal, mine, recorded))
        if isinstance(recorded, dict):
            return mine.keys() == recorded.keys() and all(self.equal(mine[key], recorded[key]) for key in recorded)
        if isinstance(recorded, float):
            return self._arrays_equal(np.asarray(mine), np.asarray(recorded))
        return bool(mine == recorded)

    def _arrays_equal(self, mine: Any, recorded: Any) -> bool:
        if not (isinstance(mine, np.ndarray) and isinstance(recorded, np.ndarray)) or mine.shape != recorded.shape:
            return False
        if mine.dtype.newbyteorder("<") != recorded.dtype.newbyteorder("<"):
            return False
        if self.exact or recorded.dtype.kind not in "fc":
            return _identical(mine, recorded)
        return bool(np.allclose(mine, recorded, RELATIVE, ABSOLUTE, equal_nan=True))


def _identical(mine: Any, recorded: Any) -> bool:
    """The same numbers, zeros with the same sign; not-a-number is not-a-number, whatever its bits."""
    same = bool(np.array_equal(mine, recorded, equal_nan=recorded.dtype.kind in "fc"))
    if not same or recorded.dtype.kind != "f":
        return same
    return bool(np.array_equal(np.signbit(mine[mine == 0]), np.signbit(recorded[recorded == 0])))


def _array(dtype: str, shape: list[int], data: str) -> Any:
    array = np.frombuffer(bytearray(base64.b64decode(data)), np.dtype(dtype)).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


_KINDS: dict[str, Callable[[Replay, Any], Any]] = {
    "array": lambda replay, inside: _array(*inside),
    "tuple": lambda replay, inside: tuple(replay.decode(item) for item in inside),
    "dict": lambda replay, inside: {key: replay.decode(item) for key, item in inside.items()},
    "bytes": lambda replay, inside: base64.b64decode(inside),
    "rng": lambda replay, inside: np.random.default_rng(inside),
    "handle": lambda replay, inside: replay.objects[inside],
    "function": lambda replay, inside: replay.function(inside),
    "ref": lambda replay, inside: replay.refs[inside],
}


def replay_block(package: str, recording: Path, number: int) -> str:
    """What came of one block, in words. Meant for a process of its own, with `ENVIRONMENT`. Raises Different."""
    card = json.loads((Path(_origin(package)).parent / "card.json").read_text(encoding="utf-8"))
    for name in card["problem"]["runtime"]:  # as the search had: before seeding
        importlib.import_module(name)
    recorded = card["check"]["platform"]
    now = platform_now(card["check"]["distributions"])
    head, lines = list(blocks(recording))[number]
    seed_everything(head["seed"])
    module = importlib.import_module(package)
    program = importlib.import_module(card["program"]["module"])
    exact = now == recorded
    calls = Replay(lambda name, args, kwargs: _entry(module, program, name, args, kwargs), exact).play(lines)
    if exact:
        return f"{calls} calls, equal to the last bit"
    differs = [key for key in recorded if now.get(key) != recorded[key]]
    other = ", ".join(f"{key} is {now.get(key)}, and was {recorded[key]}" for key in differs)
    return f"{calls} calls, equal within {RELATIVE:g}, since this is another platform: {other}"


def _origin(package: str) -> str:
    """Where the package is, without running it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"{package} is not installed: pip install . in its folder")
    return spec.origin


def _entry(module: Any, program: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """The package's own entry point where its signature takes these arguments, as it should; else the program's."""
    found: Callable[..., Any] = getattr(module, name, None) or getattr(program, name)
    try:
        inspect.signature(found).bind(*args, **kwargs)
    except (TypeError, ValueError):
        found = getattr(program, name)
    return found


def main(package: str, recording: str, number: str) -> int:
    try:
        print(replay_block(package, Path(recording), int(number)))
    except Different as error:
        print(f"{package} no longer answers as it did. {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
