"""Workers against a real broker and a real PostgreSQL: each event applied once, whoever comes, goes or is mistaken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
    import psycopg

    from ledger.store.postgres import PostgresStore
    from projections.postgres import PostgresDatabase
except ImportError as missing:
    without_server(missing)

from consumers.broker.partitioner import partition_of
from consumers.broker.topics import remake_topics
from consumers.errors import RelayStopped
from consumers.roles.partition_progress import Elsewhere, Keeper, row_of
from consumers.roles.service import Service
from consumers.roles.worker import Worker, open_worker
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.store.base import Row
from projections.builds import count_differences, create_build, load_build
from projections.projection import Projection
from projections.questions.answer import LEFT_OUT
from projections.questions.projection_state import ProjectionState, projection_states
from projections.questions.status import status, status_from_evidence
from projections.questions.view import view
from projections.registry import all_projections
from projections.runner import Runner
from projections.survey.eligibility import Eligibility
from projections.survey.reading import fold, read_rulebook
from projections.worker_progress import Source
from tests.consumers.role_processes import Running, running
from tests.consumers.support import Announcing, broker_with_topics, committed, eventually, relay_all, wall_us
from tests.servers.kafka import KafkaBroker

MEMBERSHIPS = [f"m-{number}" for number in range(12)]


class Team:
    """A book in PostgreSQL, its messages on Kafka, and workers that keep its projections."""

    def __init__(self, url: str, broker: Broker) -> None:
        self.url = url
        self.broker = broker
        self.book = Announcing(PostgresStore(url))
        self.database = PostgresDatabase(url)
        self.projections: Callable[[], Sequence[Projection[Any]]] = all_projections

    def close(self) -> None:
        self.database.close()
        self.book.close()

    @contextmanager
    def connect(self, service: Service) -> Iterator[Worker]:
        store, database = PostgresStore(self.url), PostgresDatabase(self.url)
        try:
            with open_worker(service, store, database, self.projections(), self.broker, session_timeout_s=2) as worker:
                yield worker
        finally:
            database.close()
            store.close()

    def worker(self) -> AbstractContextManager[Running]:
        return running("worker", self.connect)

    def runner(self) -> Runner:
        return Runner(self.book.store, self.database, self.projections(), partition_of)

    def write(self, flips: int = 4) -> None:
        for membership in MEMBERSHIPS:
            self.book.record(self.book.flips(membership, flips))

    def enrol(self) -> None:
        self.book.record([fact for membership in MEMBERSHIPS for fact in self.book.enrol(membership)])

    def relay(self) -> None:
        relay_all(self.book.store, self.broker)

    def states(self) -> list[ProjectionState]:
        return projection_states(self.runner())

    def is_up_to_date(self) -> bool:
        return all(row.lag == 0 for row in self.states())

    def assert_whole(self) -> None:
        """Nothing is missing, twice, or parked, and a build from the feed has the same rows."""
        for row in self.states():
            assert (row.lag, row.gaps, row.parked, row.waiting) == (0, 0, (), 0), row
        assert differences(self) == {}


def differences(team: Team) -> dict[str, int]:
    """Rows in which what workers keep differs from what the feed gives, by projection, where there are any."""
    found = {}
    runner = team.runner()
    for projection in team.projections():
        with team.database.writing() as connection:
            build = create_build(team.database, connection, projection)
            runner._apply_through(connection, build, team.book.store.max_position())
            live = load_build(connection, projection)
            assert live is not None
            found[projection.name] = count_differences(connection, projection, live, build)
    return {name: number for name, number in found.items() if number}


@pytest.fixture
def team(postgres_url: str, kafka_broker: KafkaBroker) -> Iterator[Team]:
    found = Team(postgres_url, broker_with_topics(kafka_broker.bootstrap))
    yield found
    found.close()


def shares(worker: Running) -> list[str]:
    return [place for place in "0123" if worker.figure("csat_ledger_lag", of=place) is not None]


def test_worker_keeps_projections_that_equal_those_from_the_feed(team: Team) -> None:
    team.enrol()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "what was there is applied")
        team.write()
        team.relay()
        eventually(team.is_up_to_date, "what comes is applied")
    team.assert_whole()
    with view(team.database) as opened:
        reader = opened.eligibility()
        assert reader.position == team.book.store.max_position()
        state, at_us = fold(team.book.store, "m-3"), wall_us()
        rulebook = read_rulebook(team.book.store)
        expected = status_from_evidence("m-3", state.evidence, rulebook, at_us, reader.position, state.renewals)
        assert status(opened, "m-3", at_us) == expected


def test_position_of_the_view_does_not_wait_for_partitions_without_traffic(team: Team) -> None:
    team.book.record(team.book.enrol("m-1"))
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "one membership is in one partition; the view is at the end of the book")
        team.book.record(team.book.flips("m-1", 5))
        team.relay()
        eventually(team.is_up_to_date, "and stays there")
    team.assert_whole()


def test_view_of_workers_is_never_ahead_of_what_is_whole(team: Team) -> None:
    """At every moment, the rows up to the position that the view shows are those that the feed gives."""
    team.enrol()
    team.relay()
    seen: set[int] = set()

    def look() -> int:
        with view(team.database) as opened:
            reader = opened.eligibility()
            rows = opened._connection.query(
                f"SELECT count(*) FROM {reader._prefix}responses WHERE position <= ?", (reader.position,)
            )
            expected = sum(row.type == "ResponseReceived" for row in feed if row.position <= reader.position)
            assert rows == [(expected,)]
            seen.add(reader.position)
            return reader.position

    with team.worker(), team.worker():
        eventually(team.is_up_to_date, "what was there is applied")
        for _ in range(6):
            team.write(2)
            feed = team.book.store.read_feed(0, 100_000)
            team.relay()
            deadline = time.monotonic() + 20
            while look() < feed[-1].position:
                assert time.monotonic() < deadline, sorted(seen)
    assert len(seen) > 6
    team.assert_whole()


def test_workers_share_the_partitions_and_hand_them_over(team: Team) -> None:
    team.enrol()
    team.relay()
    with team.worker() as first:
        eventually(lambda: shares(first) == ["0", "1", "2", "3"], "the only one has all")
        with team.worker() as second:
            eventually(lambda: len(shares(first)) == len(shares(second)) == 2, "each has half")
            for _ in range(3):
                team.write()
                team.relay()
            first.stop()
            team.write()
            team.relay()
            eventually(lambda: shares(second) == ["0", "1", "2", "3"], "the one that stays has all")
            eventually(team.is_up_to_date, "all is applied")
    team.assert_whole()


def test_of_two_that_believe_to_own_a_partition_one_gets_nowhere(team: Team) -> None:
    team.enrol()
    team.relay()
    keepers = []
    for _ in range(2):
        source = Source(team.broker.topics.ledger_events, "an-id", 4)
        keeper = Keeper(team.book.store, team.database, all_projections(), source, lambda: None)
        keeper.prepare()
        keepers.append(keeper)
    rows: dict[int, list[tuple[int, Row]]] = {partition: [] for partition in range(4)}
    for record in committed(team.broker, team.broker.topics.ledger_events):
        row = row_of(record)
        assert row is not None
        assert partition_of(row.stream, 4) == record.partition
        rows[record.partition].append((record.offset, row))
    one, other = keepers
    for partition, found in rows.items():
        half = len(found) // 2
        for part in (found[:half], found[half:]):
            if part:
                first, end = part[0][0], part[-1][0] + 1
                first = 0 if part is found[:half] or half == 0 else first
                assert one.apply(partition, first, end, [row for _, row in part]) == len(part)
                with pytest.raises(Elsewhere):
                    other.apply(partition, first, end, [row for _, row in part])
        other.load()
        if found:
            end = found[-1][0] + 1
            assert other.apply(partition, 0, end, [row for _, row in found]) == 0  # all of it is there already
            with pytest.raises(Elsewhere):  # it would skip what lies between
                other.apply(partition, end + 5, end + 6, [])
    assert differences(team) == {}


def test_parked_stream_waits_and_a_rebuild_beside_the_workers_takes_it_up_again(team: Team) -> None:
    class Picky(Eligibility):
        broken = True

        def handlers(self) -> Any:
            found = dict(super().handlers())
            received = found["ResponseReceived"]

            def handler(rows: Any, event: Any, position: int) -> None:
                if Picky.broken and event["stream"] == "membership-m-3":
                    raise ValueError("cannot be applied")
                received(rows, event, position)

            return found | {"ResponseReceived": handler}

    team.projections = lambda: [Picky()]
    team.enrol()
    team.relay()
    with team.worker() as worker:
        eventually(team.is_up_to_date, "the other streams go on")
        (row,) = team.states()
        assert [parked.stream for parked in row.parked] == ["membership-m-3"]
        assert row.waiting > 0
        assert row.gaps == 0
        eventually(lambda: worker.figure("csat_ledger_parked_streams", projection="eligibility") == 1, "it is told")
        assert worker.ready
        assert worker.service.health("/readyz")[1]["set_aside"] == {"number": 1, "streams": ["membership-m-3"]}
        Picky.broken = False
        before = len(committed(team.broker, team.broker.topics.named(EligibilityChanged.type)))
        assert team.runner().rebuild()["eligibility"] > 0  # the rows of the parked stream
        team.write()
        team.relay()
        announced = len(team.book.announcements())
        eventually(team.is_up_to_date, "the worker goes on with the new generation")
    team.assert_whole()
    assert len(committed(team.broker, team.broker.topics.named(EligibilityChanged.type))) == announced > before


def test_rebuild_beside_busy_workers_compares_equal_and_fires_no_message(team: Team) -> None:
    team.enrol()
    team.relay()
    with team.worker(), team.worker():
        eventually(team.is_up_to_date, "all is applied")
        team.write()
        team.relay()
        sent = len(committed(team.broker, team.broker.topics.ledger_events))
        assert team.runner().rebuild() == {projection.name: 0 for projection in all_projections()}
        assert len(committed(team.broker, team.broker.topics.ledger_events)) == sent
        team.write()
        team.relay()
        eventually(team.is_up_to_date, "both go on with the new generation")
        assert {row.generation for row in team.states()} == {2}
    team.assert_whole()


def test_newer_version_is_built_beside_and_older_workers_stand_back(team: Team) -> None:
    class Newer(Eligibility):
        version = Eligibility.version + 1

    team.enrol()
    team.relay()
    with team.worker() as old:
        eventually(team.is_up_to_date, "the old version is kept")
        team.projections = lambda: [Newer(), *(one for one in all_projections() if one.name != "eligibility")]
        with team.worker() as new:
            eventually(lambda: new.ready, "the new version is there")
            team.write()
            team.relay()
            eventually(lambda: "older" in str(old.service.health("/readyz")) or old.ready, "the old one notices")
            eventually(team.is_up_to_date, "the new one goes on")
            assert team.states()[0].version == Newer.version
    team.assert_whole()


def test_topic_that_lost_messages_is_made_good_from_the_book(team: Team) -> None:
    from kafka import TopicPartition

    team.enrol()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "the beginning is applied")
    team.write()
    team.relay()
    with team.broker.admin() as admin:
        topic = team.broker.topics.ledger_events
        admin.delete_records({TopicPartition(topic, partition): -1 for partition in range(4)})
    with team.worker():
        eventually(team.is_up_to_date, "what was deleted is applied all the same")
        team.write()
        team.relay()
        eventually(team.is_up_to_date, "and what comes after")
    team.assert_whole()


def test_message_that_is_none_of_ours_is_passed_over_and_said(team: Team) -> None:
    team.enrol()
    team.relay()
    producer = team.broker.producer("test")
    producer.send(team.broker.topics.ledger_events, b"{}", key=b"m-1").get(10)
    producer.close()
    team.write()
    team.relay()
    with team.worker() as worker:
        eventually(team.is_up_to_date, "all the others are applied")
        assert worker.figure("csat_ledger_done_total", what="foreign") == 1
        assert len(worker.events("foreign messages")) == 1
    team.assert_whole()


def test_projections_that_the_feed_kept_are_taken_over_and_left_alone_by_its_reader(team: Team) -> None:
    team.enrol()
    assert team.runner().catch_up() > 0
    team.write()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "the workers go on where the reader of the feed stopped")
    team.write()
    assert team.runner().catch_up() == 0
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "and they alone keep it")
    team.assert_whole()


def relay_anew(team: Team, partitions: int = 4) -> None:
    remake_topics(team.broker, team.broker.topics.relayed(), partitions=partitions)
    team.relay()


@pytest.mark.parametrize("partitions", [4, 6])
def test_topic_that_was_made_anew_costs_a_worker_nothing_that_stands_or_runs(team: Team, partitions: int) -> None:
    team.enrol()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "the beginning is applied")
        team.write(8)
        relay_anew(team, partitions)
        team.write(2)
        team.relay()
        eventually(team.is_up_to_date, "the running one goes on in the other topic")
    team.assert_whole()
    team.write(8)
    relay_anew(team)
    with team.worker() as worker:
        eventually(team.is_up_to_date, "so does one that starts")
        assert not worker.figure("csat_ledger_done_total", what="applied"), "what the book had was read from the book"
    team.assert_whole()


def test_topic_of_another_prefix_is_gone_over_to(team: Team) -> None:
    team.enrol()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "the beginning is applied")
    team.broker = broker_with_topics(team.broker.bootstrap)
    team.write()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "the rest comes from the other topic")
    team.assert_whole()


def test_partition_that_lost_its_end_is_made_good_from_the_book(team: Team) -> None:
    """The place is beyond the end: what a partition looks like after an election of a replica that lagged."""
    team.enrol()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "the beginning is applied")
    with team.database.writing() as connection:
        connection.execute("UPDATE projection_partitions SET next_offset = next_offset + 1000")
    team.write()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "all is applied")
    team.assert_whole()


def test_events_that_are_missing_all_the_same_are_noticed_and_made_good(team: Team) -> None:
    team.enrol()
    team.relay()
    with team.worker() as worker:
        eventually(team.is_up_to_date, "the beginning is applied")
        with team.database.writing() as connection:
            connection.execute("UPDATE projection_partitions SET applied = applied - 3 WHERE partition = 0")
            live = load_build(connection, Eligibility())
            assert live is not None
            connection.execute(f"DELETE FROM {live.prefix}responses WHERE position < 30")
        eventually(lambda: worker.events("lost"), "it is not ready")
        assert "events missing" in worker.events("lost")[0]["error"]
        eventually(lambda: worker.events("back") and team.is_up_to_date(), "it is built anew")
    team.assert_whole()


def test_partitions_that_are_added_spread_no_stream_over_two(team: Team) -> None:
    team.enrol()
    team.relay()
    with team.worker() as worker:
        eventually(team.is_up_to_date, "the beginning is applied")
        with team.broker.admin() as admin:
            admin.create_partitions({team.broker.topics.ledger_events: 6})
        eventually(lambda: worker.events("lost"), "it is noticed")
        assert "6 partitions" in worker.events("lost")[0]["error"]
        team.write(2)
        with pytest.raises(RelayStopped, match="--relay-anew"):
            team.relay()
        relay_anew(team, 6)
        eventually(team.is_up_to_date, "all is applied")
    team.assert_whole()


def restore(team: Team, position: int) -> None:
    """The book as it was at a position, as an older copy brings it back."""
    with psycopg.connect(team.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM ledger.events WHERE position > %s", (position,))
        connection.execute("ALTER TABLE ledger.events ENABLE TRIGGER ALL")


def rows_of(team: Team) -> dict[str, int]:
    """How many rows each projection has, over its tables."""
    found = {}
    with team.database.reading() as connection:
        for projection in all_projections():
            build = load_build(connection, projection)
            assert build is not None
            tables = [build.prefix + table.name for table in projection.tables]
            found[projection.name] = sum(connection.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables)
    return found


@pytest.mark.parametrize("grown", [False, True], ids=["shorter", "longer"])
@pytest.mark.parametrize("projected", [False, True], ids=["empty", "projected"])
def test_nothing_of_another_book_comes_from_its_topics_into_the_projections(
    team: Team, tmp_path: Path, *, projected: bool, grown: bool
) -> None:
    """The book is shorter than what was relayed, or longer, with other events at the same positions."""
    with closing(Announcing.in_file(tmp_path / "other.db")) as other:
        other.record([fact for membership in MEMBERSHIPS[:6] for fact in other.enrol(membership)])
        relay_all(other.store, team.broker)
        length = other.store.max_position()
    team.book.record([fact for number in range(9 if grown else 3) for fact in team.book.enrol(f"n-{number}")])
    assert (team.book.store.max_position() > length) is grown
    runner = team.runner()
    if projected:
        runner.catch_up()
        before = rows_of(team)
    else:
        before = dict.fromkeys(runner.projections, 0)
    with team.worker() as worker:
        eventually(lambda: len(worker.events("lost")) > 1, "it does not go on")
        assert "this is another book" in worker.events("lost")[-1]["error"]
        assert "--relay-anew" in worker.events("lost")[-1]["error"]
        assert rows_of(team) == before
        assert {state.different_book for state in team.states()} == {LEFT_OUT}
        relay_anew(team)
        eventually(lambda: worker.ready and team.is_up_to_date(), "it goes on once the topics are of this book")
    team.assert_whole()


def test_worker_of_a_restored_older_book_stops_and_the_way_out_is_one(team: Team, postgres_server: Any) -> None:
    team.enrol()
    team.relay()
    with team.worker():
        eventually(team.is_up_to_date, "all is applied")
    team.write(2)
    older = team.book
    restore(team, 20)
    with team.worker() as worker:
        eventually(lambda: worker.events("lost"), "it does not go on")
        assert "expected at least" in worker.events("lost")[-1]["error"]
        assert "--relay-anew" in worker.events("lost")[-1]["error"]
        team.runner().rebuild()
        relay_anew(team)
        eventually(lambda: worker.ready and team.is_up_to_date(), "it goes on with the book that is there")
    assert older.store.max_position() == 20
    team.assert_whole()
