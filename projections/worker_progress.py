"""How far workers have come with a build of a projection, by partition of the topic that they read.

    projection_partitions  next_offset  the offset at which the next message of the partition is read
                           position     every event of the partition up to this position of the book has been applied
                           seen         the position of the last event that came in a message of this partition
                           seen_head    that event's leaf hash: with `seen` a bookmark of the book it came from
                           applied      how many events were applied by workers
                           topic_id     which topic of the name it is: one that was made anew has another, and other offsets

A worker moves `next_offset` in the transaction in which it writes the rows, and only from the value that it expects: so
of two that believe to own a partition one gets nowhere, and each event is applied once. An event whose position is not
after `position` has been applied before, and is passed over.

The position of the whole build is the lowest of its partitions: up to there nothing is missing. So that a partition
without traffic does not hold it back, its worker moves `position` on to what was seen in the others, once it knows that
the partition has nothing outstanding. While all of them are at the same position, the number of events applied
must be that position: positions have no holes. What differs is counted as gaps.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.store.bookmark import START, Bookmark
from projections.database import Connection, Table

PARTITIONS: Final = Table(
    "projection_partitions",
    {
        "name": "TEXT",
        "generation": "BIGINT",
        "topic": "TEXT",
        "topic_id": "TEXT",
        "partition": "BIGINT",
        "next_offset": "BIGINT",
        "position": "BIGINT",
        "seen": "BIGINT",
        "seen_head": "TEXT",
        "applied": "BIGINT",
    },
    ("name", "generation", "topic", "partition"),
)


class Source(NamedTuple):
    """A topic that workers read, with its id, and the number of its partitions."""

    topic: str
    topic_id: str
    partitions: int


class Place(NamedTuple):
    """Where a build stands in one partition."""

    next_offset: int
    position: int


class Progress(NamedTuple):
    """How far a build has come over all its partitions: the lowest and the highest position, the last that was seen."""

    partitions: int
    first: int
    last: int
    seen: int
    applied: int


def progress_of(connection: Connection, name: str, generation: int) -> Progress | None:
    """How far workers have come with a build; None where it is kept up from the feed."""
    ((partitions, *figures),) = connection.query(
        "SELECT count(*), min(position), max(position), max(seen), sum(applied) FROM projection_partitions "
        "WHERE name = ? AND generation = ?",
        (name, generation),
    )
    return Progress(partitions, *map(int, figures)) if partitions else None


def last_seen(connection: Connection, name: str, generation: int) -> Bookmark:
    """The bookmark of the furthest event that any worker has applied; START where none has."""
    rows = connection.query(
        "SELECT seen, seen_head FROM projection_partitions WHERE name = ? AND generation = ? ORDER BY seen DESC LIMIT 1",
        (name, generation),
    )
    return Bookmark(*rows[0]) if rows and rows[0][1] else START


def gaps_of(progress: Progress, start: int) -> int:
    """How many events are missing (or were applied twice) since the feed's part ended at `start`.

    It shows while all partitions are at one position; 0 while they are not.
    """
    return abs(progress.last - start - progress.applied) if progress.first == progress.last else 0


def take_over(connection: Connection, name: str, generation: int, source: Source) -> None:
    """Makes workers keep a build up from now on, where they do not yet: each partition starts at the build's position.

    The transaction must be alone, so that nobody applies events from the feed beside it.
    """
    if progress_of(connection, name, generation) is None:
        ((position,),) = connection.query(
            "SELECT position FROM projection_state WHERE name = ? AND generation = ?", (name, generation)
        )
        _begin(connection, name, generation, source, position, START, 0)


def source_of(connection: Connection, name: str, generation: int) -> Source | None:
    """What workers keep a build up from; None where they do not."""
    rows = connection.query(
        "SELECT topic, topic_id, count(*) FROM projection_partitions WHERE name = ? AND generation = ? "
        "GROUP BY topic, topic_id",
        (name, generation),
    )
    return Source(*rows[0]) if rows else None


def move_over(connection: Connection, name: str, generation: int, source: Source, mark: Bookmark, applied: int) -> None:
    """Makes workers go on from the beginning of another topic with a build that has everything up to a bookmark.

    `applied` is how many events workers have applied to it. The transaction must be alone.
    """
    connection.execute("DELETE FROM projection_partitions WHERE name = ? AND generation = ?", (name, generation))
    _begin(connection, name, generation, source, mark.position, mark, applied)


def _begin(
    connection: Connection, name: str, generation: int, source: Source, position: int, mark: Bookmark, applied: int
) -> None:
    connection.insert(
        PARTITIONS.name,
        len(PARTITIONS.columns),
        [
            (name, generation, *source[:2], partition, 0, position, *mark, applied if partition == 0 else 0)
            for partition in range(source.partitions)
        ],
    )


def places_of(connection: Connection, name: str, generation: int) -> dict[tuple[str, int], Place]:
    """(topic, partition) -> where a build stands there."""
    rows = connection.query(
        "SELECT topic, partition, next_offset, position FROM projection_partitions WHERE name = ? AND generation = ?",
        (name, generation),
    )
    return {(topic, partition): Place(next_offset, position) for topic, partition, next_offset, position in rows}


def claim(
    connection: Connection,
    name: str,
    generation: int,
    source: tuple[str, str, int],
    now: Place,
    then: Place,
    *,
    seen: Bookmark = START,
    applied: int = 0,
) -> bool:
    """Moves a build on in one partition, in the transaction at hand; False where it is not where it was believed to be.

    The line stays locked until the end of the transaction: another worker waits here, and then finds it moved.
    """
    return bool(
        connection.query(
            "UPDATE projection_partitions SET next_offset = ?, position = ?, "
            "seen_head = CASE WHEN seen < ? THEN ? ELSE seen_head END, "
            "seen = CASE WHEN seen < ? THEN ? ELSE seen END, applied = applied + ? "
            "WHERE name = ? AND generation = ? AND topic = ? AND topic_id = ? AND partition = ? "
            "AND next_offset = ? AND position = ? "
            "RETURNING 1",
            (*then, seen.position, seen.head, seen.position, seen.position, applied, name, generation, *source, *now),
        )
    )


def carry_over(connection: Connection, name: str, old: int, new: int, position: int) -> None:
    """Makes the workers of an old generation go on with a new one, which has everything up to a position."""
    connection.execute(
        "INSERT INTO projection_partitions SELECT name, ?, topic, topic_id, partition, next_offset, ?, seen, seen_head, 0 "
        "FROM projection_partitions WHERE name = ? AND generation = ?",
        (new, position, name, old),
    )
