"""The store: one database that remembers every campaign. `StoreReader` holds what can be asked, this file the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from heuresis.archive import campaigns, engine
from heuresis.archive.records import CampaignRecord
from heuresis.archive.store_read import StoreReader
from heuresis.archive.transaction import Transaction
from heuresis.archive.views import Views
from heuresis.errors import Unavailable
from heuresis.failpoints import reach


class Store(StoreReader):
    """An open store. Reads run side by side; writes of this process take turns, and other processes wait for them."""

    def __init__(self, database: Engine, path: Path, clock: Callable[[], float]) -> None:
        super().__init__()
        self.path = path
        self._engine = database
        self._clock = clock
        self._identity = engine.identity(path)
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        self._writing_thread: int | None = None
        self._to_publish: dict[str, Views] = {}
        self._owners: dict[str, str] = {}

    @classmethod
    def open(
        cls, url: str, *, create: bool = True, clock: Callable[[], float] = time.time, busy_seconds: float = 30.0
    ) -> Store:
        """The store at `sqlite:///FILE`. Raises ConfigError('storage', ...).

        `clock` is read for leases only; `busy_seconds` is how long to wait for another process that is writing.
        """
        database, path = engine.open_engine(url, create=create, busy_seconds=busy_seconds)
        return cls(database, path, clock)

    def close(self) -> None:
        """Give the file back. What was committed stays."""
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def transaction(self, *, durable: bool) -> AbstractContextManager[Transaction]:
        """A block whose writes are kept whole or not at all; leaving it by an exception keeps none of them.

        Durable ones (money, verdicts) survive a power cut, the others a killed process. Blocks do not nest.
        Raises Unavailable when the disk is full, the file is gone, or another driver has taken the campaign over.
        """
        return self._transaction(durable=durable)

    def look_over(self, at_most_bytes: int | None = None) -> None:
        """Raises StoreDamaged when the database finds its own file damaged; larger files are not looked at."""
        if at_most_bytes is not None and self.path.stat().st_size > at_most_bytes:
            return
        with self.snapshot() as connection:
            trouble = engine.quick_trouble(connection)
        if trouble:
            raise engine.damaged(self.path, trouble)

    def create_campaign(self, record: CampaignRecord) -> None:
        """Keep a new campaign. Raises ConfigError when its name is taken."""
        with self._write(durable=True) as connection:
            campaigns.make(connection, record)
            reach("campaign.before_commit")
        reach("campaign.after_create")

    def acquire(self, name: str, owner: str, ttl_seconds: float) -> bool:
        """Hold the campaign for this owner (`leases.owner()`); always True.

        A dead local owner loses it at once, a foreign one when its lease has expired; an event tells of it. From here
        on this store's writes to the campaign fail with Unavailable once another owner has taken it over.
        Raises ConfigError while another live driver holds it.
        """
        with self._transaction(durable=False) as transaction:
            before = campaigns.lease(transaction.connection, name, owner, self._clock(), ttl_seconds)
            transaction.owners[name] = owner
            if before is not None:
                transaction.add_event(name, "lease taken over", {"from": before, "by": owner})
        self._owners[name] = owner
        return True

    def check_free(self, name: str) -> None:
        """Raises ConfigError while a live driver holds the campaign. Nothing is held: `acquire` may still fail."""
        with self.snapshot() as connection:
            campaigns.check_free(connection, name, "", self._clock())

    def renew(self, name: str, owner: str, ttl_seconds: float, active_seconds: float = 0.0) -> None:
        """Hold on to it, and add the seconds of driving since the last report. Raises Unavailable when it was lost."""
        with self._transaction(durable=False) as transaction:
            transaction.owners[name] = owner
            transaction.add_active(name, active_seconds)
            campaigns.lease(transaction.connection, name, owner, self._clock(), ttl_seconds)

    def release(self, name: str, owner: str, active_seconds: float = 0.0) -> None:
        """Let go of it, and add the seconds of driving since the last report. Nothing happens when it was lost."""
        reach("release.before")
        with self._transaction(durable=False) as transaction:
            transaction.owners.pop(name, None)
            if campaigns.owner_of(transaction.connection, name) == owner:
                transaction.add_active(name, active_seconds)
                campaigns.unlease(transaction.connection, name, owner)
        if self._owners.get(name) == owner:
            del self._owners[name]
        reach("release.after")

    def update_config(self, name: str, config: Mapping[str, object]) -> None:
        """Replace the settings; views are rebuilt when the populations differ."""
        with self._transaction(durable=False) as transaction:
            transaction.set_config(name, config)

    def finish(self, name: str, reason: str) -> None:
        """Keep why the campaign ended."""
        with self._transaction(durable=False) as transaction:
            transaction.set_finished(name, reason)

    def reopen(self, name: str) -> None:
        """A finished campaign goes on, as when its budget was raised."""
        with self._transaction(durable=False) as transaction:
            transaction.set_finished(name, "")

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[Transaction]:
        with self._write(durable=durable) as connection:
            transaction = Transaction(connection, self._views, dict(self._owners))
            yield transaction
            transaction.flush()
            self._to_publish = transaction.changed_views()
            _reach_all(transaction, "before_commit")
        _reach_all(transaction, "after_commit")

    @contextmanager
    def _write(self, *, durable: bool) -> Iterator[Connection]:
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("transactions of one store do not nest")
        with self._writing, engine.translated(self.path):
            connection = self._begin(durable=durable)
            self._writing_thread = threading.get_ident()
            try:
                yield connection
                connection.commit()
                self._views.update(self._to_publish)
            except BaseException:
                self._roll_back(connection)
                raise
            finally:
                self._writing_thread, self._to_publish = None, {}

    def _begin(self, *, durable: bool) -> Connection:
        if self._identity != engine.identity(self.path):
            raise Unavailable(
                f"the store {self.path} was moved, removed or replaced while it was open. This step was not kept; "
                "put the file back and repeat the command."
            )
        if self._writer is None:
            self._writer = self._engine.connect().execution_options(writes=True)
        engine.begin_write(self._writer, durable=durable)
        return self._writer

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except DBAPIError:  # the error that led here is the one to tell; a fresh connection is made next time
            connection.invalidate()
            connection.close()
            self._writer = None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read connection that sees one committed state, for `store check`."""
        with engine.translated(self.path), self._engine.connect() as connection:
            yield connection


def _reach_all(transaction: Transaction, place: str) -> None:
    for kind in transaction.kinds:
        reach(f"{kind}.{place}")
