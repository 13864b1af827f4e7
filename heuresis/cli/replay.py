"""`heuresis replay`: a campaign again, from its stored replies and verdicts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from heuresis.cli.model_options import Prompts
from heuresis.cli.options import DEFAULT_STORAGE, CampaignAlias, CampaignArgument, Storage
from heuresis.cli.output import counted, say
from heuresis.cli.stores import choose, open_store
from heuresis.errors import ConfigError

if TYPE_CHECKING:
    from heuresis.archive.store import Store


def _free(store: Store, name: str) -> str:
    """The name, or with a number after it the first that no campaign has."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(one for one in names if store.campaign(one) is None)


def replay(
    campaign: CampaignArgument = None,
    named: CampaignAlias = None,
    new: Annotated[str | None, typer.Option("--new", metavar="NAME", help="Default: CAMPAIGN-replay.")] = None,
    rejudge: Annotated[bool, typer.Option("--rejudge", help="Evaluate every program again.")] = False,
    prompts: Prompts = None,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Run a campaign again from its stored replies; nothing is sent or spent.

    Every step must come out as it did; the first that does not is named. The
    replay is a campaign of its own in the same store.
    """
    from heuresis.agent.replaying import replay_campaign

    with open_store(storage) as store:
        record = choose(store, campaign, named)
        target = new or _free(store, f"{record.name}-replay")
        if store.campaign(target) is not None:
            raise ConfigError("--new", "the name of no campaign yet", target)
        done = replay_campaign(store, record, target, rejudge=rejudge, prompts=prompts)
    judged = "made again" if rejudge else "from the store"
    say(f"{target}: {counted(done.steps, 'step')} as in {record.name}.", "bold")
    replies = "1 reply" if done.calls == 1 else f"{done.calls:,} replies"
    say(f"{replies} from the store, {counted(done.verdicts, 'verdict')} {judged}; nothing was sent or spent.")
    for change in done.changed:
        say(f"  verdict changed: {change}")
