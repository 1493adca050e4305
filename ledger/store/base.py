"""The port of a store: what the writer and the readers of the book need of a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ledger.store.refusals import RefusalReader, RefusalTable


class Row(NamedTuple):
    """One event as it stands in the database."""

    position: int
    stream: str
    seq: int
    type: str
    stored: bytes


class Columns(NamedTuple):
    """Some events as they stand in the database, a column at a time."""

    positions: tuple[int, ...]
    streams: tuple[str, ...]
    seqs: tuple[int, ...]
    types: tuple[str, ...]
    stored: tuple[bytes, ...]


class NewRow(NamedTuple):
    """One event to be appended. `fact` and `digest` are set on the first event of a fact and None on the others."""

    position: int
    stream: str
    seq: int
    type: str
    stored: bytes
    fact: str | None
    digest: bytes | None


as_row: Callable[[Sequence[Any]], Row] = partial(tuple.__new__, Row)
"""As `Row._make`, without a step in Python for each row."""
as_new_row: Callable[[Sequence[Any]], NewRow] = partial(tuple.__new__, NewRow)


def as_columns(rows: Sequence[Sequence[Any]]) -> Columns:
    """The rows, each as `Row` has it, a column at a time."""
    return Columns(*zip(*rows, strict=True)) if rows else Columns((), (), (), (), ())


class KnownFact(NamedTuple):
    """A fact that was recorded: the digest of its content, and the position of its event."""

    digest: bytes
    position: int


class Snapshot(NamedTuple):
    """A cached fold of a stream up to and including `seq`."""

    stream: str
    seq: int
    state: bytes


class Aside(NamedTuple):
    """A stream that cannot be read on from the event at `position`, and why; it waits until it can be.

    `reviewed_us` is the instant up to which it had been reviewed when it was set aside (microseconds since 1970).
    """

    stream: str
    position: int
    reason: str
    reviewed_us: int


class Reader(Protocol):
    """What can be read, inside a write transaction (at its view) and outside (at what is committed)."""

    def max_position(self) -> int:
        """The position of the last event; 0 for an empty book."""
        ...

    def read_feed(self, after: int, limit: int) -> list[Row]:
        """At most `limit` events with a position after `after`, in order of position."""
        ...

    def last_event(self) -> Row | None:
        """The event at `max_position`; None for an empty book."""
        ...

    def read_columns(self, after: int | None, limit: int) -> Columns:
        """As `read_feed`, a column at a time; None for all rows, whatever positions somebody has given them."""
        ...

    def read_stream(self, stream: str, after_seq: int = 0, through: int | None = None) -> Iterator[Row]:
        """The events of a stream in order, after a seq, up to and including position `through`."""
        ...

    def read_streams(self, streams: Sequence[str]) -> Iterator[Row]:
        """The events of several streams, a stream at a time, each in order."""
        ...

    def last_seq(self, stream: str) -> int:
        """The seq of a stream's last event; 0 where there is no such stream."""
        ...

    def read_feed_full(self, after: int, limit: int) -> list[NewRow]:
        """As `read_feed`, with the ids and digests of the facts: all that an exact copy needs."""
        ...

    def read_fact_ids(self, first: int, last: int) -> list[tuple[int, str | None]]:
        """Of the positions from one to another those under which a fact's id is known, with it, in order of position.

        It is by these that a fact is told to be a duplicate. None for what is no text: SQLite keeps anything in a column.
        """
        ...

    def count_events(self) -> int:
        """How many events there are, counted and not taken from a position; a look at each of them."""
        ...

    def read_type(self, event_type: str, after: int, limit: int, stream: str | None = None) -> list[Row]:
        """At most `limit` events of one type after a position, in order of position; of one stream alone where it is named.

        Of a stream its own events are looked at, however many of the type the book has.
        """
        ...

    def read_at(self, positions: Sequence[int]) -> list[Row]:
        """The events at some positions, in order of position; of a position without an event there is none."""
        ...

    def stream_names(self, after: str = "", limit: int = 1000) -> list[str]:
        """At most `limit` names of streams after a name, in order."""
        ...

    def reviews(self) -> list[tuple[int, int]]:
        """What `save_reviews` kept."""
        ...

    def link_key_id(self) -> str | None:
        """The id of the link key under which the book ties answers (`ledger.link_key`); None where none was needed yet."""
        ...

    def next_due(self) -> int | None:
        """The earliest instant before which no review is needed; None where nothing will ever be due."""
        ...

    def due_by(self, until_us: int) -> list[tuple[str, int]]:
        """(stream, instant before which no review is needed) of each that is due by an instant, in no order."""
        ...

    def set_aside(self) -> list[Aside]:
        """The streams that writers have set aside, in order of name."""
        ...

    def read_due(self, after: str = "", limit: int = 1000) -> list[tuple[str, int]]:
        """At most `limit` of what `save_due` kept, for streams after a name, in order of name."""
        ...

    def streams_without_due(self, after: str = "", limit: int = 1000) -> list[str]:
        """At most `limit` names of streams after a name of which `save_due` kept nothing, in order."""
        ...

    def read_snapshots(self, after: str = "", limit: int = 1) -> list[Snapshot]:
        """At most `limit` snapshots, of streams after a name, in order of name. One alone can take many megabytes."""
        ...


