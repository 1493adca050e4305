"""The door before the application: deadlines, crowds, faults, and clients that went away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx

from console.http.door import Door, may_last
from console.http.limits import Limits
from console.http.roles import Caller
from tests.console.http.support import Client

ANYBODY: Any = SimpleNamespace(known=lambda _headers: Caller(frozenset({"auditor"})))


def behind(app: Any, faults: list[BaseException], **limits: Any) -> Client:
    """A client of an application behind the door."""
    return Client(Door(app, ANYBODY, lambda _: None, faults.append, limits=Limits(**limits)), asyncio.Runner())


async def answering(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def test_what_takes_too_long_is_504() -> None:
    async def sleeping(*_: Any) -> None:
        await asyncio.sleep(60)

    faults: list[BaseException] = []
    found = behind(sleeping, faults, deadline_s=0.05).get("/v1/memberships")
    assert (found.status_code, found.json()["code"], faults) == (504, "deadline", [])


def test_what_may_last_has_no_deadline_and_does_not_count() -> None:
    async def run() -> None:
        begun, over = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/v1/changes":
                may_last(scope)
                begun.set()
                await over.wait()
            await answering(scope, receive, send)

        limits = Limits(deadline_s=0.05, requests=1)
        transport = httpx.ASGITransport(Door(app, ANYBODY, lambda _: None, lambda _: None, limits=limits))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            lasting = asyncio.create_task(client.get("/v1/changes"))
            await begun.wait()
            await asyncio.sleep(0.1)
            assert (await client.get("/v1/memberships")).status_code == 200
            over.set()
            assert (await lasting).status_code == 200
            assert (await client.get("/v1/memberships")).status_code == 200

    asyncio.run(run())


def test_a_fault_is_told_to_the_log_and_not_to_the_caller() -> None:
    async def failing(*_: Any) -> None:
        raise ZeroDivisionError("a secret")

    faults: list[BaseException] = []
    found = behind(failing, faults).get("/v1/memberships")
    assert (found.status_code, found.json()["code"]) == (500, "fault")
    assert "secret" not in found.text
    assert [type(error) for error in faults] == [ZeroDivisionError]


def test_one_request_too_many_is_told_to_come_again() -> None:
    async def crowded(_scope: Any, _receive: Any, send: Any) -> None:
        entered.set()
        await leave.wait()
        await answering(_scope, _receive, send)

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(
            Door(crowded, ANYBODY, lambda _: None, faults.append, limits=Limits(requests=1))
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger.example") as client:
            first = asyncio.create_task(client.get("/v1/memberships"))
            await entered.wait()
            second = await client.get("/v1/memberships")
            leave.set()
            return await first, second

    faults: list[BaseException] = []
    entered, leave = asyncio.Event(), asyncio.Event()
    first, second = asyncio.run(ask())
    assert first.status_code == 200
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (503, "busy", "1")
    assert faults == []


def crowded_by(requests: int, callers: list[str], then: str, path: str = "/v1/memberships") -> httpx.Response:
    """The answer to who asks while requests of others are under way."""

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        if scope["query_string"] == b"slow":
            await leave.wait()
        await answering(scope, receive, send)

    def known(headers: list[bytes]) -> Caller:
        return Caller(frozenset({"partner"}), who=headers[0].decode())

    async def ask() -> httpx.Response:
        door = Door(
            waiting,
            SimpleNamespace(known=known),  # type: ignore[arg-type]
            lambda _: None,
            faults.append,
            limits=Limits(requests=requests),
        )
        transport = httpx.ASGITransport(door)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            others = [
                asyncio.create_task(client.get("/v1/memberships?slow", headers={"Authorization": who}))
                for who in callers
            ]
            await asyncio.sleep(0.05)
            found = await client.get(path, headers={"Authorization": then})
            leave.set()
            await asyncio.gather(*others)
            assert (door._under_way, door._under_way_of) == (0, {})
            return found

    faults: list[BaseException] = []
    leave = asyncio.Event()
    found = asyncio.run(ask())
    assert faults == []
    return found


def test_one_caller_leaves_places_to_others() -> None:
    """With slow bodies a single partner held all of them for as long as it liked."""
    assert crowded_by(10, ["a"] * 30, "b").status_code == 200
    found = crowded_by(10, ["a"] * 9, "a")
    assert (found.status_code, found.json()["code"], found.headers["retry-after"]) == (429, "too-many-requests", "1")
    assert crowded_by(10, ["a"] * 8, "a").status_code == 200
    assert crowded_by(10, [*["a"] * 9, "c"], "b").status_code == 503


def test_what_watches_the_process_is_answered_however_many_others_wait() -> None:
    assert crowded_by(10, [*["a"] * 9, *["c"] * 9], "b", "/livez").status_code == 200


def test_a_client_that_went_away_is_no_fault() -> None:
    async def gone(_message: Any) -> None:
        raise ConnectionResetError

    faults: list[BaseException] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/livez",
        "raw_path": b"/livez",
        "query_string": b"",
        "headers": [],
    }
    receive: Any = None
    asyncio.run(Door(answering, ANYBODY, lambda _: None, faults.append)(scope, receive, gone))
    assert faults == []
