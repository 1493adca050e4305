"""Applying events to builds of projections: the same for the feed of the book and for messages from Kafka.

A batch is gathered and written in bulk. An event that a projection cannot apply parks its stream, for that projection:
the error is kept, the later events of the stream are noted, everything else goes on; a rebuild takes parked streams up
again. A lost or busy database is no fault of an event: StoreUnreachable parks nothing, it ends the transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import orjson

from ledger.errors import LedgerError, StoreUnreachable
from ledger.event import EventTypes, leaf_hash
from ledger.store.base import Row
from ledger.store.bookmark import Bookmark
from projections.builds import WAITING, Build
from projections.database import Connection
from projections.projection import RawEvent

ERROR_TEXT_MAX: Final = 500
READ_AT_ONCE: Final = 500


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
    head = leaf_hash(rows[-1].stored)
    first = rows[0].position
    gaps = 0
    if rows[-1].position - first != len(rows) - 1:
        gaps = sum(later.position != row.position + 1 for row, later in pairwise(rows))
    apply_events(connection, builds, rows)
    for build in builds:
        build.gaps += gaps + (first != build.position + 1)
        build.position, build.head = build.mark = Bookmark(rows[-1].position, head)
        connection.execute(
            "UPDATE projection_state SET position = ?, head = ?, gaps = ? WHERE name = ? AND generation = ?",
            (build.position, build.head, build.gaps, build.projection.name, build.generation),
        )


def apply_events(connection: Connection, builds: Sequence[Build], rows: Sequence[Row]) -> None:
    """Applies events to builds, in bulk; where that fails, event by event, parking the streams of those that fail.

    Events of a stream that is parked are noted, and wait.
    """
    streams = {row.stream for row in rows} if any(build.parked for build in builds) else set()
    alike: defaultdict[frozenset[str], list[Build]] = defaultdict(list)  # by which of the streams are parked
    for build in builds:
        alike[frozenset(build.parked & streams)].append(build)
    for parked, some in alike.items():
        if parked:
            for build in some:
                _let_wait(connection, build, [row for row in rows if row.stream in parked])
        _apply_together(connection, some, [row for row in rows if row.stream not in parked] if parked else rows)


def _let_wait(connection: Connection, build: Build, rows: Iterable[Row]) -> None:
    name, generation = build.projection.name, build.generation
    waiting = [(name, generation, row.position, row.stream) for row in rows if _concerns(build, row.type)]
    connection.insert(WAITING.name, len(WAITING.columns), waiting)


def _apply_together(connection: Connection, builds: Sequence[Build], rows: Sequence[Row]) -> None:
    """Applies events of streams none of which is parked yet."""
    for build, pending in zip(builds, gather(builds, rows), strict=True):
        connection.execute("SAVEPOINT batch")
        try:
            if pending is None:
                raise _Unreadable
            build.projection.flush(pending, connection, build.prefix)
        except StoreUnreachable:
            raise
        except Exception:  # a handler or a statement failed; found out below which event it was
            connection.execute("ROLLBACK TO SAVEPOINT batch")
            _apply_one_by_one(connection, build, rows)
        connection.execute("RELEASE SAVEPOINT batch")


def _concerns(build: Build, event_type: str) -> bool:
    """Whether a projection has to do with events of a type: with those that it handles, and with those that nobody knows.

    What a newer program has recorded may change any answer about its stream.
    """
    return event_type in build.handlers or event_type not in build.projection.types.versions


class _Unreadable(Exception):  # never leaves this module
    """An event of the batch must be parked."""


def gather(builds: Sequence[Build], rows: Sequence[Row]) -> list[Any]:
    """For each build what its handlers make of the events; None where one of them cannot be applied.

    The events are read a few at a time: thousands of them at once would not fit the processor's cache, and take half as
    long again.
    """
    wanted = {event_type for build in builds for event_type in build.handlers}
    gathered: list[Any] = [build.projection.pending() for build in builds]
    if not builds:
        return gathered
    types = builds[0].projection.types
    if not {row.type for row in rows} <= types.versions.keys():
        return [None] * len(gathered)
    for start in range(0, len(rows), READ_AT_ONCE):
        events = read_events([row for row in rows[start : start + READ_AT_ONCE] if row.type in wanted], types)
        for place, build in enumerate(builds):
            if gathered[place] is None:
                continue
            try:
                for event_type, handler in build.handlers.items():
                    for event, position in events.get(event_type, ()):
                        if event.__class__ is Poison:
                            raise _Unreadable
                        handler(gathered[place], event, position)
            except Exception:  # found out later which event it was
                gathered[place] = None
    return gathered


def read_events(rows: Sequence[Row], types: EventTypes) -> dict[str, list[tuple[Any, int]]]:
    """By type, in order within each: the stored objects (or why one cannot be read) with their positions."""
    loads, newest = orjson.loads, types.versions
    by_type: defaultdict[str, list[tuple[Any, int]]] = defaultdict(list)
    try:
        for position, _, _, event_type, stored in rows:
            event = loads(stored)
            if event["v"] != newest[event_type]:
                raise LedgerError("an older version")
            by_type[event_type].append((event, position))
    except Exception:  # an older version or poison; each is looked at by itself
        by_type.clear()
        for row in rows:
            by_type[row.type].append((read_event(row, types), row.position))
    return by_type


def read_event(row: Row, types: EventTypes) -> RawEvent | Poison:
    """The stored object with its data at the newest version, or why it cannot be read."""
    try:
        event: RawEvent = orjson.loads(row.stored)
        if unknown := types.unknown(row.type, event["v"]):
            raise LedgerError(unknown)
        event["data"] = types.upcast(row.type, event["v"], event["data"])
    except Exception as error:  # whatever is wrong with it, the other streams must go on
        return Poison(row.stream, row.position, repr(error)[:ERROR_TEXT_MAX])
    return event


def _apply_one_by_one(connection: Connection, build: Build, rows: Sequence[Row]) -> None:
    projection = build.projection
    for row in rows:
        if not _concerns(build, row.type):
            continue
        if row.stream in build.parked:
            _let_wait(connection, build, [row])
            continue
        connection.execute("SAVEPOINT event")
        event = read_event(row, projection.types)
        try:
            if isinstance(event, Poison):
                raise LedgerError(event.error)
            pending = projection.pending()
            build.handlers[row.type](pending, event, row.position)
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
