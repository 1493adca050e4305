"""Exactly once for a service with a database of its own: the message is noted in the transaction of its effect.

    effects = Effects(connection, "crm")
    subscriber = EligibilitySubscriber(broker, start=effects.start())
    for delivery in subscriber.deliveries():
        with effects.once(delivery) as fresh:
            if fresh:
                connection.execute("UPDATE partner SET eligible = …")

`connection` is any DB-API 2.0 connection of sqlite3 or psycopg that is not in autocommit mode, and that nothing else
uses in the meantime. Two tables are made in it:

    csat_subscription_seen      for each membership the seq of the last announcement whose effect is there. An
                                announcement is fresh if its seq is greater; so the same one may come as often as it
                                likes, by Kafka, by a snapshot, or to two instances of the service at once (the database
                                lets one go first)
    csat_subscription_offsets   where to go on reading, by partition. Not needed for correctness: without it the service
                                reads from the start, and finds everything seen
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from consumers.starting import Start
from consumers.subscriber import Delivery
from ledger.errors import BadInput

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS csat_subscription_seen (
        subscription TEXT NOT NULL, membership TEXT NOT NULL, seq BIGINT NOT NULL,
        PRIMARY KEY (subscription, membership))""",
    """CREATE TABLE IF NOT EXISTS csat_subscription_offsets (
        subscription TEXT NOT NULL, partition_number INTEGER NOT NULL, next_offset BIGINT NOT NULL,
        PRIMARY KEY (subscription, partition_number))""",
)
SEE: Final = """INSERT INTO csat_subscription_seen VALUES (?, ?, ?)
    ON CONFLICT (subscription, membership) DO UPDATE SET seq = excluded.seq
    WHERE csat_subscription_seen.seq < excluded.seq"""
GO_ON: Final = """INSERT INTO csat_subscription_offsets VALUES (?, ?, ?)
    ON CONFLICT (subscription, partition_number) DO UPDATE SET next_offset = excluded.next_offset
    WHERE csat_subscription_offsets.next_offset < excluded.next_offset"""
WHERE_TO_GO_ON: Final = "SELECT partition_number, next_offset FROM csat_subscription_offsets WHERE subscription = ?"


class Effects:
    """What one subscription has done in one database. For one thread."""

    def __init__(self, connection: Any, subscription: str) -> None:
        if getattr(connection, "autocommit", False) is True:
            raise BadInput("found a connection in autocommit mode, expected one that commits when it is told to")
        self._connection = connection
        self._subscription = subscription
        self._placeholder = _placeholder(connection)
        self._is_sqlite = type(connection).__module__.startswith("sqlite3")
        self._kept: dict[int, int] = {}
        self._make_tables()

    def start(self, otherwise: Start | None = None) -> Start:
        """Where to go on reading; `otherwise` (the beginning, unless one is given) where nothing was read yet."""
        rows = self._execute(WHERE_TO_GO_ON, (self._subscription,)).fetchall()
        self._connection.rollback()
        if not rows:
            return otherwise or Start.beginning()
        return Start.offsets({int(partition): int(offset) for partition, offset in rows})

    @contextmanager
    def once(self, delivery: Delivery) -> Iterator[bool]:
        """A transaction for the effect of a message: True where it is to be made, False where it is there already.

        Committed at the end, note and effect together; rolled back on any exception.
        """
        kept = dict(self._kept)
        try:
            if self._is_sqlite and not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            message = delivery.message
            fresh = self._execute(SEE, (self._subscription, message.membership, message.seq)).rowcount == 1
            yield fresh
            for partition, offset in (delivery.resume or {}).items():
                if self._kept.get(partition) != offset:
                    self._execute(GO_ON, (self._subscription, partition, offset))
                    self._kept[partition] = offset
            self._connection.commit()
        except BaseException:
            self._kept = kept
            self._connection.rollback()
            raise

    def _make_tables(self) -> None:
        """Two services may start at the same moment, and PostgreSQL lets one of them fail then."""
        for attempts_left in (1, 0):
            try:
                for statement in TABLES:
                    self._execute(statement, ())
                self._connection.commit()
                return
            except Exception:
                self._connection.rollback()
                if not attempts_left:
                    raise

    def _execute(self, statement: str, parameters: tuple[Any, ...]) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(statement.replace("?", self._placeholder), parameters)
        return cursor


def _placeholder(connection: Any) -> str:
    """How the connection's driver writes a parameter."""
    driver = sys.modules[type(connection).__module__.partition(".")[0]]
    style = getattr(driver, "paramstyle", None)
    if style == "qmark":
        return "?"
    if style in ("format", "pyformat"):
        return "%s"
    raise BadInput(f"found a connection whose driver has the parameter style {style!r}, expected sqlite3 or psycopg")
