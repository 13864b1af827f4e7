"""The one row helper: insert and learn the number that the database gave."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Insert


def put(connection: Connection, statement: Insert, row: Mapping[str, object]) -> int:
    """Insert one row; its primary key comes back."""
    key = connection.execute(statement, row).inserted_primary_key
    assert key is not None
    return int(key[0])
