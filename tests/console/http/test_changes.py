"""The feed of changes over HTTP: from any place on, filtered, and how a stream ends."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from console.http import event_stream, fan_out, listeners
from console.http.changes import wants_page
from console.wiring import Ledger, open_store
from ledger.errors import BrokenHistory, StoreUnreachable
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import NewRow
from projections.questions.changes import changes
from tests.console.http.follower import Follower
from tests.console.http.support import NOW_US, Served, bearer, make_book, service_on_a_port, token
from tests.console.support import met

SUBSCRIBER = bearer("subscriber")
ANNOUNCED = [15, 43, 46, 62, 63]
"""Where the announcements of the book stand; those in the middle are of designations."""


def page(served: Served, query: str = "after=0&wait=0", role: str = "subscriber", **headers: str) -> Any:
    return served.get(f"/v1/changes?{query}", role, **{"Accept": "application/json"} | headers)


def positions(found: Any) -> list[int]:
    assert found.status_code == 200, found.text
    return [one["position"] for one in found.json()["changes"]]


def record(store: Path | str, facts: list[dict[str, Any]]) -> None:
    ledger = Ledger(open_store(str(store), create=True), lambda: NOW_US)
    outcomes = ledger.writer.record([fact_from_object(one) for one in facts])
    assert {outcome.status for outcome in outcomes} == {"accepted"}
    ledger.close()


def announced(store: Path | str) -> list[int]:
    """The positions of all announcements of a book."""
    ledger = Ledger(open_store(str(store), create=False), lambda: NOW_US)
    found = changes(ledger.store, 0)
    assert not found.more
    ledger.close()
    return [row.position for row in found.rows]


def run(what: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(what(), 60))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of both programmes."""
    make_book(tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


# A page at a time


def test_a_page_goes_on_where_the_one_before_ended_and_each_change_comes_once(served: Served) -> None:
    whole = page(served)
    assert positions(whole) == ANNOUNCED
    seen, after = [], "0"
    for _ in ANNOUNCED:
        found = page(served, f"after={after}&limit=1&wait=0")
        seen += found.json()["changes"]
        after = found.json()["next"]
        assert found.headers["ledger-position"] == after.partition("-")[0]
    assert seen == whole.json()["changes"]
    end = page(served, f"after={after}&wait=0").json()
    assert end["changes"] == []
    assert page(served, "wait=0").json() == {"changes": [], "next": end["next"]}


def test_a_page_has_what_the_command_prints(served: Served) -> None:
    ledger = Ledger(open_store(str(served.store), create=False), lambda: NOW_US)
    one, *_ = changes(ledger.store, 0).rows
    ledger.close()
    event = PROGRAMMES.decode(one.stored, one.position)
    first = page(served).json()["changes"][0]
    expected = {"position": 15, "membership": "m-1", **event.data, "fact": event.fact, "seq": event.seq}
    assert first == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("membership=m-1", [15, 43, 46, 63]),
        ("membership=m-3", [62]),
        ("membership=m-2", []),
        ("membership=m-nowhere", []),
        ("type=EligibilityChanged", [15, 63]),
        ("programme=capability", [43, 46, 62]),
        ("programme=survey&type=EligibilityChanged", [15, 63]),
        ("membership=m-1&type=DesignationChanged", [43, 46]),
    ],
)
@pytest.mark.parametrize("limit", [1, 100])
def test_what_is_not_wanted_is_left_out_and_the_cursor_moves_over_it(
    served: Served, query: str, expected: list[int], limit: int
) -> None:
    seen, after = [], "0"
    for _ in range(len(expected) + 1):
        found = page(served, f"after={after}&limit={limit}&wait=0&{query}")
        seen += positions(found)
        after = found.json()["next"]
    assert seen == expected
    assert after == page(served, "wait=0").json()["next"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=5", "after"),
        ("after=05-0123456789abcdef", "after"),
        ("after=5-0123456789ABCDEF", "after"),
        ("after=-1", "after"),
        ("after=", "after"),
        ("membership=m%201", "membership"),
        ("type=ResponseReceived", "type"),
        ("programme=king", "programme"),
        ("programme=survey&type=DesignationChanged", "type"),
        ("limit=0", "limit"),
        ("wait=26", "wait"),
    ],
)
def test_what_cannot_be_read_is_400_and_named(served: Served, query: str, field: str) -> None:
    found = page(served, query)
    assert (found.status_code, found.json()["field"]) == (400, field)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_place_of_another_book_or_beyond_the_end_is_409(served: Served, accept: str) -> None:
    (cursor,) = {page(served).json()["next"]}
    end, head = cursor.split("-")
    for wrong in (
        f"{end}-{head[:-1]}{'0' if head[-1] != '0' else '1'}",
        f"{int(end) - 1}-{head}",
        f"{int(end) + 1}-{head}",
    ):
        for query, headers in ((f"after={wrong}", {}), ("after=0", {"Last-Event-ID": wrong})):
            found = page(served, query, Accept=accept, **headers)
            assert (found.status_code, found.json()["code"]) == (409, "position-unknown")
            assert found.json()["field"] == ("Last-Event-ID" if headers else "after")


