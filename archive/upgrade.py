"""An older store, brought to the present tables when it is opened. Nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, update

from heuresis.archive import schema

_STEPS: Mapping[int, Sequence[str]] = {
    1: (  # calls to a model, the log of steps, notes with their place
        "ALTER TABLE total ADD COLUMN calls INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE total ADD COLUMN faults BLOB NOT NULL DEFAULT x'0080'",
        "ALTER TABLE total ADD COLUMN logged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE note ADD COLUMN brief INTEGER",
        "ALTER TABLE note ADD COLUMN item INTEGER",
    ),
    2: ("ALTER TABLE evaluation ADD COLUMN self_reported BOOLEAN NOT NULL DEFAULT 0",),  # whose score it is
}
"""What makes a store of this version one of the next, beside new tables."""


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
        writer.execute(update(schema.meta).where(schema.meta.c.key == "version").values(value=str(schema.VERSION)))
