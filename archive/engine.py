"""Everything that belongs to one database and not to all: opening it, its pragmas, its errors. SQLite for now.

For PostgreSQL this file grows a second `open_engine` and a second `begin_write` (an advisory lock, so that sequence
numbers are given in commit order there too); the other files stay.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from heuresis.archive import codec, schema
from heuresis.archive.upgrade import OLDER, upgrade
from heuresis.errors import ConfigError, StoreDamaged, Unavailable

_KEY = "storage"
_EXPECTED = "a URL such as sqlite:///heuresis.db"
_RESTORE = "Nothing was written. Restore a copy or begin a new file; `heuresis store check` says more."
_PAGE_CACHE_KIB = 16_384


def open_engine(url: str, *, create: bool, busy_seconds: float) -> tuple[Engine, Path]:
    """The engine of a store with our tables in it, and the path of its file. Raises ConfigError in a sentence."""
    path = _path_of(url)
    _look_at(path, create=create)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_seconds}, max_overflow=-1)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with translated(path):
            _prepare(engine, path, create=create, busy_seconds=busy_seconds)
    except BaseException:
        engine.dispose()
        raise
    return engine, path


def begin_write(connection: Connection, *, durable: bool) -> None:
    """Start the only write transaction there can be. A durable one survives a power cut; any survives kill -9."""
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")  # not allowed inside a transaction
    connection.begin()


def integrity_problems(connection: Connection) -> list[str]:
    """What the database itself finds wrong with its file."""
    rows = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    broken = [f"row {row[1]} of {row[0]} points to a missing {row[2]}" for row in _broken_keys(connection)]
    return [f"the database file is damaged: {row}" for row in rows if row != "ok"] + broken


def quick_trouble(connection: Connection) -> str:
    """The first thing that is wrong with the pages of the file, or an empty text. Reads all of it: 2 ms per MiB."""
    row = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    return "" if row == "ok" else " ".join(str(row).split())


def damaged(path: Path, trouble: str) -> StoreDamaged:
    return StoreDamaged(_KEY, "a sound store", f"{path}, which is damaged ({trouble})", _RESTORE)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at the path; None when there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the database's errors into ours. The transaction was rolled back, so nothing is half kept."""
    try:
        yield
    except IntegrityError:  # a bug of ours
        raise
    except DBAPIError as error:
        trouble = _trouble(path, error.orig)
        if trouble is None:
            raise
        raise trouble from error
    except sqlite3.Error as error:
        trouble = _trouble(path, error)
        if trouble is None:
            raise
        raise trouble from error
    except codec.Damaged as error:
        hint = "`heuresis store check` names the rows; restore a copy."
        raise StoreDamaged(_KEY, "a sound store", f"{path}: {error}", hint) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _full(path) from error


def _trouble(path: Path, error: BaseException | None) -> Exception | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_IOERR:
            return Unavailable(
                f"the disk did not take or give the store's data ({path}: {error}). This step was not kept; "
                "see that the disk has space and is sound, then repeat the command."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable(
                f"another process keeps the store {path} locked for too long. "
                "This step was not kept; end that process or wait for it, then repeat the command."
            )
        case sqlite3.SQLITE_CORRUPT:
            return StoreDamaged(_KEY, "a sound store", f"{path}: {error}", _RESTORE)
        case sqlite3.SQLITE_NOTADB:
            return ConfigError(_KEY, "a store", f"{path}, which is no database", "Name another file.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return ConfigError(_KEY, "a file that can be written", f"{path}: {error}", "Name another place.")
    return None


def _full(path: Path) -> Unavailable:
    return Unavailable(
        f"the disk that holds the store {path} is full. This step was not kept, everything before it is; "
        "free some space and repeat the command."
    )


def _path_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(_KEY, _EXPECTED, url, f"A file is written sqlite:///{url}.") from error
    if parsed.get_backend_name() == "postgresql":
        raise ConfigError(_KEY, _EXPECTED, parsed.render_as_string(), "PostgreSQL is not supported yet.")
    if parsed.get_backend_name() != "sqlite" or parsed.query:
        raise ConfigError(_KEY, _EXPECTED, parsed.render_as_string())
    if parsed.database in (None, "", ":memory:"):
        raise ConfigError(_KEY, _EXPECTED, url, "A store is a file: a campaign must outlive its process.")
    return Path(str(parsed.database)).absolute()


def _look_at(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise ConfigError(_KEY, "a file", f"the directory {path}", f"Perhaps sqlite:///{path}/heuresis.db.")
    if not path.parent.is_dir():
        raise ConfigError(_KEY, "a file in a directory that exists", str(path), f"Make {path.parent} first.")
    empty = not path.exists() or path.stat().st_size == 0  # a process killed while it made the store leaves 0 bytes
    if empty and not create:
        raise ConfigError(_KEY, "a store", f"no store at {path}", "`heuresis run` makes one.")
    if not empty and not os.access(path, os.R_OK):
        raise ConfigError(_KEY, "a file that you may read", str(path))


def _configure(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare(engine: Engine, path: Path, *, create: bool, busy_seconds: float) -> None:
    """Make the tables of a new file; see that an old one has ours."""
    raw = engine.raw_connection()
    try:
        _to_wal(raw.driver_connection, busy_seconds)
    finally:
        raw.close()
    with engine.connect() as connection:
        if _check_version(connection, path):
            return
    if not create:
        raise ConfigError(_KEY, "a store", f"{path}, which has no tables of Heuresis", "`heuresis run` makes one.")
    with engine.connect().execution_options(writes=True) as connection:
        if not _check_version(connection, path):  # nobody was quicker
            schema.metadata.create_all(connection)
            connection.execute(insert(schema.meta), {"key": "version", "value": str(schema.VERSION)})
            connection.commit()


def _to_wal(connection: sqlite3.Connection | None, busy_seconds: float) -> None:
    """Writers and readers side by side. The switch itself does not wait for other openers, so it is tried again."""
    assert connection is not None
    end = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _check_version(connection: Connection, path: Path) -> bool:
    """True for our tables, False for an empty database; anything else is the user's mistake."""
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return False
    if not {"meta", "campaign", "entry"} <= tables:
        raise ConfigError(_KEY, "a store", f"{path}, a database of something else", "Name another file.")
    found = connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == "version")).scalar()
    if found in OLDER:
        upgrade(connection)
    elif found != str(schema.VERSION):
        hint = "Install the Heuresis that made it, or begin a new file."
        raise ConfigError(_KEY, f"a store of version {schema.VERSION}", f"{path} of version {found}", hint)
    return True


def _broken_keys(connection: Connection) -> list[tuple[str, int, str]]:
    return [(row[0], row[1], row[2]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)]