def test_the_header_goes_before_the_query_and_an_empty_one_is_none(served: Served) -> None:
    cursor = page(served, "after=0&limit=1").json()["next"]
    assert positions(page(served, "after=0&wait=0", **{"Last-Event-ID": cursor})) == ANNOUNCED[1:]
    assert positions(page(served, "after=0&wait=0", **{"Last-Event-ID": ""})) == ANNOUNCED
    refused = page(served, "after=0&wait=0", **{"Last-Event-ID": "x"})
    assert (refused.status_code, refused.json()["field"]) == (400, "Last-Event-ID")


@pytest.mark.parametrize(
    ("accept", "as_page"),
    [
        (None, False),
        ("*/*", False),
        ("text/event-stream", False),
        ("application/json", True),
        ("application/*", True),
        ("application/json, */*", True),
        ("application/json, text/event-stream", False),
        ("application/json;q=0.5, text/event-stream", False),
        ("application/json, text/event-stream;q=0.1", True),
        ("text/event-stream;q=x, application/json;q=0.1", True),
        ("nonsense;;;,,q=", False),
    ],
)
def test_the_client_says_whether_it_wants_a_page(accept: str | None, as_page: bool) -> None:
    class Asked:
        headers = httpx.Headers({} if accept is None else {"accept": accept})

    Asked.headers.getlist = Asked.headers.get_list  # type: ignore[attr-defined]
    request: Any = Asked
    assert wants_page(request) is as_page


def test_a_page_waits_for_the_first_change_and_no_longer(book: Path) -> None:
    with service_on_a_port(book) as url, httpx.Client(base_url=url, timeout=30) as client:
        headers = SUBSCRIBER | {"Accept": "application/json"}
        began = time.monotonic()
        nothing = client.get("/v1/changes?wait=1&membership=m-9", headers=headers).json()
        assert (nothing["changes"], time.monotonic() - began >= 1) == ([], True)
        threading.Timer(0.3, record, (book, met("m-9"))).start()
        found = client.get(f"/v1/changes?wait=20&membership=m-9&after={nothing['next']}", headers=headers).json()
        assert [one["membership"] for one in found["changes"]] == ["m-9"]
        again = client.get(f"/v1/changes?wait=0&membership=m-9&after={found['next']}", headers=headers).json()
        assert again["changes"] == []


def test_the_head_alone_ends_at_once(served: Served) -> None:
    found = served.client.request("HEAD", "/v1/changes?after=0", headers=SUBSCRIBER)
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, b"", "text/event-stream")
    assert served.client.request("HEAD", "/v1/changes?after=x", headers=SUBSCRIBER).status_code == 400


# A stream


def test_a_stream_has_the_past_then_what_comes_and_each_once(book: Path) -> None:
    async def follow() -> None:
        everything, one, designations, now = (
            Follower(SUBSCRIBER, query)
            for query in ("after=0", "after=0&membership=m-7", "after=0&type=DesignationChanged", "")
        )
        listening = [
            asyncio.create_task(everything.listen(url, lambda own: len(own.heard) >= 15)),
            asyncio.create_task(one.listen(url, lambda own: len(own.heard) >= 1)),
            asyncio.create_task(designations.listen(url, lambda own: len(own.heard) >= 3)),
            asyncio.create_task(now.listen(url, lambda own: len(own.heard) >= 10)),
        ]
        while not (now.others and now.last_id):
            await asyncio.sleep(0.01)
        for number in range(5, 15):
            await asyncio.to_thread(record, book, met(f"m-{number}"))
        await asyncio.gather(*listening)
        assert everything.positions == announced(book)
        assert now.positions == everything.positions[5:]
        assert [heard.data["membership"] for heard in one.heard] == ["m-7"]
        assert designations.positions == ANNOUNCED[1:4]
        assert everything.others[0].retry == event_stream.RETRY_MS
        assert b"content-type: text/event-stream\r\n" in everything.head
        for heard in everything.heard:
            assert heard.id is not None
            assert heard.id.startswith(f"{heard.data['position']}-")
            assert heard.event == ("DesignationChanged" if "area" in heard.data else "EligibilityChanged")

    with service_on_a_port(book) as url:
        run(follow)


