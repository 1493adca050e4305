"""The feed followed over sockets from a service in a process of its own: through restarts and kills, and by many at once."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from console.wiring import Ledger, open_store
from ledger.programmes.registry import PROGRAMMES
from tests.console.http.follower import Follower
from tests.console.http.process import JSON, Running, service_process
from tests.console.http.support import AUDIENCE, ISSUER, KEY, NOW_US, bearer
from tests.console.support import met

OPERATOR = bearer("operator") | JSON
LISTENERS = 200
BEFORE = "2010-07-01T00:00:00Z"
"""Before anything expires: each membership is announced once."""
OPTIONS = ("--jwks", "jwks.json", "--issuer", ISSUER, "--audience", AUDIENCE)


def announced(where: str) -> list[tuple[int, str]]:
    """The position and the stream of each announcement of a book."""
    ledger = Ledger(open_store(where, create=False), lambda: NOW_US)
    rows = [row for one in sorted(PROGRAMMES.announcements) for row in ledger.store.read_type(one, 0, 1_000_000)]
    ledger.close()
    return sorted((row.position, row.stream) for row in rows)


def heard(follower: Follower) -> list[tuple[int, str]]:
    return [(one.data["position"], f"membership-{one.data['membership']}") for one in follower.heard]


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that is not there yet; beside it the keys of the issuer."""
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return str(request.getfixturevalue("postgres_url"))


async def hand_in(served: Running, memberships: Sequence[str]) -> None:
    """Hands facts in, a membership at a time; what is not answered is handed in again later."""
    async with httpx.AsyncClient(base_url=served.url, timeout=60, headers=OPERATOR) as client:
        for membership in memberships:
            made = await client.post("/v1/facts", content=orjson.dumps(met(membership)))
            assert {one["status"] for one in made.json()} <= {"accepted", "duplicate"}


@pytest.mark.slow
def test_through_restarts_and_kills_each_announcement_comes_once_and_in_order(where: str, tmp_path: Path) -> None:
    names = [f"m-{number}" for number in range(60)]
    followers = [
        Follower(bearer("subscriber")),
        Follower(bearer("subscriber")),
        Follower(bearer("auditor"), "after=0&membership=m-17"),
    ]

    async def round_of(served: Running, ending: signal.Signals | None, some: Sequence[str]) -> None:
        listening = [asyncio.create_task(one.listen(served.url)) for one in followers]
        handing_in = asyncio.create_task(hand_in(served, some))
        if ending is None:
            await handing_in
            while len(followers[0].heard) < len(names) or len(followers[1].heard) < len(names):
                await asyncio.sleep(0.02)
            for one in listening:
                one.cancel()
            await asyncio.wait(listening)
            return
        least = len(followers[0].heard) + 5
        while len(followers[0].heard) < least:
            await asyncio.sleep(0.02)
        served.process.send_signal(ending)
        await asyncio.gather(handing_in, return_exceptions=True)
        await asyncio.gather(*listening)
        if ending is signal.SIGTERM:
            assert [one.cut_off for one in followers] == ["stopping"] * 3

    for ending in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, None):
        with service_process(tmp_path, *OPTIONS, store=where, CSAT_LEDGER_NOW=BEFORE) as served:
            asyncio.run(asyncio.wait_for(round_of(served, ending, names), 120))
    everything = announced(where)
    assert len(everything) == len(names)
    assert heard(followers[0]) == heard(followers[1]) == everything
    assert heard(followers[2]) == [one for one in everything if one[1] == "membership-m-17"]


@pytest.mark.slow
def test_a_book_that_was_restored_from_an_older_copy_is_noticed_also_where_it_has_grown(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    book = tmp_path / "ledger.db"
    ahead, behind = Follower(bearer("subscriber")), Follower(bearer("subscriber"))

    async def first(served: Running) -> None:
        await hand_in(served, ["m-1"])
        await behind.listen(served.url, lambda own: len(own.heard) == 1)

    async def second(served: Running) -> None:
        await hand_in(served, ["m-2"])
        await ahead.listen(served.url, lambda own: len(own.heard) == 2)

    async def third(served: Running) -> None:
        for more in ((), ("m-3", "m-4")):
            await hand_in(served, more)
            await ahead.listen(served.url)
            assert (ahead.status, ahead.problem["code"]) == (409, "position-unknown")
        await behind.listen(served.url, lambda own: len(own.heard) == 3)
        assert [one.data["membership"] for one in behind.heard] == ["m-1", "m-3", "m-4"]

    for number, what in enumerate((first, second, third)):
        if number == 1:
            shutil.copy(book, tmp_path / "older.db")
        elif number == 2:
            for file in tmp_path.glob("ledger.db*"):
                file.unlink()
            shutil.copy(tmp_path / "older.db", book)
        with service_process(tmp_path, *OPTIONS, CSAT_LEDGER_NOW=BEFORE) as served:
            asyncio.run(asyncio.wait_for(what(served), 60))
            assert served.stop()[0] == 0


@pytest.mark.slow
def test_two_hundred_listeners_each_get_everything_that_they_want(where: str, tmp_path: Path) -> None:
    names = [f"m-{number}" for number in range(25)]
    own = [f"after=0&membership={names[number % len(names)]}" for number in range(LISTENERS // 2)]
    followers = [Follower(bearer("subscriber"), query) for query in ["after=0"] * (LISTENERS // 2) + own]

    async def follow(served: Running) -> None:
        listening = [
            asyncio.create_task(
                one.listen(served.url, lambda own: len(own.heard) >= (1 if "membership" in own.query else len(names)))
            )
            for one in followers
        ]
        while not all(one.status for one in followers):
            await asyncio.sleep(0.02)
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            await hand_in(served, names)
            reads = [await client.get("/v1/memberships/m-1/status", headers=bearer("auditor")) for _ in range(20)]
        assert {one.status_code for one in reads} == {200}
        await asyncio.gather(*listening)

    with service_process(tmp_path, *OPTIONS, store=where, CSAT_LEDGER_NOW=BEFORE) as served:
        asyncio.run(asyncio.wait_for(follow(served), 120))
        code, errors = served.stop()
        assert (code, b"Traceback" in errors, b"stands still" in errors) == (0, False, False), errors
    everything = announced(where)
    assert [heard(one) for one in followers[: LISTENERS // 2]] == [everything] * (LISTENERS // 2)
    found: Any = [one.heard[0].data["membership"] for one in followers[LISTENERS // 2 :]]
    assert found == [names[number % len(names)] for number in range(LISTENERS // 2)]
