"""A campaign's views made anew from its entries: for a quarantine, for changed populations, and for `store check`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Connection, select

from heuresis.archive import loading, schema, views
from heuresis.archive.populations import Population, apply, of_config
from heuresis.archive.records import Entry, Member
from heuresis.archive.views import Views

_PAGE = 200


def entries(connection: Connection, campaign: int) -> Iterator[Entry]:
    """All entries of a campaign in commit order, a page at a time, without what programs saved."""
    after = 0
    where = schema.entry.c.campaign_id == campaign
    while True:
        query = loading.ENTRIES.where(where, schema.entry.c.sequence > after)
        page = loading.entries(connection, query.order_by(schema.entry.c.sequence).limit(_PAGE), artifacts=False)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].sequence


def members(connection: Connection, campaign: int, populations: tuple[Population, ...]) -> dict[str, dict[str, Member]]:
    """What the views must hold: every population folded over every entry."""
    built: dict[str, dict[str, Member]] = {population.name: {} for population in populations}
    for entry in entries(connection, campaign):
        for population in populations:
            apply(built[population.name], population.place(built[population.name], entry)[1])
    return built


def rewrite(connection: Connection, campaign: int, version: int) -> Views:
    """Replace the member rows of a campaign by what its config and entries say."""
    config = connection.execute(select(schema.campaign.c.config).where(schema.campaign.c.id == campaign)).scalar_one()
    populations = of_config(json.loads(config))
    built = members(connection, campaign, populations)
    views.clear(connection, campaign)
    for name, now in built.items():
        views.write(connection, campaign, name, {}, now)
    return Views(version, populations, built)
