"""An older store, brought to the present tables when it is opened. Nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select, update

from heuresis.archive import ranks, rebuilding, schema


def _who_looked() -> Sequence[str]:
    """Looks with who and when; empty for those that were before."""
    return [
        f"ALTER TABLE look ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''" for name in ("user_name", "host", "opened")
    ]


_STEPS: Mapping[int, Sequence[str]] = {
    1: (  # calls to a model, the log of steps, notes with their place
        "ALTER TABLE total ADD COLUMN calls INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE total ADD COLUMN faults BLOB NOT NULL DEFAULT x'0080'",
        "ALTER TABLE total ADD COLUMN logged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE note ADD COLUMN brief INTEGER",
        "ALTER TABLE note ADD COLUMN item INTEGER",
    ),
    2: ("ALTER TABLE evaluation ADD COLUMN self_reported BOOLEAN NOT NULL DEFAULT 0",),  # whose score it is
    3: (  # ranking by lower bounds; `_rank` fills it in, and makes populations anew
        "ALTER TABLE entry ADD COLUMN rank FLOAT",
        "DROP INDEX IF EXISTS entry_score",
        "DROP INDEX IF EXISTS entry_program",
        "CREATE INDEX entry_rank ON entry (campaign_id, rank)",
        "CREATE INDEX entry_ranked_program ON entry (program_id, campaign_id, rank)",
        *_who_looked(),
        "DROP TABLE member",  # it is made again by `create_all`, with two more columns
    ),
}
"""What makes a store of this version one of the next, beside new tables."""


_BEFORE_RANKS = 3

OLDER = frozenset(str(version) for version in _STEPS)
"""Versions that can be upgraded, as kept in the file."""


def upgrade(connection: Connection) -> None:
    """All steps from the store's version on, in one transaction. Two processes at once: the second finds it done."""
    writer = connection.engine.connect().execution_options(writes=True)
    with writer, writer.begin():
        kept = writer.exec_driver_sql("SELECT value FROM meta WHERE key = 'version'").scalar_one()
        for step in range(int(kept), schema.VERSION):
            for statement in _STEPS[step]:
                writer.exec_driver_sql(statement)
        schema.metadata.create_all(writer)
        if int(kept) <= _BEFORE_RANKS:
            _rank(writer)
        writer.execute(update(schema.meta).where(schema.meta.c.key == "version").values(value=str(schema.VERSION)))


def _rank(writer: Connection) -> None:
    """Rank all entries, and rebuild every population: members are kept by rank."""
    ranks.restore(writer)
    total = schema.total.c
    for campaign, version in writer.execute(select(total.campaign_id, total.views_version)).all():
        rebuilding.rewrite(writer, campaign, version + 1)
        writer.execute(update(schema.total).where(total.campaign_id == campaign).values(views_version=version + 1))
