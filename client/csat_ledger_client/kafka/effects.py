"""Exactly once for a service with a database of its own: the message is noted in the transaction of its effect.

    effects = Effects(connection, "crm")
    subscriber = Subscriber(broker, hear=[ELIGIBILITY], start=effects.start())
    for delivery in subscriber.deliveries():
        with effects.once(delivery) as fresh:
            if fresh:
                connection.execute("UPDATE partner SET eligible = …")

`connection` is any DB-API 2.0 connection of sqlite3 or psycopg that is not in autocommit mode, and that nothing else
uses in the meantime. Two tables are made in it:

    csat_subscription_seen     each announcement whose effect is there (its stream and seq), with its cursor, and the topic
                               in which it was met last. So the same one may come as often as it likes, by Kafka, by a
                               snapshot, from a topic that was made anew, or to two instances of the service at once (the
                               database lets one go first); and an announcement that another book has in its place is
                               noticed
    csat_subscription_places   where to go on reading, by topic and partition (`csat_ledger_client.kafka.places`). Where the
                               topic is another one, it is read from its beginning: what was seen is found seen, and what
                               was missed comes. A topic that this subscription did not hear so far starts as `start` says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from csat_ledger_client.errors import BadRequest, HistoryChanged
from csat_ledger_client.kafka.places import Place, Resume, TopicPlaces
from csat_ledger_client.kafka.start import Kind, Start
from csat_ledger_client.kafka.subscriber import Delivery
from csat_ledger_client.messages.announced import Announced

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS csat_subscription_seen (
        subscription TEXT NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL, marker TEXT NOT NULL,
        by_status INTEGER NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (subscription, stream, seq))""",
    """CREATE TABLE IF NOT EXISTS csat_subscription_places (
        subscription TEXT NOT NULL, name TEXT NOT NULL, partition_number INTEGER NOT NULL, topic TEXT NOT NULL,
        next_offset BIGINT NOT NULL, before_offset BIGINT, marker TEXT NOT NULL,
        PRIMARY KEY (subscription, name, partition_number))""",
)
OF_STREAM: Final = "FROM csat_subscription_seen WHERE subscription = ? AND stream = ?"
FROM_HERE: Final = f"SELECT seq, marker, by_status, topic {OF_STREAM} AND seq >= ? ORDER BY seq LIMIT 1"
LAST: Final = f"SELECT seq, marker, by_status, topic {OF_STREAM} ORDER BY seq DESC LIMIT 1"
FIRST: Final = f"SELECT min(seq) {OF_STREAM}"
SEE: Final = "INSERT INTO csat_subscription_seen VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
MEET: Final = "UPDATE csat_subscription_seen SET topic = ? WHERE subscription = ? AND stream = ? AND seq = ?"
GO_ON: Final = """INSERT INTO csat_subscription_places VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (subscription, name, partition_number) DO UPDATE SET topic = excluded.topic, marker = excluded.marker,
    next_offset = excluded.next_offset, before_offset = excluded.before_offset
    WHERE csat_subscription_places.topic <> excluded.topic
    OR csat_subscription_places.next_offset < excluded.next_offset"""
LEAVE: Final = "DELETE FROM csat_subscription_places WHERE subscription = ? AND name = ? AND topic <> ?"
WHERE_TO_GO_ON: Final = """SELECT name, partition_number, topic, next_offset, before_offset, marker
    FROM csat_subscription_places WHERE subscription = ?"""
FORGET: Final = (
    "DELETE FROM csat_subscription_seen WHERE subscription = ?",
    "DELETE FROM csat_subscription_places WHERE subscription = ?",
)
WAY_OUT: Final = (
    "bring the service's own data to what the ledger says now: call Effects.forget(), and start with "
    "effects.start(Start.status()), which brings where all stand as fresh"
)


