"""The log beneath /log: as log-server serves it, entries for auditors, and nothing else of the folder or around it."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.http import log as http_log
from console.http.embedded import Embedded
from ledger.proof.log.tiles import tiles_between
from ledger.seal.folder import LogFolder
from ledger.seal.published_log import Asked, PublishedLog
from ledger.seal.sealer import open_sealer
from ledger.store.sqlite import SQLiteStore
from tests.console.http.process import PATIENCE_S
from tests.console.http.support import EVERYBODY, Served, make_book, seal, serving
from tests.console.support import response
from tests.ledger.seal.support import LOG_KEY
from tests.support.signing import Unbound

TOKEN = "t" * 32


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service over a log of two checkpoints."""
    folder = tmp_path_factory.mktemp("logged")
    make_book(folder / "ledger.db")
    store = SQLiteStore(folder / "ledger.db")
    for limit in (20, None):
        with open_sealer(store, LogFolder(folder / "log"), [Unbound(LOG_KEY)]) as sealer:
            sealer.seal(limit)
    store.close()
    with serving(folder / "ledger.db", Embedded(tiles=folder / "log")) as found:
        yield found


def folder_of(served: Served) -> Path:
    return served.store.parent / "log"


def size_of(served: Served) -> int:
    return int(served.get("/log/checkpoint", None).content.split(b"\n")[1])


def test_every_path_of_the_log_has_the_answer_that_log_server_gives(logged: Served) -> None:
    server = PublishedLog(folder_of(logged), (TOKEN,))
    size = size_of(logged)
    paths = [tile.path for tile in (*tiles_between(0, size), *tiles_between(0, 1), *tiles_between(0, size + 1))]
    assert any(path.startswith("tile/entries/") for path in paths)
    for path in (*paths, "checkpoint", "checkpoints.jsonl"):
        expected = server.answer(Asked(f"/{path}", f"Bearer {TOKEN}"))
        found = logged.get(f"/log/{path}", "auditor" if "entries" in path else None)
        assert found.status_code == expected.status, path
        if expected.status != 200:
            assert (found.headers["content-type"], found.headers["cache-control"]) == (
                "application/problem+json", "no-store",
            )  # fmt: skip
            continue
        assert (found.content, found.headers["content-type"]) == (expected.body, expected.content_type)
        assert found.headers["cache-control"] == expected.cache
        assert found.headers["x-content-type-options"] == "nosniff"
        assert int(found.headers["content-length"]) > 0


def test_the_history_is_given_in_parts(logged: Served) -> None:
    whole = logged.get("/log/checkpoints.jsonl", None).content
    assert whole.count(b"\n") == 2
    part = logged.get("/log/checkpoints.jsonl", None, Range="bytes=10-29")
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206, whole[10:30], f"bytes 10-29/{len(whole)}",
    )  # fmt: skip
    beyond = logged.get("/log/checkpoints.jsonl", None, Range=f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    assert beyond.json()["code"] == "range-not-satisfiable"


def test_what_is_long_is_packed_for_who_takes_that(logged: Served) -> None:
    path = "/log/tile/entries/000.p/20"
    plain = logged.get(path, **{"Accept-Encoding": "identity"})
    packed = logged.get(path, **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the client unpacks
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, 1, mtime=0)) < len(plain.content)
    assert packed.headers["vary"] == plain.headers["vary"] == "Authorization, Accept-Encoding"


def test_head_has_the_headers_alone(logged: Served) -> None:
    found = logged.client.request("HEAD", "/log/checkpoint")
    assert (found.status_code, found.headers["cache-control"]) == (200, "public, max-age=2")
    assert logged.client.request("POST", "/log/checkpoint").status_code == 405


@pytest.mark.parametrize("role", EVERYBODY)
def test_entries_are_for_auditors_whether_they_are_there_or_not(logged: Served, role: str | None) -> None:
    for path in ("000.p/20", "000.p/255", "x001/000", "nothing"):
        found = logged.get(f"/log/tile/entries/{path}", role)
        there = 200 if path == "000.p/20" else 404
        assert found.status_code == (there if role == "auditor" else 401 if role is None else 403), path
    assert logged.get("/log/tile/%65ntries/000.p/20", role).status_code == (
        200 if role == "auditor" else 401 if role is None else 403
    )
    assert logged.get("/log/tile/%2565ntries/000.p/20", role).status_code == 404
    assert (
        logged.get("/log/checkpoint", role).status_code == logged.get("/log/tile/0/000.p/20", role).status_code == 200
    )


