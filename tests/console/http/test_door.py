"""The door before the application: deadlines, crowds, faults, and clients that went away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from console.http import door
from console.http.door import Door
from tests.console.http.support import Client

ANYBODY: Any = SimpleNamespace(caller=lambda _headers: None)


def behind(app: Any, faults: list[BaseException], **settings: Any) -> Client:
    """A client of an application behind the door."""
    return Client(Door(app, ANYBODY, lambda _: None, faults.append, **settings), asyncio.Runner())


async def answering(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def test_what_takes_too_long_is_504() -> None:
    async def sleeping(*_: Any) -> None:
        await asyncio.sleep(60)

    faults: list[BaseException] = []
    found = behind(sleeping, faults, deadline_s=0.05).get("/v1/memberships")
    assert (found.status_code, found.json()["code"], faults) == (504, "deadline", [])


def test_what_may_last_has_no_deadline_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REQUESTS_MAX", 1)

    async def run() -> None:
        begun, over = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/v1/changes":
                door.may_last(scope)
                begun.set()
                await over.wait()
            await answering(scope, receive, send)

        transport = httpx.ASGITransport(Door(app, ANYBODY, lambda _: None, lambda _: None, deadline_s=0.05))
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


def test_one_request_too_many_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REQUESTS_MAX", 1)
    client = behind(answering, [])
    assert client.get("/livez").status_code == 200
    monkeypatch.setattr(door, "REQUESTS_MAX", 0)
    found = client.get("/livez")
    assert (found.status_code, found.json()["code"], found.headers["retry-after"]) == (503, "busy", "1")


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
