"""The runner: keeps projections up to the book, by reading its feed.

It reads the feed once for all of them, and writes a batch's rows and the position reached in one transaction, so that
each event is applied exactly once whatever kills the process. Each build of a projection is a *generation* with tables
of its own, `<projection>_<generation>_<table>`; one is live and is read, another may be under way beside it.

A build that workers keep up (see `projections.worker_progress`) is left to them, but built anew from the feed all the same:
the workers are held for the moment in which the two are compared and swapped, and go on with the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ledger.errors import DifferentBook
from ledger.store.base import Reader, Row
from ledger.store.bookmark import bookmark_at
from projections.applying import apply_events, apply_rows
from projections.builds import (
    TOPICS_ANEW,
    WAY_OUT,
    Build,
    SwappedAway,
    count_differences,
    create_build,
    create_state_tables,
    drop_build,
    load_build,
    make_live,
    other_book,
    require_book,
    still_there,
)
from projections.database import Connection, Database
from projections.projection import Projection
from projections.worker_progress import carry_over, places_of

Progress = Callable[[int, int], None]
"""Called with (events applied, position of the book's last event)."""
PartitionOf = Callable[[str, int], int]
"""(stream, number of partitions) -> the partition in which the stream's messages are."""
Remark = Callable[[str], None]
"""Told what somebody should know beside what is done."""


class Runner:
    """Keeps some projections in a database up to a book.

    With `partition_of`, a rebuild also compares what workers keep up; without, it only swaps that. How far behind each is
    answers `projections.questions.projection_state`.
    """

    def __init__(
        self,
        book: Reader,
        database: Database,
        projections: Sequence[Projection[Any]],
        partition_of: PartitionOf | None = None,
        remark: Remark = lambda _: None,
    ) -> None:
        """`remark` is told of projections of another book, which are built anew."""
        self.book = book
        self._partition_of = partition_of
        self._remark = remark
        self.database = database
        self.projections = {projection.name: projection for projection in projections}
        if database.may_write():
            with database.writing() as connection:
                create_state_tables(database, connection)

    def catch_up(self, on_progress: Progress | None = None) -> int:
        """Brings every projection to the end of the book; returns how many events were read.

        One whose code has another version, or whose tables are of another book, is built anew beside and swapped in.
        Raises SwappedAway where a program of another version does so meanwhile, DifferentBook where workers keep a
        build that is of another book: Kafka has that one too.
        """
        live, stale = self._live_and_stale()
        read = 0
        if stale:
            read += self._build_beside(stale, on_progress, compare=False)[0]
        while True:
            try:
                while behind := self._follow(live, on_progress):
                    read += behind
                return read
            except SwappedAway:  # by a rebuild; what that has put there is kept up from here on
                live, stale = self._live_and_stale()
                if stale:  # by a program of another version: the two would go on for ever, each swapping its own in
                    raise

    def _live_and_stale(self) -> tuple[list[Build], list[str]]:
        """The live builds that are kept up from the feed, and the names of those that have to be built anew."""
        live, stale, others = [], [], []
        with self.database.writing() as connection:
            for name, projection in self.projections.items():
                build = load_build(connection, projection, any_version=True)
                if build is None:
                    build = create_build(self.database, connection, projection)
                    make_live(connection, build)
                other = self._other_book(build)
                if other is not None:
                    others.append(other)
                if other is not None or build.version != projection.version:
                    stale.append(name)
                elif not build.by_workers:
                    live.append(build)
        if others:
            more = f", as {len(others) - 1} more are" if len(others) > 1 else ""
            self._remark(f"{others[0]}; that projection is built anew from the book that is there{more}")
        return live, stale

    def rebuild(self, on_progress: Progress | None = None) -> dict[str, int]:
        """Builds every projection anew beside the live one, compares the two, and swaps them.

        Returns for each projection the number of rows in which the new one differs from the old at the same position.
        One that workers kept of another book is compared with nothing, and no number is returned for it; they begin anew
        with the new one.
        """
        try:
            self.catch_up(on_progress)
        except DifferentBook as different:
            found = str(different).removesuffix(f"; {WAY_OUT}")
            self._remark(f"{found}; all projections are built anew from the book that is there; {TOPICS_ANEW}")
            return self._build_beside(list(self.projections), on_progress, compare=False)[1]
        return self._build_beside(list(self.projections), on_progress, compare=True)[1]

    def _other_book(self, build: Build) -> str | None:
        """What shows that a build is of another book; None where it is of this one."""
        if build.by_workers and build.version == build.projection.version:
            require_book(self.book, [build])  # they would go on with what Kafka has of the other book
            return None
        return other_book(self.book, build)

    def _follow(self, builds: list[Build], on_progress: Progress | None) -> int:
        """Applies the next batch to the builds that are furthest behind; what workers took over leaves the list."""
        builds[:] = [build for build in builds if not build.by_workers]
        if not builds:
            return 0
        start = min(build.position for build in builds)
        behind = [build for build in builds if build.position == start]
        stops = [build.position for build in builds if build.position > start]
        limit = min(self.database.batch_events, min(stops) - start) if stops else self.database.batch_events
        rows = self.book.read_feed(start, limit)
        if not rows:
            return 0
        self._apply_durably(behind, rows)
        if on_progress is not None:
            on_progress(rows[-1].position, self.book.max_position())
        return len(rows)

    def _apply_durably(self, builds: list[Build], rows: list[Row]) -> None:
        with self.database.writing() as connection:
            # Another process may have got here first; then there is nothing left to do for that build.
            current = [build for build in builds if still_there(connection, build)]
            apply_rows(connection, current, rows)

    def _build_beside(
        self, names: Sequence[str], on_progress: Progress | None, *, compare: bool
    ) -> tuple[int, dict[str, int]]:
        """Builds projections anew from one read of the feed; returns the events read and the rows that differ."""
        with self.database.writing() as connection:
            builds = [create_build(self.database, connection, self.projections[name]) for name in names]
        read = 0
        while behind := self._follow(builds, on_progress):
            read += behind
        differences: dict[str, int] = {}
        with self.database.writing() as connection:
            for build in builds:
                different = self._swap(connection, build, compare)
                if different is not None:
                    differences[build.projection.name] = different
        return read, differences

    def _swap(self, connection: Connection, build: Build, compare: bool) -> int | None:
        """Puts a build in the place of the live one; returns the rows in which they differ, where that can be told."""
        name, differences = build.projection.name, None
        old = load_build(connection, build.projection, any_version=True)
        if old is not None:
            # Nobody else can write to either now: both are brought to the same position, then compared.
            end = self.book.max_position()
            same_book = bookmark_at(self.book, old.mark.position) == old.mark
            if compare or old.by_workers:
                self._apply_through(connection, build, end)
            if compare and same_book and (not old.by_workers or self._partition_of is not None):
                self.apply_missing(connection, old, end)
                differences = count_differences(connection, build.projection, old, build)
            if old.by_workers and same_book:
                carry_over(connection, name, old.generation, build.generation, build.position)
            drop_build(connection, old.projection, old.generation)
        make_live(connection, build)
        return differences

    def _apply_through(self, connection: Connection, build: Build, end: int) -> None:
        while build.position < end:
            apply_rows(
                connection,
                [build],
                self.book.read_feed(build.position, min(self.database.batch_events, end - build.position)),
            )

    def apply_missing(self, connection: Connection, build: Build, end: int) -> int:
        """Brings a build to a position of the book; one that workers keep, in each partition from where that one stands.

        Returns how many events were applied to one that workers keep. The transaction must be alone.
        """
        if not build.by_workers or self._partition_of is None:
            self._apply_through(connection, build, end)
            return 0
        places = places_of(connection, build.projection.name, build.generation)
        reached = {partition: place.position for (_, partition), place in places.items()}
        position, applied = min(reached.values()), 0
        while position < end:
            rows = self.book.read_feed(position, min(self.database.batch_events, end - position))
            missing = [row for row in rows if row.position > reached[self._partition_of(row.stream, len(reached))]]
            apply_events(connection, [build], missing)
            applied += len(missing)
            position = rows[-1].position
        return applied
