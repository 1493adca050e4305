"""Keeping projections from partitions of a topic: where each stands, and batches applied exactly once. No Kafka in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from consumers.broker.partitioner import partition_of
from csat_ledger_client.errors import TopicsChanged, TopicsUnfit
from csat_ledger_client.kafka.incarnations import RELAY_ANEW
from csat_ledger_client.messages.cloudevents import POSITION_HEADER
from ledger.errors import LedgerError
from ledger.store.base import Row, Store
from ledger.store.bookmark import START, Bookmark, bookmark_at, bookmark_of, require_same
from projections.applying import apply_events
from projections.builds import Build, create_build, load_build, make_live, reload, require_book
from projections.database import Connection, Database
from projections.projection import Projection
from projections.runner import Runner
from projections.worker_progress import Place, Source, claim, move_over, places_of, progress_of, source_of, take_over

BUILDER_LOCK: Final = "projections"
FILL_BATCH: Final = 2_000
WAY_OUT: Final = f"give the worker the book that was relayed; where this one takes its place for good, {RELAY_ANEW}"


class Elsewhere(Exception):
    """A projection is not where this process believed it to be: nothing was applied."""


class Standing(NamedTuple):
    """How a projection stands, over all workers."""

    projection: str
    position: int
    gaps: int
    parked: int


class Keeper:
    """Applies events to the live builds of some projections, partition by partition."""

    def __init__(
        self,
        store: Store,
        database: Database,
        projections: Sequence[Projection[Any]],
        source: Source,
        check: Callable[[], None],
    ) -> None:
        """`source` is the topic that is there now. `check` is called now and then in what takes long, and may raise."""
        self._store = store
        self._database = database
        self._projections = sorted(
            projections, key=lambda projection: projection.name
        )  # so locks are taken in one order
        self._source = source
        self._check = check
        self._builds: list[Build] = []
        self.parked: set[str] = set()
        """Streams that waited behind an event, in whichever projection, when `standing` was asked for last."""
        self._places: dict[tuple[str, int], Place] = {}

    def prepare(self) -> None:
        """Makes sure that every projection is there in the version that this program keeps, and learns where they stand.

        Raises LedgerError where another process is building them, or where they are of a newer version.
        """
        runner = Runner(self._store, self._database, self._projections, partition_of)
        missing, stale = self._unfit()
        if missing or stale or self._gaps():
            lock = self._store.try_lock(BUILDER_LOCK)
            if lock is None:
                raise LedgerError("another process is building projections; this one waits")
            try:
                missing, stale = self._unfit()
                if missing:
                    self._create(missing)
                if stale:
                    runner.catch_up(lambda _done, _end: self._check())
                if self._gaps():  # what is missing is in the book
                    runner.rebuild(lambda _done, _end: self._check())
            finally:
                lock.release()
        with self._database.writing() as connection:
            for projection in self._projections:
                build = load_build(connection, projection)
                if build is not None:
                    take_over(connection, projection.name, build.generation, self._source)
                    self._move_over(runner, connection, projection)
        self.load()

    def load(self) -> None:
        """Learns anew which builds are live, and where they stand in each partition."""
        builds: list[Build] = []
        places: dict[tuple[str, int], Place] = {}
        with self._database.reading() as connection:
            for projection in self._projections:
                build = load_build(connection, projection)
                if build is None:
                    raise LedgerError(f"projection {projection.name}: found another version live, or none")
                builds.append(build)
                found = places_of(connection, projection.name, build.generation)
                source = source_of(connection, projection.name, build.generation)
                if source != self._source:
                    raise TopicsChanged(
                        f"projection {projection.name}: found it kept from {source}, expected {self._source}: it is moved "
                        "over from the one to the other"
                    )
                places |= {(projection.name, partition): place for (_, partition), place in found.items()}
        require_book(self._store, builds)
        self._builds, self._places = builds, places

    def start_of(self, partition: int, begin: int, end: int) -> int:
        """The offset from which a partition is to be read, which now has the offsets from `begin` to before `end`."""
        self.load()  # the streams that are parked, too: whoever had the partition may have parked some
        for build in self._builds:
            place = self._places[build.projection.name, partition]
            if not begin <= place.next_offset <= end:
                self._fill(build, partition, begin)
        return min(self._places[build.projection.name, partition].next_offset for build in self._builds)

    def apply(self, partition: int, first_offset: int, next_offset: int, rows: Sequence[Row]) -> int:
        """Applies the events that were read from one offset to before another; returns how many.

        Raises Elsewhere, with nothing applied, where a projection does not stand in between, or not any more, TopicsUnfit
        where an event is in a partition that is not its stream's, DifferentBook where the book does not have the last of
        them: the topic was filled from another book, or from what an older copy has lost.
        """
        for row in rows:
            if partition_of(row.stream, self._source.partitions) != partition:
                raise TopicsUnfit(
                    f"found {row.stream}/{row.seq} in partition {partition} of {self._source.topic}, expected it in "
                    f"{partition_of(row.stream, self._source.partitions)}: its stream's order is lost; {RELAY_ANEW}"
                )
        if rows:  # one look at the book for a batch, also where all of it is there already
            last = bookmark_of(max(rows, key=lambda row: row.position))
            require_same(self._store, last, f"the topic {self._source.topic}", WAY_OUT)
        then: dict[str, Place] = {}
        work: list[tuple[Build, list[Row]]] = []
        with self._database.writing(alone=False) as connection:
            for build in self._builds:
                name = build.projection.name
                now = self._places[name, partition]
                if next_offset <= now.next_offset:
                    continue
                if first_offset > now.next_offset:
                    raise Elsewhere
                own = [row for row in rows if row.position > now.position]
                then[name] = Place(next_offset, own[-1].position if own else now.position)
                seen = bookmark_of(own[-1]) if own else START
                self._claim(connection, build, partition, then[name], seen, len(own))
                work.append((build, own))
            _apply(connection, work)
        for name, place in then.items():
            self._places[name, partition] = place
        return max((len(own) for _, own in work), default=0)

    def reached(self) -> dict[str, int]:
        """The last position that came in a message of any partition, by projection."""
        with self._database.reading() as connection:
            found = {
                build.projection.name: progress_of(connection, build.projection.name, build.generation)
                for build in self._builds
            }
        return {name: progress.seen for name, progress in found.items() if progress is not None}

    def nothing_outstanding(self, partition: int, first_offset: int, next_offset: int, reached: dict[str, int]) -> bool:
        """Notes that a partition has no event up to the positions `reached` that is not applied.

        For that to be so, those were asked for before the end of the partition was, and all up to that end (which is
        `next_offset`) has been applied: an event that was seen anywhere was in a transaction of the relay, and before that
        was committed, all events up to it had been written. False where the projections are not where they were left.
        """
        moved: dict[str, Place] = {}
        for build in self._builds:
            name = build.projection.name
            now = self._places[name, partition]
            if now.next_offset < first_offset:
                return False
            if reached.get(name, 0) > now.position:
                moved[name] = Place(max(now.next_offset, next_offset), reached[name])
        if moved:
            try:
                with self._database.writing(alone=False) as connection:
                    for build in self._builds:
                        if build.projection.name in moved:
                            self._claim(connection, build, partition, moved[build.projection.name])
            except Elsewhere:
                return False
        for name, place in moved.items():
            self._places[name, partition] = place
        return True

    def standing(self) -> list[Standing]:
        """How the projections stand, over all workers. Raises DifferentBook where the book is not theirs any more."""
        found, seen, parked = list[Standing](), list[Build](), set[str]()
        with self._database.reading() as connection:
            for build in self._builds:
                with_all = Build(build.projection, build.generation)
                reload(connection, with_all)
                seen.append(with_all)
                parked |= with_all.parked
                found.append(Standing(build.projection.name, with_all.position, with_all.gaps, len(with_all.parked)))
        require_book(self._store, seen)
        self.parked = parked
        return found

    def _unfit(self) -> tuple[list[Projection[Any]], list[Projection[Any]]]:
        """Projections that are not there at all, and those of an older version."""
        missing, stale = [], []
        with self._database.reading() as connection:
            for projection in self._projections:
                build = load_build(connection, projection, any_version=True)
                if build is None:
                    missing.append(projection)
                elif build.version < projection.version:
                    stale.append(projection)
                elif build.version > projection.version:
                    raise LedgerError(
                        f"projection {projection.name}: found version {build.version}, this program keeps version "
                        f"{projection.version}: it is older than what runs already"
                    )
        return missing, stale

    def _create(self, missing: Sequence[Projection[Any]]) -> None:
        """Empty ones, which are filled from the beginning of the topic, by as many workers as there are."""
        with self._database.writing() as connection:
            for projection in missing:
                build = create_build(self._database, connection, projection)
                make_live(connection, build)
                take_over(connection, projection.name, build.generation, self._source)

    def _gaps(self) -> bool:
        """Whether events are missing in a projection, or in it twice."""
        with self._database.reading() as connection:
            builds = [load_build(connection, projection) for projection in self._projections]
        return any(build is not None and build.by_workers and build.gaps for build in builds)

    def _move_over(self, runner: Runner, connection: Connection, projection: Projection[Any]) -> None:
        """Where a projection was kept from another topic, or one with other partitions, it goes on with the present one.

        What it lacks is read from the book; then all that the present topic has and the book had is passed over by its
        position, so that it can be read from its beginning.
        """
        build = load_build(connection, projection)
        if build is None or source_of(connection, projection.name, build.generation) == self._source:
            return
        require_book(self._store, [build])
        mark = bookmark_at(self._store, self._store.max_position()) or START
        progress = progress_of(connection, projection.name, build.generation)
        before = progress.applied if progress is not None else 0
        applied = before + runner.apply_missing(connection, build, mark.position)
        move_over(connection, projection.name, build.generation, self._source, mark, applied)

    def _fill(self, build: Build, partition: int, begin: int) -> None:
        """The topic lacks what is to be read next: it is read from the book, up to its end; then from `begin` on.

        What was deleted from the topic stood in the book before; so does whatever is at `begin` and not after that end,
        and is passed over by its position.
        """
        name, end = build.projection.name, self._store.max_position()
        position = self._places[name, partition].position
        while True:
            self._check()
            rows = self._store.read_feed(position, FILL_BATCH)
            position = rows[-1].position if rows else end
            own = [row for row in rows if partition_of(row.stream, self._source.partitions) == partition]
            now = self._places[name, partition]
            then = Place(begin if position >= end else now.next_offset, max(now.position, position))
            with self._database.writing(alone=False) as connection:
                self._claim(connection, build, partition, then, START, len(own))
                _apply(connection, [(build, own)])
            self._places[name, partition] = then
            if position >= end:
                return

    def _claim(
        self,
        connection: Connection,
        build: Build,
        partition: int,
        then: Place,
        seen: Bookmark = START,
        applied: int = 0,
    ) -> None:
        name, source = build.projection.name, (self._source.topic, self._source.topic_id, partition)
        now = self._places[name, partition]
        if not claim(connection, name, build.generation, source, now, then, seen=seen, applied=applied):
            raise Elsewhere


def _apply(connection: Connection, work: Sequence[tuple[Build, list[Row]]]) -> None:
    """Applies to each build what is its own; the events are read once where that is the same for all."""
    if not work:
        return
    if all(len(own) == len(work[0][1]) for _, own in work):
        apply_events(connection, [build for build, _ in work], work[0][1])
        return
    for build, own in work:
        apply_events(connection, [build], own)


def row_of(record: Any) -> Row | None:
    """The event in a message of csat.ledger-events.v1; None for a message that is none of ours.

    Only the headers are read. A value that is no event is found out when it is applied, and parks its stream.
    """
    headers = dict(record.headers)
    try:
        stream, _, seq = headers["ce_id"].decode().rpartition("/")
        return Row(
            int(headers[POSITION_HEADER]), stream, int(seq), _event_type(headers["ce_type"]), record.value or b""
        )
    except (KeyError, ValueError, IndexError):
        return None


@lru_cache(maxsize=1_000)
def _event_type(header: bytes) -> str:
    """csat.ledger.ResponseReceived.v1 -> ResponseReceived."""
    return header.decode().split(".")[2]
