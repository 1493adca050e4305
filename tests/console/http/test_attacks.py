"""What somebody tries who means harm, with a token or without: each attack as it was made, and what becomes of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.http import batch
from console.http.embedded import Embedded
from console.http.log import HISTORY, LONG_MAX
from projections.questions.status import status
from tests.console.http.support import PATHS, PROVEN, Served, bearer, make_book, seal, service_on_a_port, serving, token

# a partner who wants to know when an anonymous response came


OF_DESIGNATIONS = (
    "designations",
    "score",
    "what-would-it-take",
    "expiring",
    "score-months",
    "explain",
    "designation-history",
    "designation-decisions",
)


def asked_as_known(served: Served, route: str, known: str, role: str) -> Any:
    path = PATHS[route]
    if route == "explain":
        return served.get(f"{path}&from_known_at={known}&to_known_at={known}", role)
    return served.get(f"{path}{'&' if '?' in path else '?'}known_at={known}", role)


@pytest.mark.parametrize("route", OF_DESIGNATIONS)
def test_a_partner_cannot_search_for_the_instant_of_a_position_by_way_of_a_designation(
    served: Served, route: str
) -> None:
    """Its history names the position of the change that a response brought about; an answer says which position is meant by
    an instant. So halving finds the microsecond at which the response was recorded."""
    assert served.get(PATHS["history"], "partner").json()[0]["position"] > 0
    for known in ("2024-12-31T23:59:59.999999Z", "2025-01-01T00:00:00.000001Z", "2025-01-01T00:00:00%2B01:00"):
        found = asked_as_known(served, route, known, "partner")
        assert (found.status_code, found.json()["code"]) == (403, "forbidden"), found.text
        assert found.json()["field"] == ("from_known_at" if route == "explain" else "known_at")
        assert asked_as_known(served, route, known, "auditor").status_code == 200


@pytest.mark.parametrize("known", ["50", "2025-01-01", "2025-01-01T01:00:00%2B01:00"])
@pytest.mark.parametrize("route", OF_DESIGNATIONS)
def test_a_partner_asks_about_a_designation_as_known_at_a_position_or_on_a_day(
    served: Served, route: str, known: str
) -> None:
    assert asked_as_known(served, route, known, "partner").status_code == 200


# who asks for more than anybody waits for


def test_a_batch_that_takes_too_long_is_not_worked_on_after_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four batches of ten thousand questions about the past kept all threads for minutes: whoever else asked got 504."""
    asked = 0

    def slow(*about: Any) -> Any:
        nonlocal asked
        asked += 1
        time.sleep(0.002)
        return status(*about)

    monkeypatch.setattr(batch, "status", slow)
    make_book(tmp_path / "ledger.db")
    with serving(tmp_path / "ledger.db", deadline_s=0.5) as served:
        dear = [{"membership": "m-1", "at": "2011-01-01", "known_at": 40} for _ in range(2_000)]
        found = served.post("/v1/status:batch", dear, "auditor")
        assert (found.status_code, found.json()["code"]) == (504, "deadline")
        time.sleep(0.05)
        before = asked
        assert 0 < before < 2_000
        time.sleep(0.3)
        assert asked == before


# who takes all places


@contextmanager
def asked_and_never_read(url: str, path: str, times: int, **headers: str) -> Iterator[list[socket.socket]]:
    """Connections on which something was asked, of whose answer the first bytes alone are read."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "ledger.example", **headers}.items())
    with ExitStack() as stack:
        found = []
        for _ in range(times):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.settimeout(20)
            one.connect(address)
            one.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            found.append(one)
        for one in found:
            assert one.recv(12) == b"HTTP/1.1 200"
        yield found


def test_who_has_no_token_cannot_keep_auditors_from_the_entries(tmp_path: Path) -> None:
    """The history of the log is for anybody, and was one of the same few long answers."""
    store, folder = tmp_path / "ledger.db", tmp_path / "log"
    make_book(store)
    seal(store, folder)
    history = folder / "checkpoints.jsonl"
    history.write_bytes(b"x" * (1 << 20) + b"\n" + history.read_bytes())  # as long as it is after some years
    with (
        service_on_a_port(store, held_bytes=4_096, embedded=Embedded(tiles=folder)) as url,
        asked_and_never_read(url, HISTORY, LONG_MAX),
    ):
        assert httpx.get(url + PROVEN["log-entries"], headers=bearer("auditor"), timeout=20).status_code == 200
        assert httpx.get(url + HISTORY, timeout=20).status_code == 503


def test_a_subscriber_leaves_places_to_other_subscribers(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    listening = {"Accept": "text/event-stream"}
    anne, bert = ({"Authorization": f"Bearer {token('subscriber', sub=name)}"} | listening for name in ("anne", "bert"))
    with (
        service_on_a_port(tmp_path / "ledger.db", listeners=10) as url,
        asked_and_never_read(url, "/v1/changes", 9, **anne),
    ):
        found = httpx.get(f"{url}/v1/changes", headers=anne, timeout=20)
        assert (found.status_code, found.json()["code"]) == (429, "too-many-requests")
        with asked_and_never_read(url, "/v1/changes", 1, **bert):
            found = httpx.get(f"{url}/v1/changes", headers=bert, timeout=20)
            assert (found.status_code, found.json()["code"]) == (503, "busy")
