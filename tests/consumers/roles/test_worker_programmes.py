"""Workers keep tables of the second programme: what is one membership's in any programme is in one partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
    import psycopg  # noqa: F401
except ImportError as missing:
    without_server(missing)

from consumers.broker.partitioner import partition_of
from ledger.programmes.registry import PROGRAMMES
from projections.database import Connection, Table
from projections.projection import Handler, Projection, RawEvent
from projections.registry import all_projections
from tests.consumers.roles.test_worker import Team
from tests.consumers.support import AREA, broker_with_topics, committed, eventually
from tests.servers.kafka import KafkaBroker

MEMBERS = [f"m-{number}" for number in range(6)]
Told = list[tuple[int, str, str]]


class ToldOfDesignations(Projection[Told]):
    """Every announcement on a designation and every edition of a scorebook, by position."""

    name: ClassVar[str] = "told_of_designations"
    version: ClassVar[int] = 1
    types = PROGRAMMES.events
    tables: ClassVar[tuple[Table, ...]] = (
        Table("told", {"position": "BIGINT", "stream": "TEXT", "what": "TEXT"}, ("position",)),
    )

    def handlers(self) -> Mapping[str, Handler[Told]]:
        return {"DesignationChanged": self._changed, "ScorebookPublished": self._published}

    def pending(self) -> Told:
        return []

    def flush(self, pending: Told, connection: Connection, prefix: str) -> None:
        for row in pending:
            connection.execute(f"INSERT INTO {prefix}told VALUES (?,?,?)", row)

    def _changed(self, pending: Told, event: RawEvent, position: int) -> None:
        pending.append((position, event["stream"], str(event["data"]["qualified"])))

    def _published(self, pending: Told, event: RawEvent, position: int) -> None:
        pending.append((position, event["stream"], event["data"]["edition"]))


@pytest.fixture
def team(postgres_url: str, kafka_broker: KafkaBroker) -> Iterator[Team]:
    found = Team(postgres_url, broker_with_topics(kafka_broker.bootstrap))
    found.projections = lambda: [*all_projections(), ToldOfDesignations()]
    yield found
    found.close()


def told(team: Team) -> list[tuple[Any, ...]]:
    from projections.builds import load_build

    with team.database.writing() as connection:
        live = load_build(connection, ToldOfDesignations())
        assert live is not None
        return connection.query(f"SELECT position, stream, what FROM {live.prefix}told ORDER BY position")


def test_workers_keep_what_is_told_of_both_programmes(team: Team) -> None:
    for member in MEMBERS:
        team.book.record(team.book.enrol(member) + team.book.qualify(member))
    team.relay()
    with team.worker(), team.worker():
        eventually(team.is_up_to_date, "what was there is applied")
        for _ in range(3):
            for member in MEMBERS:
                team.book.record(team.book.flips(member, 2) + team.book.restate(member, 2))
            team.relay()
        eventually(team.is_up_to_date, "what comes is applied")
    team.assert_whole()
    expected = [(one.position, one.stream, str(one.qualified)) for one in team.book.designations()]
    assert len(expected) == len(MEMBERS) * 7
    edition, *rest = told(team)
    assert edition[1:] == (f"scorebook/{AREA}", "2023-06")
    assert rest == expected


def test_every_event_of_a_membership_lies_in_the_partition_that_workers_believe_it_in(team: Team) -> None:
    for member in MEMBERS:
        team.book.record(team.book.enrol(member) + team.book.qualify(member))
    team.relay()
    where: dict[str, set[int]] = {}
    for record in committed(team.broker, team.broker.topics.ledger_events):
        stream = dict(record.headers)["ce_id"].decode().rpartition("/")[0]
        where.setdefault(stream, set()).add(record.partition)
    assert {f"designation-{member}/{AREA}" for member in MEMBERS} < where.keys()
    assert where == {stream: {partition_of(stream, 4)} for stream in where}
    for member in MEMBERS:
        assert where[f"membership-{member}"] == where[f"designation-{member}/{AREA}"]
    assert len({partition for found in where.values() for partition in found}) > 1