class Effects:
    """What one subscription has done in one database. For one thread."""

    def __init__(self, connection: Any, subscription: str) -> None:
        if getattr(connection, "autocommit", False) is True:
            raise BadRequest("found a connection in autocommit mode, expected one that commits when it is told to")
        self._connection = connection
        self._subscription = subscription
        self._placeholder = _placeholder(connection)
        self._is_sqlite = type(connection).__module__.startswith("sqlite3")
        self._kept: Resume | None = None
        self._make_tables()

    def start(self, otherwise: Start | None = None) -> Start:
        """Where to go on reading; `otherwise` (the beginning, unless one is given) in topics of which nothing was read yet."""
        rows = self._execute(WHERE_TO_GO_ON, (self._subscription,)).fetchall()
        self._connection.rollback()
        if not rows:
            return otherwise or Start.beginning()
        ids: dict[str, set[str]] = {}
        places: dict[str, dict[int, Place]] = {}
        for name, number, topic, offset, before, marker in rows:
            ids.setdefault(name, set()).add(topic)
            places.setdefault(name, {})[int(number)] = Place(offset, before, marker)
        # Places in two topics of one name are places in none: it is read anew.
        kept = {name: TopicPlaces(found.pop() if len(found) == 1 else "", places[name]) for name, found in ids.items()}
        anew = otherwise if otherwise is not None and otherwise.kind is Kind.TIME else Start.beginning()
        return Start.offsets(Resume(kept), anew, otherwise)

    @contextmanager
    def once(self, delivery: Delivery[Announced]) -> Iterator[bool]:
        """A transaction for the effect of a message: True where it is to be made, False where it is there already.

        Committed at the end, note and effect together; rolled back on any exception. Raises HistoryChanged where the
        message, or that it comes, cannot be of the history that was seen.
        """
        kept = self._kept
        try:
            if self._is_sqlite and not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            yield self._see(delivery)
            if delivery.resume is not None:
                self._keep(delivery.resume)
            self._connection.commit()
        except BaseException:
            self._kept = kept
            self._connection.rollback()
            raise

    def forget(self) -> None:
        """Forgets what this subscription has seen, and where it was: all that comes is fresh from then on."""
        for statement in FORGET:
            self._execute(statement, (self._subscription,))
        self._connection.commit()
        self._kept = None

    def _see(self, delivery: Delivery[Announced]) -> bool:
        """Notes a message; whether it is fresh."""
        message = delivery.message
        whose = (self._subscription, message.stream)
        told_by_status = message.is_status
        at_or_after = self._execute(FROM_HERE, (*whose, message.seq)).fetchone()
        if at_or_after is None:
            last = self._execute(LAST, whose).fetchone()
            if last is not None and last[3] != delivery.topic and not told_by_status:
                raise self._changed(message.who, f"seq {message.seq}", f"seq {last[0]}, {last[1]}, before it")
            row = (*whose, message.seq, delivery.cursor, int(told_by_status), delivery.topic)
            return bool(self._execute(SEE, row).rowcount == 1)
        seq, marker, by_status, topic = at_or_after
        if seq == message.seq:
            if marker != delivery.cursor:
                raise self._changed(message.who, f"{delivery.cursor} as seq {seq}", str(marker))
            if topic != delivery.topic:
                self._execute(MEET, (delivery.topic, *whose, seq))
        elif not (by_status or told_by_status or message.seq < self._execute(FIRST, whose).fetchone()[0]):
            raise self._changed(message.who, f"seq {message.seq}, {delivery.cursor}", f"seq {seq}, {marker}, next")
        return False

    def _changed(self, who: str, found: str, expected: str) -> HistoryChanged:
        return HistoryChanged(
            f"{self._subscription}: found of {who} the announcement {found}, expected {expected}, which "
            f"was seen: the ledger is another one, or an older copy that was restored; {WAY_OUT}"
        )

    def _keep(self, resume: Resume) -> None:
        known = {} if self._kept is None else self._kept.topics
        for name, (topic, places) in resume.topics.items():
            before = known.get(name)
            same = before is not None and before.id == topic
            if not same:
                self._execute(LEAVE, (self._subscription, name, topic))
            for number, place in places.items():
                if before is None or not same or before.places.get(number) != place:
                    self._execute(GO_ON, (self._subscription, name, number, topic, *place))
        self._kept = resume

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
    raise BadRequest(f"found a connection whose driver has the parameter style {style!r}, expected sqlite3 or psycopg")
