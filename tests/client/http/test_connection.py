"""What the client makes of a network, a proxy and a service that fail it: tried again in time, and never for ever."""

from __future__ import annotations

import socket
import struct
import time
from random import Random

import pytest

from csat_ledger_client import Ledger
from csat_ledger_client.errors import (
    BadAnswer,
    BadRequest,
    FactRefused,
    NotKnown,
    NotNow,
    Problem,
    ServiceUnreachable,
)
from csat_ledger_client.http import connection as module
from csat_ledger_client.pauses import Pauses
from tests.client.http.scripted import Connection, Server, scripted

FACT = {"type": "record-response", "id": "f-1", "membership": "m-1"}
ACCEPTED = b'{"id":"f-1","status":"accepted","position":17,"of a later version":[1]}'
QUICK = Pauses(0.01, 0.05, Random(1))


def ledger(server: Server, timeout_s: float = 20.0) -> Ledger:
    return Ledger(server.url, "a.b.c", timeout_s=timeout_s, pauses=QUICK)


def takes(connection: Connection) -> None:
    connection.answer(201, ACCEPTED)


def breaks_off(connection: Connection) -> None:
    """A reset, after the fact has come and before an answer to it has gone."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


def ends_in_the_middle(connection: Connection) -> None:
    connection.send(
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 70\r\n\r\n" + ACCEPTED[:20]
    )


def test_a_fact_whose_answer_is_lost_is_sent_again_as_it_was() -> None:
    with scripted(breaks_off, ends_in_the_middle, takes) as server, ledger(server) as client:
        assert client.record(FACT).position == 17
    assert len(server.asked) == 3
    assert {one.body for one in server.asked} == {b'{"type":"record-response","id":"f-1","membership":"m-1"}'}
    assert server.asked[0].headers["authorization"] == "Bearer a.b.c"


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_service_that_cannot_take_it_now_is_asked_again_when_it_says(status: int) -> None:
    def busy(connection: Connection) -> None:
        connection.problem(status, "busy", Retry_After="1")

    with scripted(busy, takes) as server, ledger(server) as client:
        begun = time.monotonic()
        assert client.record(FACT).status == "accepted"
        assert time.monotonic() - begun >= 1.0


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    def later(connection: Connection) -> None:
        connection.problem(503, "stream-set-aside", Retry_After="60")

    with scripted(later) as server, ledger(server) as client:
        begun = time.monotonic()
        with pytest.raises(NotNow) as caught:
            client.record(FACT)
        assert time.monotonic() - begun < 10
    assert (caught.value.code, caught.value.retry_after_s) == ("stream-set-aside", 60.0)
    assert len(server.asked) == 1


def test_who_is_not_there_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Ledger(nowhere, "a.b.c", timeout_s=1.0, pauses=QUICK) as client:
        begun = time.monotonic()
        with pytest.raises(
            ServiceUnreachable, match=r"no answer of http://127\.0\.0\.1:\d+ in \d+ attempts within 1 s"
        ):
            client.status("m-1")
        assert time.monotonic() - begun < 10


def test_who_answers_nothing_or_a_byte_at_a_time_is_given_up_at_the_deadline() -> None:
    def trickles(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(600):
            connection.send(b" ")
            time.sleep(0.05)

    for step in (Connection.wait_until_gone, trickles):
        with scripted(step) as server, ledger(server, 1.0) as client:
            begun = time.monotonic()
            with pytest.raises(ServiceUnreachable):
                client.status("m-1")
            assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Problem), (404, NotKnown), (422, FactRefused), (500, Problem), (504, NotNow)]
)
def test_what_asking_again_does_not_mend_is_said_at_once(status: int, kind: type[Problem]) -> None:
    with (
        scripted(lambda connection: connection.problem(status, "as-it-is")) as server,
        ledger(server) as client,
        pytest.raises(kind) as caught,
    ):
        client.record(FACT)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (status, "as-it-is", "as the test has it")
    assert len(server.asked) == 1


def test_a_proxys_page_is_a_problem_as_well() -> None:
    def page(connection: Connection) -> None:
        connection.answer(413, b"<html>" + b"x" * 100_000, "text/html")

    with scripted(page) as server, ledger(server) as client, pytest.raises(Problem) as caught:
        client.record(FACT)
    assert caught.value.code == "http-413"
    assert len(str(caught.value)) < 400


def test_a_redirect_is_not_followed_with_the_token() -> None:
    def elsewhere(connection: Connection) -> None:
        connection.answer(307, b"", Location="http://127.0.0.1:1/")

    with scripted(elsewhere) as server, ledger(server) as client, pytest.raises(Problem) as caught:
        client.record(FACT)
    assert caught.value.status == 307


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"id":1}', b"\xff", b'{"id":"f-1","status":"accepted"}'],
    ids=["none", "list", "int", "bytes", "part"],
)
def test_an_answer_that_is_none_is_an_error_of_its_own(body: bytes) -> None:
    with (
        scripted(lambda connection: connection.answer(200, body)) as server,
        ledger(server) as client,
        pytest.raises(BadAnswer, match="found no"),
    ):
        client.record(FACT)


def test_an_answer_that_is_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1_000)
    with (
        scripted(lambda connection: connection.answer(200, b" " * 1_000_000)) as server,
        ledger(server) as client,
        pytest.raises(BadAnswer, match="more than 1,000 bytes"),
    ):
        client.status("m-1")


def test_a_list_that_ends_in_the_middle_is_no_shorter_list() -> None:
    def half(connection: Connection) -> None:
        connection.answer(200, b'[{"seq":1},')

    with scripted(half) as server, ledger(server) as client, pytest.raises(BadAnswer):
        list(client.replay("m-1"))


def test_a_replay_whose_connection_breaks_says_so() -> None:
    def breaks(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 70\r\n\r\n[")

    with scripted(breaks) as server, ledger(server) as client, pytest.raises(ServiceUnreachable, match="in the middle"):
        list(client.replay("m-1"))


ENDED = b'{"id":null,"status":"put-off","position":0,"code":"stopping","sentence":"it ends","line":2,"retry_ms":%d}\n'


def test_a_batch_that_a_service_which_ends_did_not_take_to_its_end_is_sent_again() -> None:
    def ends(connection: Connection) -> None:
        connection.answer(200, b'{"id":"a","status":"accepted","position":3}\n' + ENDED % 50, "application/x-ndjson")

    def goes_on(connection: Connection) -> None:
        lines = [
            b'{"id":"%s","status":"%s","position":3}\n' % one for one in ((b"a", b"duplicate"), (b"b", b"accepted"))
        ]
        connection.answer(200, b"".join(lines), "application/x-ndjson")

    with scripted(ends, ends, goes_on) as server, ledger(server) as client:
        recorded = client.record_many([{"id": "a"}, {"id": "b"}])
    assert (recorded.accepted, recorded.duplicates) == (1, 1)
    assert [one.body for one in server.asked] == [b'{"id":"a"}\n{"id":"b"}'] * 3


def test_a_service_that_ends_and_does_not_come_back_in_time_is_not_now() -> None:
    with (
        scripted(lambda connection: connection.answer(200, ENDED % 60_000, "application/x-ndjson")) as server,
        ledger(server) as client,
        pytest.raises(NotNow, match="stopping: it ends"),
    ):
        client.record_many([{"id": "a"}])


def test_outcomes_must_be_as_many_as_facts() -> None:
    with (
        scripted(lambda connection: connection.answer(200, b"[]")) as server,
        ledger(server) as client,
        pytest.raises(BadAnswer, match="found 0 outcomes, expected one for each of 1"),
    ):
        client.record_many([FACT])


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("", "found an empty token"),
        ("a b", "at character 2 of 3"),
        ("a\r\nX: y", "at character 2 of 7"),
        ("ä.b.c", "at character 1 of 5"),
        ("a.b.c\n", "at character 6 of 6 .*without a line break after it"),
        ("Bearer a.b.c", "at character 7 of 12 .*without `Bearer` before it"),
    ],
)
def test_a_token_that_no_header_may_hold_is_not_sent(token: str, told: str) -> None:
    with (
        scripted(takes) as server,
        Ledger(server.url, token) as client,
        pytest.raises(BadRequest, match=told),
    ):
        client.record(FACT)
    assert server.asked == []


def test_values_of_later_versions_are_read() -> None:
    outcome = b'{"id":"f-1","status":"a status of next year","position":17}'
    with scripted(lambda connection: connection.answer(200, outcome)) as server, ledger(server) as client:
        assert client.record(FACT).status == "a status of next year"