def test_who_wants_what_never_comes_moves_on_all_the_same(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.1)

    async def follow() -> None:
        follower = Follower(SUBSCRIBER, "after=0&membership=m-nobody")
        listening = asyncio.create_task(follower.listen(url, lambda own: own.last_id == end))
        end = "none"
        while not follower.last_id:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(record, book, met("m-9"))
        end = await asyncio.to_thread(place_of, url)
        await listening
        assert (follower.heard, follower.heartbeats > 0) == ([], True)
        assert {one.event for one in follower.others} == {None, "position"}
        beats = follower.heartbeats
        await follower.listen(url, lambda own: own.heartbeats >= beats + 3)
        assert follower.last_id == end  # a heartbeat has no id, and there was nothing to tell

    def place_of(url: str) -> str:
        found = httpx.get(f"{url}/v1/changes?wait=0", headers=SUBSCRIBER | {"Accept": "application/json"})
        return str(found.json()["next"])

    with service_on_a_port(book) as url:
        run(follow)


def test_a_stream_ends_with_its_token(book: Path) -> None:
    soon = {"Authorization": f"Bearer {token('subscriber', exp=NOW_US // 1_000_000 + 1)}"}

    async def follow() -> None:
        follower = Follower(soon)
        began = asyncio.get_running_loop().time()
        await follower.listen(url)
        assert (follower.cut_off, follower.positions) == ("token-expired", ANNOUNCED)
        assert 0.9 <= asyncio.get_running_loop().time() - began < 20

    with service_on_a_port(book) as url:
        run(follow)


