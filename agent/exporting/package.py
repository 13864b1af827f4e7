"""The files of an exported package, and the single file, from what is known about a program. Pure."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import sys
import textwrap
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from heuresis.agent.exporting.card import Card, TierRow
from heuresis.agent.exporting.figures import cell, figure, interval, measured, shown
from heuresis.agent.exporting.naming import Name
from heuresis.agent.exporting.typing_of import array_words, init_text
from heuresis.agent.exporting.writing import MARK
from heuresis.agent.fixed import ADD, SEED, TOLD
from heuresis.errors import ConfigError
from heuresis.evaluators.gate import other_encoding
from heuresis.evaluators.nouns import InstanceResult
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import MAIN_FILE, Program

_FOLDER = Path(__file__).resolve().parent
_EXACT = (
    "They check the code's SHA-256 and replay {kept:,} calls of the stored train and valid instances{cut}.\n\n"
    "With the versions and the processor features of the recording (`.[test]` installs these versions) answers must\n"
    "be equal to the last bit; elsewhere within a relative error of 1e-6, and the test says so (`pytest -rP` shows\n"
    "which). A program that amplifies rounding, because it iterates or breaks near ties, may answer differently\n"
    "elsewhere without being wrong.\n\n{words}"
)
_NO_REPLAY = "There is no replay of stored instances: {words}"


@dataclass(frozen=True)
class Requirements:
    """What a package needs, as pip is told."""

    install: Sequence[str]
    """At least the series that the program was judged with."""
    test: Sequence[str]
    """Exactly the versions that the recording was made with."""


def places(program: Program) -> Mapping[str, str]:
    """Path of a program's file -> its place within the package: one file beside `__init__`, several in a folder."""
    if _alone(program):
        return {MAIN_FILE: MAIN_FILE}
    return {path: f"files/{path}" for path in program.files}


def _alone(program: Program) -> bool:
    return len(program.files) == 1


def imported_names(program: Program) -> list[str]:
    """By which the files of a program of several import each other; empty for a program of one."""
    if _alone(program):
        return []
    roots = {path.partition("/")[0] for path in program.files if path.endswith(".py")}
    return sorted({name for root in roots if (name := root.removesuffix(".py")).isidentifier()})


def check_names(program: Program, runtime: Collection[str]) -> None:
    """Raises ConfigError for a file that hides another module: which of them an import means depends on the process."""
    hidden = [name for name in imported_names(program) if name in sys.stdlib_module_names or name in runtime]
    if hidden:
        raise ConfigError("id", "a program whose files hide no other module", f"one with {', '.join(hidden)}")


def check_encoding(program: Program) -> None:
    """Raises ConfigError for a file that would be read as other code than was judged."""
    wrong = other_encoding(program)
    if wrong is not None:
        raise ConfigError("id", "a program that is the same code as text and as a file", wrong)


def artifact_files(results: Sequence[InstanceResult]) -> dict[str, bytes]:
    """What was saved with each result, by its path in the exported folder."""
    return {
        f"artifacts/{row.tier.value}-{row.index}/{_safe(name)}": data
        for row in results
        for name, data in sorted(row.result.artifacts.items())
    }


def _safe(name: str) -> str:
    """One file name, whatever the artifact is called."""
    quoted = quote(name, safe=" ()+,=@")
    return f"_{quoted}" if quoted.startswith(".") or not quoted else quoted


def package_files(
    card: Card,
    name: Name,
    program: Program,
    entries: Sequence[EntryPoint],
    requirements: Requirements,
    recording: bytes,
    artifacts: Mapping[str, bytes],
) -> dict[str, bytes]:
    """Path -> bytes of everything in the package."""
    home = f"src/{name.module}"
    texts = {
        "pyproject.toml": pyproject(name, card, requirements),
        "README.md": readme(card, name, entries),
        f"{home}/__init__.py": init_text(name.module, imported_names(program), entries, _docstring(card)),
        f"{home}/py.typed": "",
        f"{home}/card.json": json.dumps(asdict(card), indent=2, ensure_ascii=True, allow_nan=False) + "\n",
        "tests/replay.py": (_FOLDER / "replay.py").read_text(encoding="utf-8"),
        "tests/test_replay.py": _render(
            "test_replay.py", module=name.module, recorded=bool(recording), artifacts=bool(artifacts)
        ),
    }
    if not _alone(program):
        texts[f"{home}/own_files.py"] = (_FOLDER / "own_files.py").read_text(encoding="utf-8")
    files = {path: text.encode(errors="replace") for path, text in texts.items()}
    for path, place in places(program).items():
        files[f"{home}/{place}"] = program.files[path].encode("utf-8", "surrogatepass")
    return files | dict(artifacts) | ({"tests/calls.json.gz": recording} if recording else {})


