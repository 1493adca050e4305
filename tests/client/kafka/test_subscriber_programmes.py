"""One subscriber hears the announcements of several programmes, each with its own type, or of one alone."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, assert_type

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from console.cli.main import main
from consumers.broker.topics import remake_topics
from csat_ledger_client.errors import MessagesLost
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.effects import Effects
from csat_ledger_client.kafka.subscriber import Delivery, Start, Subscriber
from csat_ledger_client.messages.announced import Announced, MessageKind
from csat_ledger_client.messages.capability import DESIGNATION, DesignationChanged, DesignationStatus
from csat_ledger_client.messages.kinds import OurMessage
from csat_ledger_client.messages.survey import ELIGIBILITY, EligibilityChanged, EligibilityStatus
from tests.consumers.support import Announcing, by_membership, eventually, relay_all

MEMBERS = ("m-1", "m-2", "m-3")


@pytest.fixture
def told(book: Announcing, broker: Broker) -> Announcing:
    """A book in which three memberships have announcements of both programmes, relayed."""
    for member in MEMBERS:
        book.record(book.enrol(member) + book.qualify(member))
    for _ in range(2):
        for number, member in enumerate(MEMBERS, 1):
            book.record(book.flips(member, number) + book.restate(member, number))
    relay_all(book.store, broker)
    return book


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "crm.db", timeout=30, check_same_thread=False)
    connection.execute("CREATE TABLE effect (id TEXT PRIMARY KEY)")
    yield connection
    connection.close()


def now(broker: Broker, hear: Sequence[MessageKind[Any]] | None = None, **options: Any) -> list[Delivery[Any]]:
    subscriber: Subscriber[Any] = Subscriber(broker, hear=hear, **options) if hear else Subscriber(broker, **options)
    return list(subscriber.deliveries(until_end=True))


def messages(found: Sequence[Delivery[Any]]) -> tuple[list[EligibilityChanged], list[DesignationChanged]]:
    """Those of each programme, as they came."""
    heard = [delivery.message for delivery in found]
    return (
        [one for one in heard if isinstance(one, EligibilityChanged)],
        [one for one in heard if isinstance(one, DesignationChanged)],
    )


def assert_all(found: Sequence[Delivery[Any]], book: Announcing) -> None:
    eligibility, designations = messages(found)
    assert len(found) == len(eligibility) + len(designations)
    assert by_membership(eligibility) == by_membership(book.announcements())
    assert by_membership(designations) == by_membership(book.designations())


def test_all_programmes_are_heard_each_in_order_for_each_membership(told: Announcing, broker: Broker) -> None:
    assert_all(now(broker), told)
    assert all(len(found) >= 10 for found in messages(now(broker)))


def test_one_programme_alone_is_heard_where_that_is_asked_for(told: Announcing, broker: Broker) -> None:
    assert by_membership([one.message for one in now(broker, [ELIGIBILITY])]) == by_membership(told.announcements())
    assert by_membership([one.message for one in now(broker, [DESIGNATION])]) == by_membership(told.designations())


def test_the_types_of_what_is_heard_are_known(told: Announcing, broker: Broker) -> None:
    for delivery in Subscriber(broker).deliveries(until_end=True):
        assert_type(delivery.message, OurMessage)
    for one in Subscriber(broker, hear=[DESIGNATION]).deliveries(until_end=True):
        assert_type(one.message, DesignationChanged | DesignationStatus)
        assert one.message.centipoints >= 0
    with pytest.raises(ValueError, match="expected one kind"):
        Subscriber(broker, hear=[])


def test_a_snapshot_tells_where_all_stand_in_every_programme_and_what_follows_has_no_gap(
    told: Announcing, broker: Broker
) -> None:
    subscriber = Subscriber(broker, start=Start.status())
    heard: list[Announced] = []
    thread = threading.Thread(target=lambda: heard.extend(subscriber))
    thread.start()
    try:
        eventually(lambda: len(heard) == 2 * len(MEMBERS), "where all stand")
        told.record(told.flips("m-1", 2) + told.restate("m-1", 3))
        relay_all(told.store, broker)
        eventually(lambda: len(heard) == 2 * len(MEMBERS) + 5, "what followed")
    finally:
        subscriber.stop()
        thread.join(15)
    statuses, rest = heard[: 2 * len(MEMBERS)], heard[2 * len(MEMBERS) :]
    assert [one.position for one in statuses] == sorted(one.position for one in statuses)
    assert sorted(type(one).__name__ for one in statuses) == ["DesignationStatus"] * 3 + ["EligibilityStatus"] * 3
    assert {one.who for one in statuses if isinstance(one, DesignationStatus)} == {
        f"{member}/business-applications" for member in MEMBERS
    }
    assert {one.who for one in statuses if isinstance(one, EligibilityStatus)} == set(MEMBERS)
    assert [one for one in rest if isinstance(one, EligibilityChanged)] == told.announcements()[-2:]
    assert [one for one in rest if isinstance(one, DesignationChanged)] == told.designations()[-3:]


def test_from_kept_offsets_each_topic_goes_on_after_its_last(told: Announcing, broker: Broker) -> None:
    found = now(broker)
    for place in (0, len(found) // 2, len(found) - 1):
        resume = found[place].resume
        assert resume is not None
        assert_all(found[: place + 1] + now(broker, start=Start.offsets(resume)), told)


def test_from_a_time_what_was_recorded_since_then_comes_of_all(told: Announcing, broker: Broker) -> None:
    since = told.designations()[4].recorded_us
    found = now(broker, start=Start.at(since))
    eligibility, designations = messages(found)
    assert by_membership(designations) == by_membership(
        [one for one in told.designations() if one.recorded_us >= since]
    )
    assert by_membership(eligibility) == by_membership(
        [one for one in told.announcements() if one.recorded_us >= since]
    )


def test_a_group_that_shares_both_topics_loses_and_repeats_nothing(told: Announcing, broker: Broker) -> None:
    heard: dict[str, list[Any]] = {"one": [], "two": []}
    members = {name: Subscriber(broker, group="crm", heartbeat_s=0.3) for name in heard}
    threads = [threading.Thread(target=lambda name=name: heard[name].extend(members[name])) for name in heard]
    for thread in threads:
        thread.start()
    expected = len(told.announcements()) + len(told.designations())
    try:
        eventually(lambda: len({one.id for found in heard.values() for one in found}) == expected, "all is heard")
    finally:
        for member in members.values():
            member.stop()
        for thread in threads:
            thread.join(20)
    assert now(broker, group="crm") == []


def follow(
    crm: sqlite3.Connection, broker: Broker, hear: Sequence[MessageKind[Any]] | None, start: Start | None = None
) -> None:
    effects = Effects(crm, "crm")
    for delivery in now(broker, hear, start=effects.start(start)):
        with effects.once(delivery) as fresh:
            if fresh:
                crm.execute("INSERT INTO effect VALUES (?)", (delivery.message.id,))


def effects_of(crm: sqlite3.Connection) -> set[str]:
    return {found for (found,) in crm.execute("SELECT id FROM effect")}


def test_effects_of_one_membership_in_two_programmes_are_each_made_once(
    told: Announcing, broker: Broker, crm: sqlite3.Connection
) -> None:
    for _ in range(2):
        follow(crm, broker, None)
        assert effects_of(crm) == {one.id for one in [*told.announcements(), *told.designations()]}
    told.record(told.restate("m-2", 2))
    relay_all(told.store, broker)
    follow(crm, broker, None)
    assert len(effects_of(crm)) == len(told.announcements()) + len(told.designations())


@pytest.mark.parametrize("start", [None, Start.status()])
def test_a_service_that_begins_to_hear_another_programme_starts_there_as_it_is_told_to(
    told: Announcing, broker: Broker, crm: sqlite3.Connection, start: Start | None
) -> None:
    follow(crm, broker, [ELIGIBILITY])
    follow(crm, broker, None, start)
    all_told = by_membership(told.designations())
    designations = [one for found in all_told.values() for one in (found if start is None else found[-1:])]
    assert effects_of(crm) == {one.id for one in [*told.announcements(), *designations]}


def test_one_of_two_topics_made_anew_is_read_again_and_the_other_goes_on(
    told: Announcing, broker: Broker, crm: sqlite3.Connection
) -> None:
    follow(crm, broker, None)
    (*_, last) = now(broker)
    told.record(told.flips("m-1", 1) + told.restate("m-1", 1))
    remake_topics(broker, broker.topics.relayed())
    relay_all(told.store, broker)
    follow(crm, broker, None)
    assert effects_of(crm) == {one.id for one in [*told.announcements(), *told.designations()]}
    assert last.resume is not None
    with pytest.raises(MessagesLost, match="made anew"):
        now(broker, start=Start.offsets(last.resume))


def test_the_command_says_of_what_each_line_is(
    told: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_KAFKA", broker.bootstrap)
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", broker.prefix)

    def lines(*arguments: str) -> list[dict[str, Any]]:
        assert main(["--json", "subscribe", "--until-end", *arguments]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert {line["type"] for line in lines()} == {"csat.eligibility-changed.v1", "csat.designation-changed.v1"}
    designations = lines("--hear", "designations")
    assert len(designations) == len(told.designations())
    assert {line["kind"] for line in designations} == {"changed"}
    first = min((line for line in designations if line["membership"] == "m-1"), key=lambda line: line["position"])
    assert (first["area"], first["qualified"], first["metrics"]["usage-growth"]) == (
        "business-applications",
        True,
        3_000,
    )
    assert len(lines("--hear", "designations", "--resume", designations[2]["resume"])) == len(designations) - 3
    assert {line["kind"] for line in lines("--hear", "designations", "--from", "status")} == {"status"}
    assert main(["subscribe", "--until-end", "--hear", "designations", "--limit", "1"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("/business-applications  qualified  (74.00 points, close, changed)")