@pytest.mark.parametrize(
    "path",
    [
        "", ".sealer/state", ".sealer/lock", "tile/%2e%2e/checkpoint", "..%2fledger.db", "%2e%2e/ledger.db",
        "tile/0/..%2f..%2fcheckpoint", "%2e/checkpoint", "tile/0/%00", "tile/0/000.p/256", "tile/0/0", "tile/00/000",
        "/checkpoint", "checkpoint/", "checkpoint%0a", "tile/0/000%0a", "tile/9/000", "tile/63/000", "tile/64/000",
        "CHECKPOINT", "tile/0/000.p/20/%2e%2e/1", "\N{FULLWIDTH DIGIT ZERO}",
        "tile/\N{ARABIC-INDIC DIGIT ZERO}/000", "pending", "checkpoint.tsr",
        "tile/0/000.p/\N{FULLWIDTH DIGIT FIVE}", "tile/0/x000/000",
    ],
)  # fmt: skip
def test_what_is_no_path_of_the_log_is_not_there(logged: Served, path: str) -> None:
    for role in ("auditor", None):
        found = logged.get(f"/log/{path}", role)
        assert (found.status_code, found.json()["code"]) == (404, "not-found")


def test_what_a_link_leads_to_and_a_pipe_is_not_there(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    seal(tmp_path / "ledger.db", tmp_path / "log")
    with serving(tmp_path / "ledger.db", Embedded(tiles=tmp_path / "log")) as served:
        tile = next((tmp_path / "log/tile/0").glob("**/*.p/*"))
        path = f"/log/{tile.relative_to(tmp_path / 'log')}"
        assert served.get(path, None).status_code == 200
        (tmp_path / "elsewhere").write_bytes(tile.read_bytes())
        tile.unlink()
        tile.symlink_to(tmp_path / "elsewhere")
        assert served.get(path, None).status_code == 500  # the log lacks what its checkpoint covers
        tile.unlink()
        os.mkfifo(tile)
        assert served.get(path, None).status_code == 500
        assert any("log" in sentence for sentence in served.said)
        found = served.get(path, None).json()
        assert (found["code"], str(tmp_path) in found["detail"]) == ("log-damaged", False)


def test_what_is_not_sealed_is_not_there(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    seal(tmp_path / "ledger.db", tmp_path / "log")
    with serving(tmp_path / "ledger.db", Embedded(tiles=tmp_path / "log")) as served:
        size = size_of(served)
        assert served.post("/v1/facts", response(900, "Lindomar", "2010-06-01T10:00:00Z")).status_code == 201
        assert served.get(f"/log/tile/0/000.p/{size}", None).status_code == 200
        assert served.get(f"/log/tile/0/000.p/{size + 1}", None).status_code == 404
        assert served.get(f"/log/tile/entries/000.p/{size + 1}").status_code == 404
        seal(tmp_path / "ledger.db", tmp_path / "log")
        assert served.get(f"/log/tile/0/000.p/{size + 1}", None).status_code == 200


def test_without_a_log_there_is_nothing_beneath_it(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db") as served:
        for path in ("checkpoint", "checkpoints.jsonl", "tile/0/000", "x"):
            assert served.get(f"/log/{path}", None).status_code == 404
        assert served.get("/log/tile/entries/000").status_code == 404
        assert served.get("/log/tile/entries/000", None).status_code == 401


def test_before_the_first_checkpoint_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with serving(tmp_path / "ledger.db", Embedded(tiles=tmp_path / "log")) as served:
        assert served.get("/log/checkpoint", None).json()["detail"] == "found no checkpoint yet"


def test_of_long_answers_there_are_so_many_at_once(logged: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is read holds a place, and gives it back when it is sent, also where nobody takes it."""
    reading, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(http_log, "LONG_MAX", 1)
    read = PublishedLog.read

    def slow(self: PublishedLog, target: str, **others: Any) -> Any:
        reading.set()
        assert go_on.wait(PATIENCE_S)
        return read(self, target, **others)

    with serving(logged.store, Embedded(tiles=folder_of(logged))) as served, monkeypatch.context() as patched:
        patched.setattr(PublishedLog, "read", slow)
        statuses: list[int] = []
        history = "/log/checkpoints.jsonl"

        async def two() -> None:
            first = asyncio.ensure_future(served.client._client.get(history))
            assert await asyncio.to_thread(reading.wait, PATIENCE_S)
            statuses.append((await served.client._client.get(history)).status_code)
            go_on.set()
            statuses.append((await first).status_code)

        served.client._runner.run(two())
        assert statuses == [503, 200]
        assert served.get(history, None).status_code == 200