def pyproject(name: Name, card: Card, requirements: Requirements) -> str:
    """Version 1.0.0: what the package holds is named by the program's id and does not change."""
    python = ".".join(platform.python_version_tuple()[:2])
    text = f"""[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = {_toml(name.package)}
version = "1.0.0"
description = {_toml(f"{_kind(card)}.")}
readme = "README.md"
requires-python = ">={python}"
dependencies = {json.dumps(list(requirements.install))}

[project.optional-dependencies]
test = {json.dumps(["pytest", *requirements.test])}

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools.package-data]
"*" = ["**/*"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""
    tomllib.loads(text)  # whatever the names were made of
    return text


def _toml(text: str) -> str:
    """As a TOML string on one line; half of a surrogate pair, which no file can hold, becomes a question mark."""
    line = " ".join(text.encode(errors="replace").decode().split())
    return json.dumps(line, ensure_ascii=False).replace("\x7f", "\\u007f")


_FROM_OUTSIDE = {ADD: "entered by a person", TOLD: "told by a search of somebody's own"}


def _kind(card: Card) -> str:
    """What it is and who wrote it, in half a sentence."""
    made, what = card.provenance, f"program for the problem {card.problem['name']}"
    if made.operator == SEED:
        named = f" {made.tags['seed']}" if "seed" in made.tags else ""
        return f"A {what}: its seed{named}, entered by a person as a place to begin a search from"
    return f"A {what}, {_FROM_OUTSIDE.get(made.operator, 'found by a search with Heuresis')}"


def about(card: Card) -> str:
    """One paragraph: what it is and how well it did."""
    row = next(row for row in card.tiers if row.tier == "valid")
    value = measured(row.value, row.standard_error, card.objective["unit"])
    better = "lower" if card.objective["direction"] == "min" else "higher"
    warned = "".join(f"\n\n{one}" for one in card.caveats)
    return (
        f"{_kind(card)}.\n\n"
        f"{card.objective['metric']} {value} (valid, {row.count} "
        f"instance{'s' * (row.count != 1)}; {better} is better). Program {card.program['id']}.{warned}"
    )


def _docstring(card: Card) -> str:
    """Of the package: what it is, and what its entry points are for in the words of the problem."""
    wrapped = [textwrap.fill(line, 100) for line in (*about(card).splitlines(), "", *_statement(card))]
    return "\n".join(wrapped)


def _statement(card: Card) -> list[str]:
    return str(card.problem["statement"]).splitlines()


def readme(card: Card, name: Name, entries: Sequence[EntryPoint]) -> str:
    check = card.check
    cut = "" if check.recorded_calls == check.calls else f", the first of {check.calls:,}"
    told = _EXACT.format(kept=check.recorded_calls, cut=cut, words=check.words)
    if not check.recorded_calls:
        told = _NO_REPLAY.format(words=check.words)
    statement = "\n".join(f"> {line}".rstrip() for line in _statement(card))
    text = about(card).partition("\n\n")[2].partition("\n\n")[0]
    return _render(
        "README.md",
        card={**vars(card), "tiers": [_shown(row, card) for row in card.tiers]},
        name=name,
        entries=list(entries),
        told=told,
        statement=statement,
        about=f"{_kind(card)}. {text}",
        found=card.provenance.operator not in (SEED, ADD),
        arrays=_arrays(entries),
        held_out=[row.tier for row in card.tiers if row.tier in ("test", "shift")],
        spent=_spent(card),
    )


def _shown(row: TierRow, card: Card) -> dict[str, object]:
    """A row of the score table: its figures as text, with the digits that the row's standard error leaves them."""
    told = {name: shown(value, row.standard_error) for name, value in asdict(row).items()}
    return told | {"role": "the same task"} if card.problem["one_task"] and row.tier == "test" else told


def _arrays(entries: Sequence[EntryPoint]) -> list[str]:
    """The array types of the signatures, each explained by its numbers and the axes that it names."""
    kinds = dict.fromkeys(kind for one in entries for kind in (*(p.type for p in one.parameters), one.returns))
    return [told for kind in kinds if (told := array_words(kind))]


def check_single(program: Program) -> None:
    """Raises ConfigError for a program of several files."""
    if not _alone(program):
        count = len(program.files)
        raise ConfigError("--single-file", "a program of one file", f"one of {count}", "Export it as a package.")


def single_file(card: Card, program: Program) -> bytes:
    """The program, which has one file, after a header of comments."""
    made = card.provenance
    lines = [
        *about(card).splitlines(),
        "",
        *(
            f"{row.tier}: {measured(row.value, row.standard_error, card.objective['unit'])}, "
            f"{row.count} instance{'s' * (row.count != 1)}"
            for row in card.tiers
            if row.count
        ),
        f"problem hash {card.problem['hash']}; campaign {made.campaign}, method {made.method}, seed {made.seed}",
        f"made by {made.operator}" + (f" with {made.model}" if made.model else ""),
        f"parents {', '.join(one.id[:16] for one in made.parents) or 'none'}",
        f"campaign: {_spent(card)}",
        f"{card.check.words} heuresis {card.heuresis}, {card.exported}",
        *(f"entry point {one.signature}" for one in _entries(card)),
        "",
        "The id is the SHA-256 over 'program.py' and all that follows the next line, each after its length in bytes",
        "(8 bytes, little-endian). No licence has been chosen: that is yours to do.",
        MARK,
    ]
    header = "".join(f"# {' '.join(line.split())}".rstrip() + "\n" for line in lines)
    return header.encode(errors="replace") + program.text.encode("utf-8", "surrogatepass")


def _spent(card: Card) -> str:
    """Of the whole campaign; money only where a model was asked."""
    cost = card.provenance.campaign_cost
    money = f", {cost['usd']:,.4f} USD" if cost["model_calls"] else ""
    return f"{cost['evaluations']:,.0f} evaluations, {cost['active_seconds']:,.0f} s{money}"


def _entries(card: Card) -> list[EntryPoint]:
    signatures = card.program["signatures"]
    assert isinstance(signatures, (list, tuple))
    return [EntryPoint.parse(str(one)) for one in signatures]


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}


def _render(template: str, **values: object) -> str:
    return _environment().get_template(f"{template}.j2").render(**values)


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # no browser reads these texts
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"figure": figure, "interval": interval, "cell": cell}
    return environment
