"""`export`: a found program, checked once more, as a package or as one file."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from heuresis.agent.exporting import card as cards
from heuresis.agent.exporting import package, published, replay, writing
from heuresis.agent.exporting.naming import Name, name_of
from heuresis.agent.exporting.typing_of import module_of
from heuresis.agent.judging import campaign_of
from heuresis.agent.looking import ledger_of
from heuresis.agent.verifying import verify_kept
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators import gate
from heuresis.evaluators.problem import Problem
from heuresis.evaluators.recording import Transcript
from heuresis.program import Program
from heuresis.sandbox.runtime import distribution_of

RECORD_BYTES = 2 << 20
"""Of the recording, compressed."""


class Differs(ConfigError):
    """The program does not come out as it is stored, so nothing was written."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    files: tuple[str, ...]
    """Relative to `path`; empty for a single file."""
    name: str
    """For pip."""
    module: str
    """For import."""
    verified: bool
    recorded_calls: int
    note: str
    """What a person should know, in a sentence or two; how the check came out, and every caveat."""


def export(
    store: Store,
    record: CampaignRecord,
    entry: Entry,
    folder: str | Path,
    *,
    name: str | None = None,
    single_file: bool = False,
    force: bool = False,
    unverified: bool = False,
) -> Exported:
    """Write the program of `entry` as a package to `folder`, or with `single_file` as the file of that name.

    Its verdict is made again first; what then crosses the wall of the jail is what the package's test replays.
    `unverified` leaves that out. `force` replaces a former export. Raises `Differs` when the verdict comes out
    otherwise, ConfigError for a mistake, Unavailable without a sandbox; nothing is written then.
    """
    target, program, problem = Path(folder), _scored(entry), campaign_of(record).problem
    writing.check_place(target, single_file=single_file, force=force)
    named = name_of(name, cards.problem_name(problem), program.id, problem.runtime)
    package.check_encoding(program)
    package.check_names(program, problem.runtime)
    if single_file:
        package.check_single(program)
    check, transcript = _check(store, record, entry, problem, unverified, single_file)
    card = _card(store, record, entry, problem, named, check, single_file)
    if single_file:
        writing.write_file(target, package.single_file(card, program))
        return _exported(target, (), named, card)
    artifacts = package.artifact_files(entry.evaluation.results)
    made = package.package_files(
        card, named, program, problem.required, _requirements(problem, program), transcript.data, artifacts
    )
    files = writing.with_manifest(made)
    writing.write_folder(target, files)
    return _exported(target, tuple(sorted(files)), named, card)


def _scored(entry: Entry) -> Program:
    program, seen = entry.proposal.program, entry.evaluation
    if program is None or seen.score is None:
        raise ConfigError("id", "a program with a score", f"one that is {seen.status.value}: {seen.reason}")
    return program


def _check(
    store: Store, record: CampaignRecord, entry: Entry, problem: Problem, unverified: bool, single_file: bool
) -> tuple[cards.Check, Transcript]:
    """The verdict made again, and what was recorded of it."""
    program = _scored(entry)
    distributions = [distribution_of(one).name for one in _runtime(problem, program)]
    now = replay.platform_now(distributions)
    if unverified:
        words = "the score was not made again before this was exported, as was asked for."
        return cards.Check(False, words, 0, 0, now, distributions), Transcript()
    alone = problem.staged(program) == program
    done = verify_kept(store, record.name, entry, RECORD_BYTES if alone and not single_file else 0)
    if done.differences:
        raise Differs("id", "a program that comes out as it is stored", done.differences[0], _UNVERIFIED)
    stored = "the one stored instance" if len(done.rows) == 1 else f"all {len(done.rows)} stored instances"
    words = f"Played again before the export: {stored} came out the same, to the last bit."
    if not alone:
        words += " What was judged is more than the program, so its calls cannot be replayed without the rest."
    made = done.transcript
    return cards.Check(True, words, made.kept, made.calls, now, distributions), made if made.kept else Transcript()


_UNVERIFIED = "Nothing was written; --unverified exports it all the same, without a replay test."


def _card(
    store: Store,
    record: CampaignRecord,
    entry: Entry,
    problem: Problem,
    name: Name,
    check: cards.Check,
    single_file: bool,
) -> cards.Card:
    program, seen, objective = _scored(entry), entry.evaluation, problem.objectives[0]
    kin = store.lineage(record.name, program.id)
    several = len(program.files) > 1
    return cards.Card(
        schema=cards.SCHEMA,
        package=name.package,
        module=name.module,
        exported=datetime.now(UTC).date().isoformat(),
        heuresis=replay.version_of("heuresis"),
        program={
            "id": program.id,
            "module": module_of(name.module, several),
            "files": dict(package.places(program)),
            "entry_points": [one.name for one in problem.required],
            "signatures": [one.signature for one in problem.required],
        },
        problem=cards.problem_facts(problem, record),
        objective={"metric": objective.metric, "direction": objective.direction, "unit": objective.unit},
        tiers=cards.tier_rows(problem, seen, program.id, ledger_of(store, record.name)),
        instances=cards.instance_rows(seen.results),
        references=published.references(campaign_of(record)),
        isolation=seen.isolation,
        quarantine=seen.quarantine,
        self_reported=seen.self_reported,
        caveats=list(cards.caveats(seen, check)),
        check=check,
        provenance=cards.provenance(problem, record, entry, kin, store.totals(record.name)),
        artifacts={} if single_file else package.digests(package.artifact_files(seen.results)),
    )


def _runtime(problem: Problem, program: Program) -> list[str]:
    """What the problem declares; and numpy, which every jail has, where the program imports it all the same."""
    declared = list(problem.runtime)
    return declared if "numpy" in declared or not _imports("numpy", program) else [*declared, "numpy"]


def _imports(name: str, program: Program) -> bool:
    for path, text in program.files.items():
        if not path.endswith(".py"):
            continue
        for node in ast.walk(gate.parse(text)):
            if isinstance(node, ast.Import) and any(one.name.split(".")[0] == name for one in node.names):
                return True
            if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == name:
                return True
    return False


def _requirements(problem: Problem, program: Program) -> package.Requirements:
    found = {one.name: one.version for one in map(distribution_of, _runtime(problem, program))}
    exact = found | {"numpy": distribution_of("numpy").version}  # the replay reads arrays
    return package.Requirements(
        [f"{name}>={'.'.join(version.split('.')[:2])}" for name, version in found.items()],
        [f"{name}=={version}" for name, version in exact.items()],
    )


def _exported(target: Path, files: tuple[str, ...], name: Name, card: cards.Card) -> Exported:
    note = " ".join([*card.caveats, *([card.check.words] if card.check.verified else [])])
    return Exported(target, files, name.package, name.module, card.check.verified, card.check.recorded_calls, note)