def test_a_stream_that_has_lasted_long_enough_is_told_to_come_again(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LIFE_S", 0.2)

    async def follow() -> None:
        follower = Follower(SUBSCRIBER)
        await follower.listen(url)
        assert follower.cut_off == "renew"
        await follower.listen(url)
        assert follower.positions == ANNOUNCED

    with service_on_a_port(book) as url:
        run(follow)


def test_one_listener_too_many_is_told_to_come_again_and_reads_do_not_wait(book: Path) -> None:
    async def follow() -> None:
        two = [Follower(SUBSCRIBER) for _ in range(2)]
        listening = [asyncio.create_task(one.listen(url)) for one in two]
        while not all(one.heard for one in two):
            await asyncio.sleep(0.01)
        third = Follower(SUBSCRIBER)
        await third.listen(url)
        assert (third.status, third.problem["code"], b"retry-after: 5\r\n" in third.head) == (503, "busy", True)
        found = await asyncio.to_thread(httpx.get, f"{url}/v1/memberships/m-1/status", headers=bearer("auditor"))
        assert found.status_code == 200
        listening[0].cancel()
        await asyncio.wait(listening[:1])
        while third.status != 200:
            await third.listen(url, lambda own: bool(own.heard))
        assert third.positions[:1] == ANNOUNCED[:1]
        listening[1].cancel()

    with service_on_a_port(book, listeners=2, requests=1) as url:
        run(follow)


def test_who_reads_too_slowly_is_cut_off_with_a_reason_and_nobody_else_waits(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, figure in (("STRETCH", 20), ("WAITING_LOW", 40), ("GRACE_S", 0.02)):
        monkeypatch.setattr(fan_out, name, figure)
    monkeypatch.setattr(listeners, "QUEUE_MAX", 80)

    async def follow() -> None:
        slow, quick = Follower(SUBSCRIBER), Follower(SUBSCRIBER)
        reader, writer = await slow.connect(url, narrow(url))
        listening = asyncio.create_task(quick.listen(url, lambda own: len(own.heard) >= 5 + 2 * MANY))
        while not quick.heard:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(record_many, book)
        await listening
        assert quick.positions == announced_all(book)
        await slow.read(reader, lambda _: False)
        assert slow.cut_off == "slow"
        assert 0 < len(slow.positions) < len(quick.positions)
        writer.close()
        await slow.listen(url, lambda own: len(own.heard) >= len(quick.heard))
        assert slow.positions == quick.positions

    with service_on_a_port(book, held_bytes=HELD) as url:
        run(follow)


HELD = 8_192
MANY = 500
"""Memberships of which two things are announced each: more than a connection holds that nobody reads from."""


def record_many(store: Path) -> None:
    ledger = Ledger(open_store(str(store), create=False), lambda: NOW_US)
    facts = [one for number in range(MANY) for one in met(f"many-{number}")]
    for start in range(0, len(facts), 1_000):
        ledger.writer.record([fact_from_object(one) for one in facts[start : start + 1_000]])
    ledger.writer.review()
    ledger.close()


def announced_all(store: Path) -> list[int]:
    ledger = Ledger(open_store(str(store), create=False), lambda: NOW_US)
    types = sorted(PROGRAMMES.announcements)
    found = sorted(row.position for one in types for row in ledger.store.read_type(one, 0, 1_000_000))
    ledger.close()
    return found


def narrow(url: str) -> socket.socket:
    """A connection that holds little."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    found.connect((host, int(port)))
    return found


def test_the_end_of_the_service_is_told_at_once_also_where_somebody_reads_nothing(book: Path) -> None:
    record_many(book)

    async def follow() -> None:
        stuck = Follower(SUBSCRIBER)
        _, writer = await stuck.connect(url, narrow(url))
        follower, waiting = Follower(SUBSCRIBER, ""), asyncio.create_task(asyncio.to_thread(wait_for_a_page))
        listening = asyncio.create_task(follower.listen(url))
        while not follower.others:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # for the one that is stuck to be so
        began = asyncio.get_running_loop().time()
        await asyncio.to_thread(stop)
        assert asyncio.get_running_loop().time() - began < 10
        await listening
        assert (follower.cut_off, (follower.others[-1].retry or 0) >= 1_000) == ("stopping", True)
        assert (await waiting).json()["changes"] == []
        writer.close()

    def wait_for_a_page() -> httpx.Response:
        headers = SUBSCRIBER | {"Accept": "application/json"}
        return httpx.get(f"{url}/v1/changes?wait=25", headers=headers, timeout=30)

    def stop() -> None:
        served.__exit__(None, None, None)

    served = service_on_a_port(book, held_bytes=HELD)
    url = served.__enter__()
    run(follow)


def test_a_book_that_is_exchanged_beneath_the_service_ends_its_streams(book: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    record(tmp_path / "other" / "ledger.db", met("m-5"))

    def exchange() -> None:
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        for file in (tmp_path / "other").iterdir():
            file.rename(tmp_path / file.name)

    async def follow() -> None:
        follower = Follower(SUBSCRIBER)
        listening = asyncio.create_task(follower.listen(url))
        while len(follower.heard) < len(ANNOUNCED):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # for it to have joined
        await asyncio.to_thread(exchange)
        await listening
        assert follower.cut_off == "position-unknown"
        while follower.status != 409:  # the threads that read notice it with their next question
            await follower.listen(url, lambda _: True)
        anew = Follower(SUBSCRIBER)
        await anew.listen(url, lambda own: len(own.heard) == 1)
        assert [one.data["membership"] for one in anew.heard] == ["m-5"]

    with service_on_a_port(book, expected=StoreUnreachable) as url:
        run(follow)


def test_what_cannot_be_read_is_not_passed_over(book: Path) -> None:
    def spoil() -> None:
        ledger = Ledger(open_store(str(book), create=False), lambda: NOW_US)
        (last,) = ledger.store.read_feed(ledger.store.max_position() - 1, 1)
        newer = orjson.dumps(orjson.loads(last.stored) | {"type": "EligibilityChanged", "v": 99, "seq": 1})
        with ledger.store.writing() as transaction:
            row = NewRow(last.position + 1, "membership-newer", 1, "EligibilityChanged", newer, None, None)
            transaction.append([row])
        ledger.close()

    async def follow() -> None:
        here = Follower(SUBSCRIBER)
        listening = asyncio.create_task(here.listen(url))
        while not (here.heard and here.last_id):
            await asyncio.sleep(0.01)
        await asyncio.to_thread(record, book, met("m-9"))
        await asyncio.to_thread(spoil)
        await listening
        assert here.cut_off == "broken-history"
        before = announced_all(book)[:-1]
        assert here.positions == before
        later = Follower(SUBSCRIBER)
        await later.listen(url)
        assert (later.cut_off, later.positions) == ("broken-history", before)
        await here.listen(url)
        assert (here.status, here.problem["code"]) == (500, "broken-history")

    with service_on_a_port(book, expected=BrokenHistory) as url:
        run(follow)
