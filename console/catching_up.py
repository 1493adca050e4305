"""Catching up: the step before a question is asked. It brings the projections to the end of the book.

Whoever may only read answers from what others have projected, and is told how far behind that is. Where there is nothing
to read and nothing may be kept, all projections are worked out from the whole book in a folder that does not last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ledger.errors import StoreUnreachable
from ledger.event import leaf_hash
from ledger.membership import membership_or_stream
from projections.builds import Build, load_build, require_book
from projections.database import Database, SQLiteDatabase
from projections.registry import all_projections
from projections.worker_progress import PARTITIONS

if TYPE_CHECKING:
    from ledger.store.base import Store
    from projections.runner import Progress, Runner

Remark = Callable[[str], None]
"""Told what somebody should know of an answer beside it."""


def catch_up(
    store: Store,
    database: Database,
    runner: Callable[[], Runner],
    remark: Remark,
    on_progress: Progress | None = None,
    asked: str | None = None,
) -> bool:
    """Brings the projections to the end of the book; costs two look-ups where they are there, and then asks for no runner.

    False where there is nothing that this program can read. Raises DifferentBook where it is of another book: where this
    process may keep it, it is built anew, but what workers keep Kafka has as well. `asked` is the membership that is asked
    about, if it is one: what cannot be read of others is no matter of its answer.
    """
    lags, builds = _lags(store, database)
    if lags and database.may_write():
        runner().catch_up(on_progress)
        _, builds = _lags(store, database)
    elif lags and (not builds or None in builds):
        return False
    else:
        there = [build for build in builds if build is not None]
        require_book(store, [build for build in there if lags or build.by_workers])
        _remark_lag(store, there, remark)
    _remark_unread(store, builds, remark, asked)
    return True


def require_of_book(store: Store, database: Database) -> None:
    """Raises DifferentBook where projections that can be read are of another book, or of a later state of this one."""
    with database.reading() as connection:
        if not database.table_exists(connection, PARTITIONS.name):
            return
        builds = [load_build(connection, projection) for projection in all_projections()]
    require_book(store, [build for build in builds if build is not None])


@contextmanager
def worked_out(store: Store, remark: Remark, on_progress: Progress | None = None) -> Iterator[Database]:
    """Projections of the whole book that nobody keeps: there are none, and none may be written here."""
    from tempfile import TemporaryDirectory

    from projections.runner import Runner

    remark("found no projections that can be read here, and none may be kept: worked out from the whole book")
    try:
        folder = TemporaryDirectory(prefix="csat-ledger-")
    except OSError as error:
        raise StoreUnreachable(f"{store.name}: found no projections, and no room to work them out: {error}") from None
    with folder as path, closing(SQLiteDatabase(f"{path}/projections")) as database:
        Runner(store, database, all_projections()).catch_up(on_progress)
        yield database


def _lags(store: Store, database: Database) -> tuple[bool, list[Build | None]]:
    """Whether a projection is behind, was never built, or was built from another book; and the builds there are."""
    end = store.max_position()
    head = "".join(leaf_hash(row.stored) for row in store.read_feed(end - 1, 1)) if end else ""
    with database.reading() as connection:
        if not database.table_exists(connection, PARTITIONS.name):
            return True, []
        builds = [load_build(connection, projection) for projection in all_projections()]
    lags = any(build is None or build.lags(end, head) for build in builds)
    return lags, builds


def _remark_lag(store: Store, builds: list[Build], remark: Remark) -> None:
    """Says how far behind the book an answer is, where this process can do nothing about it."""
    position, end = min(build.position for build in builds), store.max_position()
    if position < end:
        remark(
            f"answered as of position {position:,}: the projections are {end - position:,} behind the book, which ends "
            f"at {end:,}, and are not this process's to bring up to date"
        )


def _remark_unread(store: Store, builds: Iterable[Build | None], remark: Remark, asked: str | None) -> None:
    """Names the streams of which an event cannot be read: what is answered of them may lack something."""
    streams = {aside.stream for aside in store.set_aside()}
    streams.update(*(build.parked for build in builds if build is not None))
    if asked is not None:  # its own, and those that are no membership's: rulebooks and scorebooks, which all go by
        streams = {stream for stream in streams if membership_or_stream(stream) in (asked, stream)}
    if streams:
        first = min(streams)
        others = f" and {len(streams) - 1:,} more" if len(streams) > 1 else ""
        remark(
            f"{first}{others}: found an event that cannot be read, and what is answered of it may lack something; "
            "`csat-ledger project --status` says why"
        )
