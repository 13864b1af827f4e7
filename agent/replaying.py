"""Runs a replay: makes its campaign, and a referee for it where verdicts are made again."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from heuresis.agent.asking import Asking
from heuresis.agent.judging import campaign_of
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.agent.replay import Replay, Replayed
from heuresis.agent.run import leased
from heuresis.archive.calls import Ask, Fault
from heuresis.archive.records import CampaignRecord
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators import jobs
from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.evaluators.pool import Pool
from heuresis.evaluators.racing import Bar
from heuresis.program import Program


class _StoredModel:
    """Stands for the model of the source; its replies come from the store."""

    def __init__(self, name: str) -> None:
        self.name = name

    def complete(self, ask: Ask, seconds: float) -> Completion:
        raise ModelFault(Fault.CRASHED, "a replay sends nothing")


def _same_instances(program: Program, before: Evaluation, bar: Bar | None) -> jobs.Job:
    """How many instances a scored program had played depended on the best one then: it plays as many again."""
    if before.score is None:
        return jobs.Job(dict(program.files), bar=bar)
    return jobs.Job(dict(program.files), Tier.VALID, tuple(range(before.score.count)))


def replay_campaign(
    store: Store, source: CampaignRecord, name: str, *, rejudge: bool = False, prompts: Path | None = None
) -> Replayed:
    """Repeat a campaign as the campaign `name`. Raises ConfigError naming the first step that comes out otherwise."""
    model = source.config.get("model")
    asking = Asking(model=_StoredModel(str(model)), prompts=prompts) if model else Asking()
    campaign = replace(campaign_of(source), name=name, asking=asking)
    if campaign.problem.hash != source.problem_hash:
        raise ConfigError("problem", "the problem's code as when the campaign was started", "a changed problem")
    if asking.config().get("prompts") != source.config.get("prompts"):
        raise ConfigError("--prompts", "the templates as when the campaign was started", prompts or "ours")
    target = replace(source, name=name, finished="")
    with ExitStack() as stack:
        judge = None
        if rejudge:
            pool = stack.enter_context(Pool(campaign.setup(target), 1))

            def judge(program: Program, before: Evaluation, bar: Bar | None) -> Evaluation:
                return pool.submit(_same_instances(program, before, bar)).result()

        store.create_campaign(target)
        with leased(store, name):
            done = Replay(campaign, source.name, target, store, judge).run()
            store.finish(name, f"replay of {source.name} complete")
    return done
