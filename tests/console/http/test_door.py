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
            first = asyncio.create_task(client.get("/livez"))
            await entered.wait()
            second = await client.get("/livez")
            leave.set()
            return await first, second

    faults: list[BaseException] = []
    entered, leave = asyncio.Event(), asyncio.Event()
    first, second = asyncio.run(ask())
    assert first.status_code == 200
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (503, "busy", "1")
    assert faults == []


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
