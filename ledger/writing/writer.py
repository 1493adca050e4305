"""The one writer: the only code that appends to the book.

A write transaction takes the store's lock, catches up with what other processes have appended, and then for each fact:
form was checked by the parser, then the id, then the rules (`decide`), then the event and the announcements that it
causes are appended to its stream. All of it is committed at once, or none of it. Since the lock is held while deciding,
no other process can have decided on the same state: there is no race to lose, only a lock to wait for, and the wait is
bounded (StoreUnreachable). The clock is looked at first: under one that cannot be believed nothing is recorded (ClockWrong).

States of memberships are kept at hand up to a bound; they are caches of the streams and thrown away on any failure, and
where the store holds another book than it did, or an older copy. A membership whose stream cannot be read is set aside
(`ledger.writing.setting_aside`); the others go on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from ledger.book import recorded_us_by
from ledger.clock import LastRecorded, check_clock, is_behind, recording_us
from ledger.errors import BadInput
from ledger.instants import format_instant
from ledger.link_key import LinkKeys
from ledger.log_events import CLOCK_ACCEPTED
from ledger.programmes.programme import Programmes, is_subject
from ledger.store.base import Store, WriteTransaction
from ledger.store.bookmark import START, Bookmark, bookmark_at, bookmark_of
from ledger.writing.at_hand import AtHand
from ledger.writing.editions import EditionCache
from ledger.writing.linking import Linking, keys_of_store
from ledger.writing.loading import SnapshotDoubted, Unreadable
from ledger.writing.salts import SaltOf, SystemSalts
from ledger.writing.setting_aside import FoundUnreadable, Tries
from ledger.writing.state_cache import StateCache
from ledger.writing.transaction import Note, Outcome, Transaction

if TYPE_CHECKING:
    from ledger.fact import Fact

__all__ = ["Note", "Outcome", "Rebuilt", "Reviewed", "Writer"]

CACHE_BYTES_MAX: Final = 64 << 20
"""How much memory the states at hand may take, about."""
CATCH_UP_MAX: Final = 20_000
REVIEW_BATCH: Final = 500
REBUILD_BATCH: Final = 50
LOOK_FOR_UNNOTICED_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review did."""

    reviewed: int
    """Memberships and designations whose horizon was moved."""
    announced: int
    """Announcements made."""
    position: int
    """The ledger's last position now."""
    set_aside: int = 0
    """Those that cannot be read, which wait (`ledger.writing.setting_aside`)."""
    by_type: Mapping[str, int] = field(default_factory=dict)
    """Announcements made, by the type of their event."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of working the caches out anew."""

    subjects: int
    """Memberships and designations, all there are."""
    moved: int
    """Rows that say when one is due, and said otherwise, were missing, or are of none."""
    announced: int
    """Announcements that should have been made by then."""
    position: int
    """The ledger's last position now."""


