"""What a search is made of, from arguments or options: the campaign, and the limits that it runs under."""

from __future__ import annotations

import os
from dataclasses import replace

from heuresis.agent.asking import Asking
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.progress import Tracker
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.library.defaults import DEFAULT_METHOD, DEFAULT_MINUTES, DEFAULT_WITH_MODEL


def method_or_default(method: str | None, asking: Asking) -> str:
    """The method named, else the one that is taken with a model or without."""
    return method or (DEFAULT_WITH_MODEL if asking.wanted else DEFAULT_METHOD)


def check_alone(asking: Asking, budget: Budget) -> None:
    """Options of a language model without one would do nothing: ConfigError."""
    if asking.wanted:
        return
    given: dict[str, object] = {"--api-base": asking.api_base, "--price": asking.price, "--stream": asking.stream}
    given |= {"--prompts": asking.prompts, "--max-usd": budget.usd}
    given |= {"--max-tokens": budget.tokens, "--max-calls": budget.calls}
    for option, value in given.items():
        if value:
            raise ConfigError(option, "a language model (--model) beside it", value)


def checked(campaign: Campaign) -> Campaign:
    """The campaign, after everything was loaded that may be a mistake: told before a store is made."""
    _ = campaign.problem, campaign.method, campaign.terms, campaign.render
    return campaign


def with_budget(campaign: Campaign, store: Store) -> Campaign:
    """The campaign with the limits to run under: those given; else its own; else ten minutes."""
    given, record = campaign.budget, store.campaign(campaign.name)
    if is_limited(given):
        return campaign
    own = record.config.get("budget") if record else None
    if isinstance(own, dict) and given.target is None and is_limited(Budget.of(own)):
        return replace(campaign, budget=Budget.of(own))
    return replace(campaign, budget=replace(given, minutes=DEFAULT_MINUTES))


def is_limited(budget: Budget) -> bool:
    """Whether it ends a search for sure; a target alone may never be reached."""
    limits = (budget.evaluations, budget.minutes, budget.patience, budget.usd, budget.tokens, budget.calls)
    return any(limit is not None for limit in limits)


def finished_already(campaign: Campaign, store: Store) -> str:
    """Why nothing is left to do for this campaign and budget, or an empty string. Starts nothing."""
    record = store.campaign(campaign.name)
    if record is None or not record.finished:
        return ""
    if record.config.get("budget") == campaign.budget.as_json():
        return record.finished
    return Tracker(campaign, store, record.name).over(campaign.budget)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
