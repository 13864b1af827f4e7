"""`heuresis add`: a program of your own in a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli import files
from heuresis.cli.exits import ExitCode
from heuresis.cli.options import DEFAULT_STORAGE, CampaignName, Storage
from heuresis.cli.output import say
from heuresis.cli.scale import Scale
from heuresis.cli.stamp import tell_stamp
from heuresis.cli.stores import choose, open_store, unique

if TYPE_CHECKING:
    from heuresis.archive.records import Entry


def add(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The program; - is standard input.")],
    campaign: CampaignName = None,
    idea: Annotated[str, typer.Option("--idea", help="What is tried, in words; kept with it.")] = "",
    storage: Storage = DEFAULT_STORAGE,
) -> int:
    """Put a program of your own into a campaign.

    It is judged like any other, and may become a parent of what is proposed
    next. Ends with 4 when it has no score.
    """
    from heuresis.agent.judging import add_program

    program = files.read_program(file)
    with open_store(storage) as store:
        record = choose(store, campaign, begun=True)
        entry = add_program(store, record, program, idea)
        scored = store.totals(record.name).by_status.get("scored", 0)
        identity = unique(store, program.id)
        better = [one for one in store.top(record.name, 100) if _rank(one) > _rank(entry)]
    score, scale = entry.evaluation.score, Scale.of(record)
    if score is None:
        reason = " ".join(entry.evaluation.reason.split())
        say(f"{identity} in {record.name}: {entry.evaluation.status.value}: {reason}", "bold red")
        return ExitCode.PROGRAM_FAILED
    tell_stamp(entry.evaluation.self_reported)
    again = " It was judged before: the verdict is the same." if entry.reused else ""
    say(f"{identity} in {record.name}: {scale.metric} {scale.full('valid', score)}.{again}")
    if entry.evaluation.quarantine is not None:
        say(f"In quarantine, not ranked: {entry.evaluation.quarantine}", "bold red")
        return ExitCode.OK
    rank = f"Rank {len(better) + 1}" if len(better) < 100 else "Not among the best 100"
    say(f"{rank} of {scored:,} verdicts with a score ({scale.better}).")
    return ExitCode.OK


def _rank(entry: Entry) -> float:
    return float("-inf") if entry.rank is None else entry.rank
