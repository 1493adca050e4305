"""The feed over connections that break, die, lie and come again: each announcement once, in order; the rest is an error."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import pytest

from csat_ledger_client import Change, Ledger
from csat_ledger_client.answers import DesignationChange, EligibilityChange
from csat_ledger_client.errors import (
    BadAnswer,
    BadRequest,
    HistoryChanged,
    NotAllowed,
    PositionUnknown,
    ServiceUnreachable,
)
from csat_ledger_client.pauses import Pauses
from tests.client.http.scripted import Connection, Server, Step, scripted

ELIGIBILITY: dict[str, Any] = {
    "membership": "m-1", "cause": "response", "counted": 10, "edition": "2009-11",
    "effective_at": "2010-06-10T10:00:00.000000Z", "location": "main", "organisations": 2, "previous": False,
    "revises": False, "satisfied": True, "via": "responses", "fact": "crm-4711", "seq": 13,
}  # fmt: skip
DESIGNATION: dict[str, Any] = {
    "membership": "m-1", "area": "business-applications", "cause": "close", "centipoints": 7400, "edition": "2023-06",
    "effective_at": "2024-06-10T10:00:00.000000Z", "metrics": {"net-adds": 900}, "month": "2024-05", "previous": False,
    "qualified": True, "revises": False, "track": "smb", "fact": "f-1", "seq": 20,
}  # fmt: skip


def cursor(position: int, book: str = "a") -> str:
    return f"{position}-{book * 16}"


def told(position: int, book: str = "a", name: str = "EligibilityChanged") -> bytes:
    data = DESIGNATION if name == "DesignationChanged" else ELIGIBILITY
    body = json.dumps({"position": position, **data, "of a later version": [1]})
    return f"id: {cursor(position, book)}\nevent: {name}\ndata: {body}\n\n".encode()


def sends(*parts: bytes, stay: bool = False) -> Step:
    """A connection that brings some bytes, and then ends, or stays without a word."""

    def step(connection: Connection) -> None:
        connection.stream()
        for part in parts:
            connection.send(part)
        if stay:
            connection.wait_until_gone()

    return step


def ledger(server: Server) -> Ledger:
    return Ledger(server.url, "a.b.c", pauses=Pauses(0.01, 0.02, Random(1)))


def taken(feed: Iterator[Change], number: int) -> list[int]:
    return [change.announcement.position for change in islice(feed, number)]


def test_each_change_is_typed_and_has_its_cursor() -> None:
    stream = [
        b"retry: 10\n\n",
        told(3),
        b":\n\n",
        told(5, name="DesignationChanged"),
        told(9, name="NextYears"),
        told(11),
    ]
    with scripted(sends(*stream, stay=True)) as server, ledger(server) as client:
        first, second, third = islice(client.changes(), 3)
    assert isinstance(first.announcement, EligibilityChange)
    assert isinstance(second.announcement, DesignationChange)
    assert (first.announcement.membership, first.announcement.satisfied, first.cursor) == ("m-1", True, cursor(3))
    assert second.announcement.qualified is True
    assert third.cursor == cursor(11)
    assert server.asked[0].line == "GET /v1/changes?after=0 HTTP/1.1"
    assert server.asked[0].headers["accept"] == "text/event-stream"


def test_what_is_wanted_is_said_and_no_beginning_is_now() -> None:
    with scripted(sends(told(3), stay=True)) as server, ledger(server) as client:
        wanted = client.changes(None, membership="m-1", type="EligibilityChanged", programme="survey")
        assert taken(wanted, 1) == [3]
    assert server.asked[0].line == "GET /v1/changes?membership=m-1&programme=survey&type=EligibilityChanged HTTP/1.1"


def test_after_a_break_it_goes_on_after_the_last_and_what_comes_again_is_given_once() -> None:
    steps = [
        sends(told(3), told(5), told(7)[:40]),  # cut in the middle of an event
        lambda connection: connection.problem(503, "busy", Retry_After="0"),
        sends(told(5), told(7), told(7)),
        sends(told(3), told(9), stay=True),
    ]
    with scripted(*steps) as server, ledger(server) as client:
        assert taken(client.changes(), 4) == [3, 5, 7, 9]
    assert [one.headers.get("last-event-id") for one in server.asked] == [None, cursor(5), cursor(5), cursor(7)]
    assert all("after" not in one.line for one in server.asked[1:])


def test_from_a_kept_cursor_it_goes_on_after_it() -> None:
    with scripted(sends(told(7), told(9), stay=True)) as server, ledger(server) as client:
        assert taken(client.changes(cursor(7)), 1) == [9]
    assert server.asked[0].headers["last-event-id"] == cursor(7)


def test_how_far_the_feed_has_come_is_gone_on_after_as_well() -> None:
    place = f'id: {cursor(90)}\nevent: position\ndata: {{"position":90}}\n\n'.encode()
    heard: list[str] = []
    with scripted(sends(told(3), place), sends(told(95), stay=True)) as server, ledger(server) as client:
        assert taken(client.changes(membership="m-1", on_position=heard.append), 2) == [3, 95]
    assert heard == [cursor(90)]
    assert server.asked[1].headers["last-event-id"] == cursor(90)


def test_a_connection_without_a_word_is_dead_and_one_with_heartbeats_is_not() -> None:
    def beats(connection: Connection) -> None:
        connection.stream()
        for _ in range(6):
            connection.send(b":\n\n")
            time.sleep(0.2)
        connection.send(told(5))
        connection.wait_until_gone()

    with scripted(sends(told(3), stay=True), beats) as server, ledger(server) as client:
        begun = time.monotonic()
        assert taken(client.changes(silence_max_s=0.8), 2) == [3, 5]
        assert time.monotonic() - begun < 20
    assert len(server.asked) == 2


def test_a_feed_that_is_lost_is_told_in_words_with_where_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with scripted(sends(told(3)), sends(told(5), stay=True)) as server, ledger(server) as client:
        assert taken(client.changes(), 2) == [3, 5]
    (record,) = (one for one in caplog.records if one.name == "csat_ledger.changes" and one.levelname == "WARNING")
    said = record.getMessage()
    assert said.startswith("lost the feed of changes (Ended: the service has ended the stream), going on in ")
    assert said.endswith(f" s after {cursor(3)}")


def test_the_services_own_pause_before_coming_again_is_kept() -> None:
    with scripted(sends(b"retry: 700\n\n", told(3)), sends(told(5), stay=True)) as server, ledger(server) as client:
        begun = time.monotonic()
        assert taken(client.changes(), 2) == [3, 5]
        assert time.monotonic() - begun >= 0.7


@pytest.mark.parametrize("reason", ["slow", "token-expired", "stopping", "renew", "store-unreachable", "of next year"])
def test_a_stream_that_is_cut_off_is_gone_on_with(reason: str) -> None:
    cut = f'event: cut-off\ndata: {{"reason":"{reason}","sentence":"so it is"}}\n\n'.encode()
    with scripted(sends(told(3), cut), sends(told(5), stay=True)) as server, ledger(server) as client:
        assert taken(client.changes(), 2) == [3, 5]


def test_another_book_is_an_error_however_the_service_says_so() -> None:
    cut = b'event: cut-off\ndata: {"reason":"position-unknown","sentence":"an older copy"}\n\n'
    with (
        scripted(sends(told(3), cut)) as server,
        ledger(server) as client,
        pytest.raises(PositionUnknown, match="an older copy"),
    ):
        taken(client.changes(), 2)
    gone = [sends(told(3)), lambda connection: connection.problem(409, "position-unknown")]
    with scripted(*gone) as server, ledger(server) as client, pytest.raises(PositionUnknown) as caught:
        taken(client.changes(), 2)
    assert caught.value.status == 409


def test_another_event_in_the_place_of_one_that_was_given_is_noticed_here_too() -> None:
    with (
        scripted(sends(told(3), told(5)), sends(told(5, "b"))) as server,
        ledger(server) as client,
        pytest.raises(HistoryChanged, match=f"found {cursor(5, 'b')} in the feed, expected {cursor(5)}"),
    ):
        taken(client.changes(), 3)


def test_who_may_not_listen_hears_so_at_once() -> None:
    with (
        scripted(lambda connection: connection.problem(401, "unauthorized")) as server,
        ledger(server) as client,
        pytest.raises(NotAllowed),
    ):
        next(client.changes())
    assert len(server.asked) == 1


def test_a_service_that_stays_away_is_given_up_where_that_is_wanted() -> None:
    with scripted(Connection.wait_until_gone) as server:
        pass
    with ledger(server) as client:
        begun = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="nothing of what changes"):
            next(client.changes(give_up_after_s=0.5))
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "stream",
    [
        b"id: 3\nevent: EligibilityChanged\ndata: {}\n\n",
        told(3).replace(b"id: 3-", b"id: 4-"),
        told(3).replace(b"id: ", b"ix: "),
        b"id: 3-" + b"a" * 16 + b'\nevent: EligibilityChanged\ndata: {"position":3}\n\n',
        b"data: \xff\n\n",
        b"data: " + b"x" * 2_000_000,
    ],
    ids=["no-cursor", "another-cursor", "without-id", "not-whole", "no-text", "too-long"],
)
def test_what_the_service_would_never_send_is_an_error(stream: bytes) -> None:
    with scripted(sends(stream, stay=True)) as server, ledger(server) as client, pytest.raises(BadAnswer):
        next(client.changes())


def test_an_answer_that_is_no_stream_is_an_error() -> None:
    with (
        scripted(lambda connection: connection.answer(200, b"{}")) as server,
        ledger(server) as client,
        pytest.raises(BadAnswer, match="expected text/event-stream"),
    ):
        next(client.changes())


@pytest.mark.parametrize("after", ["1", 17, "", "17-x", "latest", -1])
def test_what_can_be_no_cursor_is_not_asked_with(after: str | int) -> None:
    with scripted(sends()) as server, ledger(server) as client, pytest.raises(BadRequest, match="to go on after"):
        client.changes(after)
    assert server.asked == []