class Beside(Protocol):
    """A transaction on the tables that stand beside the events in the same database, and are no part of the book.

    Statements are written once, with `?` for parameters, in the SQL that SQLite and PostgreSQL share.
    """

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        ...

    def change(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """One statement that changes rows; how many it changed."""
        ...

    def change_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """The same statement for each of some rows of parameters."""
        ...


class WriteTransaction(Reader, Protocol):
    """The book while one writer holds it: no other appends until it is committed or rolled back."""

    def server_clock_us(self) -> int | None:
        """What the database server's clock says, microseconds since 1970; None where there is no server."""
        ...

    def streams_since(self, position: int, limit: int) -> set[str] | None:
        """The streams that have events after a position; None where there are more than `limit` such events."""
        ...

    def known_facts(self, ids: Sequence[str]) -> dict[str, KnownFact]:
        """Those of the ids that were recorded."""
        ...

    def append(self, rows: Sequence[NewRow]) -> None:
        """Appends events; their positions follow the last one without a gap."""
        ...

    def snapshots(self, streams: Sequence[str]) -> list[Snapshot]:
        """The snapshots there are of these streams."""
        ...

    def save_snapshots(self, snapshots: Iterable[Snapshot]) -> None:
        """Puts snapshots in the place of older ones."""
        ...

    def drop_snapshots(self, streams: Sequence[str]) -> None:
        """Throws the snapshots of some streams away."""
        ...

    def save_due(self, due: Iterable[tuple[str, int]]) -> None:
        """(stream, instant before which no review is needed)."""
        ...

    def drop_due(self, streams: Sequence[str]) -> None:
        """Forgets when some streams are due: for those that have no events (any more)."""
        ...

    def save_set_aside(self, asides: Iterable[Aside]) -> None:
        """Sets streams aside, or says anew why they are."""
        ...

    def take_up(self, streams: Sequence[str]) -> None:
        """Streams that can be read again are set aside no longer."""
        ...

    def bring_due_forward(self, at_us: int, streams: Sequence[str]) -> None:
        """None of these streams is due later than `at_us`; of those that are not due at all nothing is said."""
        ...

    def due_streams(self, until_us: int, limit: int) -> list[str]:
        """At most `limit` streams due for review by an instant, the earliest first."""
        ...

    def save_reviews(self, reviews: Sequence[tuple[int, int]]) -> None:
        """(instant, position): every membership enrolled by the position has been reviewed up to the instant."""
        ...

    def save_link_key_id(self, key_id: str) -> None:
        """Records the id of the link key, once and for all: there must be none yet."""
        ...


class Unguarded(NamedTuple):
    """Something that should keep events from being changed and does not: what, how it was found, what was expected."""

    what: str
    found: str
    expected: str


class RoleLock(Protocol):
    """What the one active process of a role (relay, clock, sealer) holds. The end of the process gives it back too."""

    role: str

    def held(self) -> bool:
        """Whether it is still held: asks the database. Once False, it stays False, and another may be active."""
        ...

    def release(self) -> None:
        """Lets the next one take over. May be called more than once."""
        ...


class Store(Reader, Protocol):
    """A book in a database. `name` says where, without a password.

    `found_version` is the version of the tables that it was opened with, 0 where there were none; `tables_version` the
    one they have now, which is the one that this program writes. `read_only` says that this process may write nothing
    here (a read-only file, folder, server or role): everything that reads works all the same. `mended` is what a migration
    found not to guard the events as it should, and made so again where it may. `link_key_path` is the file of the book's
    link key, unless one is told another: beside the file of the book. A server has no such place: None.
    """

    name: str
    link_key_path: Path | None
    read_only: bool
    found_version: int
    tables_version: int
    mended: list[Unguarded]

    def writing(self) -> AbstractContextManager[WriteTransaction]:
        """A write transaction: committed durably at the end, rolled back on any exception.

        Raises StoreUnreachable where the store stays locked or cannot be reached.
        """
        ...

    @property
    def refusals(self) -> RefusalReader:
        """The refused facts that are kept beside the book."""
        ...

    def keeping_refusals(self) -> AbstractContextManager[RefusalTable]:
        """A transaction of the refused facts, one at a time; committed at the end, rolled back on any exception.

        Raises StoreUnreachable where the store stays locked or cannot be reached.
        """
        ...

    def beside(self) -> AbstractContextManager[Beside]:
        """A transaction on what stands beside the events: committed durably at the end, rolled back on any exception.

        It adds no event, and in PostgreSQL no writer waits for it. Raises StoreUnreachable.
        """
        ...

    def query_beside(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one SELECT on what stands beside the events, or on the events; nobody waits for it."""
        ...

    def wait(self, after: int, timeout_s: float) -> bool:
        """Blocks until there is an event after a position (True) or the time is over (False)."""
        ...

    def try_lock(self, role: str) -> RoleLock | None:
        """The lock of a role (lower-case letters, digits and hyphens); None where another holds it.

        Raises StoreUnreachable where that cannot be found out.
        """
        ...

    def unguarded(self) -> list[Unguarded]:
        """Looks whether all that guards the events is there and works: triggers, keys, rights, the append lock.

        What is missing is told, not assumed: somebody with the rights may have taken it away since it was made.
        """
        ...

    def close(self) -> None:
        """Gives all connections back. Locks of roles stay until they are released."""
        ...
