"""Applying events to builds of projections: the same for the feed of the book and for messages from Kafka.

A batch is gathered and written in bulk. An event that a projection cannot apply parks its stream, for that projection:
the error is kept, the later events of the stream are noted, everything else goes on; a rebuild takes parked streams up
again. A lost or busy database is no fault of an event: StoreUnreachable parks nothing, it ends the transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import orjson

from ledger.errors import LedgerError, StoreUnreachable
from ledger.events import UPCASTS, VERSIONS, leaf_hash
from ledger.store.base import Row
from projections.base import RawEvent
from projections.builds import Build
from projections.database import Connection

ERROR_TEXT_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that a projection could not apply."""

    stream: str
    position: int
    error: str


def apply_rows(connection: Connection, builds: Iterable[Build], rows: list[Row]) -> None:
    """Applies rows that follow the builds' position, and writes how far they have come, in the transaction at hand."""
    builds = list(builds)
    if not builds:
        return
    wanted = {event_type for build in builds for event_type in build.handlers}
    batch = read_batch([row for row in rows if row.type in wanted])
    head = leaf_hash(rows[-1].stored)
    first = rows[0].position
    gaps = 0
    if rows[-1].position - first != len(rows) - 1:
        gaps = sum(later.position != row.position + 1 for row, later in pairwise(rows))
    for build in builds:
        build.gaps += gaps + (first != build.position + 1)
        apply_batch(connection, build, batch)
        build.position, build.head = rows[-1].position, head
        connection.execute(
            "UPDATE projection_state SET position = ?, head = ?, gaps = ? WHERE name = ? AND generation = ?",
            (build.position, build.head, build.gaps, build.projection.name, build.generation),
        )


ReadEvent = tuple[RawEvent | Poison, Row]


@dataclass(slots=True)
class Batch:
    """Events read from the book, in order; and, where all of them can be read, by type (in order within each type)."""

    events: list[ReadEvent]
    by_type: dict[str, list[tuple[RawEvent, int]]] | None = None


def read_batch(rows: list[Row]) -> Batch:
    """Each row with its stored object, or with the reason why that cannot be read."""
    loads, newest = orjson.loads, VERSIONS
    by_type: defaultdict[str, list[tuple[RawEvent, int]]] = defaultdict(list)
    events: list[ReadEvent] = []
    try:
        for row in rows:
            position, _, _, event_type, stored = row
            event = loads(stored)
            if event["v"] != newest[event_type]:
                raise LedgerError("an older version")
            events.append((event, row))
            by_type[event_type].append((event, position))
    except Exception:  # an older version or poison; each is looked at by itself
        return Batch([(read_event(row), row) for row in rows])
    return Batch(events, by_type)


def read_event(row: Row) -> RawEvent | Poison:
    """The stored object with its data at the newest version, or why it cannot be read."""
    try:
        event: RawEvent = orjson.loads(row.stored)
        version, newest = event["v"], VERSIONS[row.type]
        if version != newest:
            if version > newest:
                raise LedgerError(f"found version {version} of {row.type}, this program knows {newest}")
            while version < newest:
                event["data"] = UPCASTS[row.type, version](event["data"])
                version += 1
    except Exception as error:  # whatever is wrong with it, the other streams must go on
        return Poison(row.stream, row.position, repr(error)[:ERROR_TEXT_MAX])
    return event


def apply_batch(connection: Connection, build: Build, batch: Batch) -> None:
    """Applies a batch to one build; if that fails, event by event, parking the streams of those that fail."""
    connection.execute("SAVEPOINT batch")
    try:
        pending = gather(build, batch)
        build.projection.flush(pending, connection, build.prefix)
    except StoreUnreachable:
        raise
    except Exception:  # a handler or a statement failed; found out below which event it was
        connection.execute("ROLLBACK TO SAVEPOINT batch")
        _apply_one_by_one(connection, build, batch.events)
    connection.execute("RELEASE SAVEPOINT batch")


class _Unreadable(Exception):  # never leaves this module
    """An event of the batch must be parked, or belongs to a stream that is."""


def gather(build: Build, batch: Batch) -> Any:
    """What the handlers make of a batch, a type after the other. Raises where one of its events cannot be applied."""
    pending = build.projection.pending()
    if build.parked and not build.parked.isdisjoint(row.stream for _, row in batch.events):
        raise _Unreadable
    if batch.by_type is None:
        for event, row in batch.events:
            handler = build.handlers.get(row.type)
            if handler is not None:
                if isinstance(event, Poison):
                    raise _Unreadable
                handler(pending, event, row.position)
        return pending
    for event_type, handler in build.handlers.items():
        for raw, position in batch.by_type.get(event_type, ()):
            handler(pending, raw, position)
    return pending


def _apply_one_by_one(connection: Connection, build: Build, events: list[ReadEvent]) -> None:
    projection = build.projection
    for event, row in events:
        handler = build.handlers.get(row.type)
        if handler is None:
            continue
        if row.stream in build.parked:
            connection.execute(
                "INSERT INTO projection_waiting VALUES (?,?,?,?)",
                (projection.name, build.generation, row.position, row.stream),
            )
            continue
        connection.execute("SAVEPOINT event")
        try:
            if isinstance(event, Poison):
                raise LedgerError(event.error)
            pending = projection.pending()
            handler(pending, event, row.position)
            projection.flush(pending, connection, build.prefix)
        except StoreUnreachable:
            raise
        except Exception as error:  # the stream is parked with whatever it was
            connection.execute("ROLLBACK TO SAVEPOINT event")
            text = (str(error) if isinstance(event, Poison) else repr(error))[:ERROR_TEXT_MAX]
            build.parked.add(row.stream)
            connection.execute(
                "INSERT INTO projection_parked VALUES (?,?,?,?,?)",
                (projection.name, build.generation, row.stream, row.position, text),
            )
        connection.execute("RELEASE SAVEPOINT event")