class Writer:
    """Records facts and reviews memberships in one store. Its methods may be called from several threads.

    `clock` gives microseconds since 1970; it is checked at each transaction, unless it is that of a `rehearsal`, which
    may run through years in seconds. `compare_server` holds it against the database server's clock as well. `salts` are
    the system's, unless a made-up book has its own.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        programmes: Programmes,
        *,
        rehearsal: bool = False,
        compare_server: bool = False,
        cache_bytes_max: int = CACHE_BYTES_MAX,
        salts: SaltOf | None = None,
        link_keys: LinkKeys | None = None,
    ) -> None:
        """Where `link_keys` says nothing else, the link key lies where the store has a place for it."""
        self._store = store
        self._clock = clock
        self._rehearsal = rehearsal
        self._compare_server = compare_server
        self._lock = RLock()
        self.programmes = programmes
        self._cache = StateCache(programmes, cache_bytes_max)
        self._editions = EditionCache(programmes)
        self._mark = START
        self._linking = Linking(keys_of_store(store) if link_keys is None else link_keys)
        self._at_hand = AtHand(
            programmes, self._cache, self._editions, Tries(), SystemSalts() if salts is None else salts, self._linking
        )
        self._looked_s: float | None = None
        self._recorded_us = 0
        """When the last event of the book was recorded, as far as this writer has seen."""

    def record(self, facts: Sequence[Fact], *, lenient: bool = False) -> list[Outcome]:
        """Records facts in their order, in one transaction; the outcomes come in the same order.

        With `lenient` a fact is taken that would be refused for its spelling alone (see `Programme.decide`).
        Facts of a subject that cannot be read now are `put-off`, and those that need a link key which is not there; all
        others are decided on. When it returns, what was accepted is on disk. Raises StoreUnreachable, ClockWrong,
        LinkKeyMismatch or LinkKeyUnusable where nothing could be recorded, BrokenHistory where the editions cannot be read.
        """
        with self._lock:
            while True:
                try:
                    with self._store.writing() as transaction:
                        batch = self._begin(transaction)
                        outcomes = batch.record(facts, lenient=lenient)
                        self._end(batch)
                except FoundUnreadable as found:
                    self._forget()
                    self._set_aside(found.unreadable)
                except SnapshotDoubted as doubted:
                    self._forget()
                    self._drop_snapshot(doubted.stream)
                except BaseException:
                    self._forget()
                    raise
                else:
                    self._cache.shrink()
                    return outcomes

    def review(self, until_us: int | None = None, on_progress: Callable[[int], None] | None = None) -> Reviewed:
        """Moves the horizon of every due membership to an instant (now, unless one is given) and announces (DESIGN 6)."""
        reviewed = set_aside = 0
        announced: Counter[str] = Counter()
        with self._lock:
            until = self._clock() if until_us is None else until_us
            unnoticed = self._unnoticed()
            try:
                while True:
                    missing = next(unnoticed, [])
                    try:
                        with self._store.writing() as transaction:
                            batch = self._begin(transaction)
                            if not reviewed:
                                batch.try_set_aside()
                            streams = missing or transaction.due_streams(until, REVIEW_BATCH)
                            made = batch.review(streams, until, anew=bool(missing))
                            if not streams:
                                batch.save_review(until)
                            self._end(batch)
                            set_aside = batch.number_set_aside
                    except SnapshotDoubted as doubted:
                        self._forget()
                        self._drop_snapshot(doubted.stream)
                        unnoticed = chain([missing] if missing else [], unnoticed)
                        continue
                    announced += made
                    reviewed += len(streams)
                    self._cache.shrink()
                    if on_progress is not None:
                        on_progress(reviewed)
                    if not streams:
                        return Reviewed(reviewed, announced.total(), self._mark.position, set_aside, announced)
            except BaseException:
                self._forget()
                raise

    def rebuild(self, on_progress: Callable[[int], None] | None = None) -> Rebuilt:
        """Works the caches of the writer out anew from the events: when each subject is due, and the snapshots.

        What should have been announced by the instant up to which all were reviewed is announced. It holds the book while
        some subjects are folded from their first event on, and others who write wait for that.
        """
        subjects = moved = 0
        announced: Counter[str] = Counter()
        after = ""
        with self._lock:
            try:
                while names := self._store.stream_names(after, REBUILD_BATCH):
                    before, after = after, names[-1]
                    streams = [name for name in names if is_subject(self.programmes, name)]
                    with self._store.writing() as transaction:
                        batch = self._begin(transaction)
                        due = _due_between(transaction, before, after)
                        announced += batch.rebuild(streams)
                        self._end(batch)
                        now = _due_between(transaction, before, after)
                        moved += sum(due.get(stream) != now.get(stream) for stream in due.keys() | now.keys())
                    subjects += len(streams)
                    self._cache.shrink()
                    if on_progress is not None:
                        on_progress(subjects)
                return Rebuilt(subjects, moved, announced.total(), self._mark.position)
            except BaseException:
                self._forget()
                raise

    def _unnoticed(self) -> Iterator[list[str]]:
        """Subjects of which nobody has kept when they are due, some at a time: they are looked at first.

        Everybody who writes an event of a subject keeps it. So a row is missing only where somebody took it away; it is
        looked for by the first review of a process, and then from time to time.
        """
        now_s = time.monotonic()
        if self._looked_s is not None and now_s - self._looked_s < LOOK_FOR_UNNOTICED_S:
            return
        after = ""
        while names := self._store.streams_without_due(after, REVIEW_BATCH):
            after = names[-1]
            if subjects := [name for name in names if is_subject(self.programmes, name)]:
                yield subjects
        self._looked_s = now_s

    def note(self, event_type: str, data: Any, fact: str) -> int:
        """Appends an event to the log's own stream on which no rule decides, once for each `fact`; its position."""
        (position,) = self.note_all([Note(event_type, data, fact)])
        return position

    def note_all(self, notes: Sequence[Note]) -> list[int]:
        """Appends such events in one transaction, each once for its `fact`; their positions, in the order of the notes."""
        with self._lock:
            try:
                with self._store.writing() as transaction:
                    batch = self._begin(transaction)
                    positions = batch.note_all(notes)
                    self._end(batch)
            except BaseException:
                self._forget()
                raise
            return positions

    def accept_clock(self, last_recorded_us: int) -> int:
        """Accepts that the book was last recorded at an instant which the clock does not agree with (see `ledger.clock`).

        Returns the position of the ClockAccepted event, also where it was recorded before. Raises BadInput where the
        book's last event was recorded at another instant.
        """
        instant = format_instant(last_recorded_us)
        with self._lock:
            try:
                with self._store.writing() as transaction:
                    self._catch_up(transaction)
                    fact = f"csat-ledger:clock-accepted:{instant}"
                    known = transaction.known_facts([fact]).get(fact)
                    if known is not None:
                        return known.position
                    if self._last() is None or self._recorded_us != last_recorded_us:
                        found = format_instant(self._recorded_us) if self._last() else "never"
                        raise BadInput(
                            f"found {instant}, expected the instant at which the book was last recorded, {found}"
                        )
                    batch = self._batch(transaction, self._clock())
                    (position,) = batch.note_all([Note(CLOCK_ACCEPTED, {"last_recorded_at": instant}, fact)])
                    self._end(batch)
            except BaseException:
                self._forget()
                raise
            return position

    def close(self) -> None:
        """Keeps snapshots of the streams that grew long, so that the next process need not fold them."""
        with self._lock:
            try:
                if self._cache.grown():
                    with self._store.writing() as transaction:
                        self._catch_up(transaction)
                        transaction.save_snapshots(self._cache.grown())
            finally:
                self._forget()

    def _begin(self, transaction: WriteTransaction) -> Transaction:
        self._catch_up(transaction)
        now_us = self._clock()
        if not self._rehearsal:
            server_us = transaction.server_clock_us() if self._compare_server else None
            last = self._last()
            accepted = self._editions.clock_accepted(transaction) if is_behind(now_us, last) else None
            check_clock(now_us, last, accepted, server_us)
        batch = self._batch(transaction, now_us)
        if not self._mark.position:
            batch.publish_opening_editions()
        return batch

    def _batch(self, transaction: WriteTransaction, now_us: int) -> Transaction:
        recorded_us = recording_us(now_us, self._last())
        return Transaction(transaction, self._at_hand, self._mark.position, now_us, recorded_us)

    def _last(self) -> LastRecorded | None:
        return LastRecorded(self._mark.position, self._recorded_us) if self._mark.position else None

    def _end(self, batch: Transaction) -> None:
        batch.finish()
        if batch.end is not None:
            self._recorded_us = batch.recorded_us
            self._mark = Bookmark(*batch.end)

    def _set_aside(self, unreadable: Sequence[Unreadable]) -> None:
        with self._store.writing() as transaction:
            batch = self._begin(transaction)
            batch.set_aside(unreadable)
            self._end(batch)

    def _drop_snapshot(self, stream: str) -> None:
        """The next one who asks for the state reads the events."""
        with self._store.writing() as transaction:
            transaction.drop_snapshots([stream])

    def _catch_up(self, transaction: WriteTransaction) -> None:
        """Drops the states of streams to which other processes have appended since; all where this is another book."""
        last = transaction.last_event()
        now = bookmark_of(last) if last else START
        if now == self._mark:
            return
        if now.position <= self._mark.position or bookmark_at(transaction, self._mark.position) != self._mark:
            self._forget()  # an older copy was restored, or another book put in this one's place
        changed = transaction.streams_since(self._mark.position, CATCH_UP_MAX)
        if changed is None:
            self._cache.clear()
        else:
            self._cache.drop(changed)
        if self._editions.drop(changed):
            self._cache.doubt_quiet()
        self._recorded_us = recorded_us_by(transaction, now.position)
        self._mark = now

    def _forget(self) -> None:
        self._cache.clear()
        self._editions.drop()
        self._linking.forget()
        self._mark = START


def _due_between(transaction: WriteTransaction, after: str, through: str) -> dict[str, int]:
    """When the streams with names after one, and up to another, are due."""
    found: dict[str, int] = {}
    while page := transaction.read_due(after, REVIEW_BATCH):
        found.update((stream, at_us) for stream, at_us in page if stream <= through)
        after = page[-1][0]
        if after > through:
            break
    return found
