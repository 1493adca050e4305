"""The bookkeeper as a process beside its service: killed, stopped, left behind; what it does is what the service does alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import orjson
import pytest

from console.http.bookkeeper import CHUNK, Bookkeeper, bookkeeper, follow_over, message
from console.http.following_apart import FollowingApart
from console.wiring import Ledger, open_store
from ledger.errors import StoreUnreachable
from ledger.programmes.registry import fact_from_object
from tests.console.http.process import Running, environment, service_process
from tests.console.http.support import NOW_US, make_book
from tests.console.support import enrolment, met, response
from tests.consumers.support import eventually
from tests.servers.guard import children_of, started_at

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a bookkeeper is forked on Linux alone")
CLIENTS = 8


def keeper_of(served: Running) -> int:
    (found,) = children_of(served.process.pid)
    return found


def is_there(pid: int) -> bool:
    return started_at(pid) is not None


def recorded(store: Path) -> dict[str, int]:
    """Fact -> its position."""
    with closing(open_store(str(store), create=False)) as book:
        rows = book.read_feed_full(0, book.max_position())
        return {row.fact: row.position for row in rows if row.fact is not None}


class Client(Thread):
    """Hands in one fact after the other, again where it gets no answer, and keeps what it was told."""

    def __init__(self, url: str, headers: dict[str, str], number: int, enough: Event) -> None:
        super().__init__()
        self._url, self._headers, self._number, self._enough = url, headers, number, enough
        self.told: dict[str, int] = {}
        self.failed = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=60) as client:
            for number in range(100_000):
                if self._enough.is_set():
                    return
                said = response(1_000_000 * self._number + number, "Brontegard", "2010-06-01T10:00:00Z")
                try:
                    answer = client.post("/v1/facts", content=orjson.dumps(said))
                except httpx.TransportError:
                    self.failed += 1
                    return
                assert answer.status_code in (200, 201), answer.text
                self.told[said["id"]] = answer.json()["position"]


def clients_of(served: Running, enough: Event) -> list[Client]:
    operator = served.token("--role", "operator")
    assert served.post("/v1/facts", enrolment(), operator).status_code == 200
    found = [Client(served.url, operator, number, enough) for number in range(CLIENTS)]
    for one in found:
        one.start()
    return found


def figure(served: Running, name: str) -> float | None:
    """What `/metrics` says of the bookkeeper; None where it says nothing."""
    said = served.get("/metrics", served.token("--role", "operations")).text
    found = re.search(rf"^csat_ledger_bookkeeper_{name}{{[^}}]*}} (\S+)$", said, re.MULTILINE)
    return None if found is None else float(found[1])


def ended(clients: list[Client]) -> dict[str, int]:
    """What they were told."""
    for one in clients:
        one.join(60)
        assert not one.is_alive()
    return {fact: position for one in clients for fact, position in one.told.items()}


def test_it_ends_with_its_service(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--bookkeeper") as served:
        keeper = keeper_of(served)
        made = served.post("/v1/facts", met(), served.token("--role", "operator")).json()
        known = served.token("--role", "auditor") | {"Min-Position": str(made[-1]["position"])}
        assert served.get("/v1/memberships/m-1/status?at=2010-07-01", known).json()["satisfied"] is True
        os.kill(keeper, signal.SIGTERM)  # as whoever ends all of a group does; it is the service that ends it
        os.kill(keeper, signal.SIGINT)
        assert served.post("/v1/facts", met("m-2"), served.token("--role", "operator")).status_code == 200
        assert served.stop() == (0, b"")
        assert not is_there(keeper)


NO_MORE_PROCESSES = """
import os, sys

def fork():
    raise BlockingIOError(11, os.strerror(11))

os.fork = fork
from console.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_where_there_is_no_room_for_a_process_the_service_does_its_work(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--bookkeeper", program=("-c", NO_MORE_PROCESSES)) as served:
        assert served.post("/v1/facts", met(), served.token("--role", "operator")).status_code == 200
        code, said = served.stop()
    assert code == 0
    assert said.decode() == (
        "csat-ledger: found no room for the bookkeeper (Resource temporarily unavailable): the service itself does its "
        "work\n"
    )


def test_without_one_the_service_records_alone(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--no-bookkeeper") as served:
        assert children_of(served.process.pid) == []
        assert served.post("/v1/facts", met(), served.token("--role", "operator")).status_code == 200
        assert served.stop() == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV])
def test_a_service_whose_bookkeeper_is_killed_goes_on_by_itself(tmp_path: Path, signum: signal.Signals) -> None:
    enough = Event()
    with service_process(tmp_path, "--dev", "--bookkeeper") as served:
        keeper, clients = keeper_of(served), clients_of(served, enough)
        eventually(lambda: sum(len(one.told) for one in clients) >= 300, "300 are told")
        assert figure(served, "gone") == 0
        assert (figure(served, "resident_memory_bytes") or 0) > 20_000_000
        os.kill(keeper, signum)
        before = sum(len(one.told) for one in clients)
        eventually(lambda: sum(len(one.told) for one in clients) >= before + 300, "300 more are told")
        assert (figure(served, "gone"), figure(served, "resident_memory_bytes")) == (1, None)
        enough.set()
        told = ended(clients)
        known = served.token("--role", "auditor") | {"Min-Position": str(max(told.values()))}
        assert served.get("/v1/memberships/m-1/status?at=2010-07-01", known).json()["satisfied"] is False
        assert served.get("/readyz").json() == {"ready": True, "missing": []}
        code, errors = served.stop()
    assert not is_there(keeper)
    assert code == 0
    (line,) = errors.decode().splitlines()
    assert line.startswith(
        f"csat-ledger: found the bookkeeper, process {keeper}, gone or without an answer (signal {signum:d})"
    )
    assert sum(one.failed for one in clients) == 0
    found = recorded(tmp_path / "ledger.db")
    assert told == {fact: found[fact] for fact in told}


@pytest.mark.slow
def test_on_a_book_that_was_restored_beneath_it_a_service_alone_goes_on_at_once(tmp_path: Path) -> None:
    book, backup = tmp_path / "ledger.db", tmp_path / "backup.db"
    with service_process(tmp_path, "--dev", "--bookkeeper") as served:
        operator, keeper = served.token("--role", "operator"), keeper_of(served)
        assert served.post("/v1/facts", enrolment(), operator).status_code == 200
        with closing(sqlite3.connect(book)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        for path in (Path(f"{book}-wal"), Path(f"{book}-shm")):
            path.unlink()
        backup.replace(book)
        assert served.post("/v1/facts", enrolment("m-2"), operator).status_code == 503  # what it had open is gone
        assert served.post("/v1/facts", enrolment("m-3"), operator).status_code == 200
        os.kill(keeper, signal.SIGKILL)
        assert served.post("/v1/facts", enrolment("m-4"), operator).status_code == 200
    assert {"m-1-enrol", "m-3-enrol", "m-4-enrol"} <= recorded(book).keys()


@pytest.mark.slow
def test_a_bookkeeper_whose_service_is_killed_is_gone_soon_and_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    enough = Event()
    with service_process(tmp_path, "--dev", "--bookkeeper") as served:
        keeper, clients = keeper_of(served), clients_of(served, enough)
        eventually(lambda: sum(len(one.told) for one in clients) >= 200, "200 are told")
        served.process.kill()
        with service_process(tmp_path, "--dev", "--bookkeeper") as again:  # at once, as what watches over it would
            told = ended(clients)
            eventually(lambda: not is_there(keeper), "the bookkeeper is gone")
            sent = again.post("/v1/facts", met("m-2"), again.token("--role", "operator"))
            assert {one["status"] for one in sent.json()} == {"accepted"}
            assert again.stop()[0] == 0
    found = recorded(tmp_path / "ledger.db")
    assert told == {fact: found[fact] for fact in told}


@pytest.mark.slow
def test_what_is_refused_is_kept_as_the_service_alone_keeps_it(tmp_path: Path) -> None:
    facts: list[dict[str, Any]] = [
        *enrolment(),
        {**response(1, "Brontegard", "2010-06-01T10:00:00Z", "m-9"), "invitation": "invitation-77"},
        {**response(2, "Brontegard", "2010-06-01T10:00:00Z", "m-9"), "answers": {"overall": 9}, "comment": "a word"},
        {**response(3, "Brontegard", "2010-06-01T10:00:00Z"), "answers": {"overall": 9}},
        {**response(3, "Lindomar", "2010-06-01T10:00:00Z")},
        {"type": "x"},
    ]
    kept = {}
    for option in ("--bookkeeper", "--no-bookkeeper"):
        folder = tmp_path / option
        folder.mkdir()
        settings = {
            "CSAT_LEDGER_NOW": "2012-01-01T00:00:00Z", "CSAT_LEDGER_LINK_KEY_FILE": str(tmp_path / "link.key"),
            "CSAT_LEDGER_VAULT": "people.db", "CSAT_LEDGER_VAULT_KEY_FILE": "vault.key",
        }  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "console", "vault", "migrate", "--make-key"],
            cwd=folder, env=environment(**settings), check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        with service_process(folder, "--dev", option, **settings) as served:
            operator = served.token("--role", "operator")
            said = served.post("/v1/facts", facts, operator).json()
            rows = served.get("/v1/refusals", operator).json()["refusals"]
        kept[option] = [(one["status"], one.get("code"), one.get("sentence")) for one in said], rows
    originals = orjson.dumps([row["original"] for row in kept["--bookkeeper"][1]]).decode()
    assert "in the vault" in originals
    assert len(kept["--bookkeeper"][1]) >= 4
    assert kept["--bookkeeper"] == kept["--no-bookkeeper"]


def test_one_that_nobody_asks_is_gone_when_it_is_closed(tmp_path: Path) -> None:
    said: list[str] = []
    with bookkeeper(lambda: 1 / 0, "the book", said.append) as process:  # type: ignore[arg-type, return-value]
        pid = process.pid
        assert pid is not None
        assert is_there(pid)
    assert not is_there(pid)
    process.gone()
    assert said == []


@pytest.mark.slow
def test_one_that_is_stopped_dies_with_a_service_that_is_killed(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--bookkeeper") as served:
        keeper = keeper_of(served)
        os.kill(keeper, signal.SIGSTOP)
        try:
            served.process.kill()
            served.process.wait(30)
            eventually(lambda: not is_there(keeper), "the bookkeeper is gone")
        finally:
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGKILL)


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """A signal comes in the middle of what is inside, which raises TimeoutError."""

    def handle(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_one_that_does_not_end_is_killed_where_a_second_signal_says_that_nobody_waits() -> None:
    process = Bookkeeper(lambda: 1 / 0, "the book", print)  # type: ignore[arg-type, return-value]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError), interrupted_after(0.2):
            process.close()
        assert not is_there(process.pid)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.close()


class Unclosable:
    """A ledger that cannot keep what it has to keep at the end."""

    store = database = None

    def close(self) -> None:
        raise StoreUnreachable("the book: found a full disk, expected room")


def test_what_closing_fails_with_is_said_in_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = tmp_path / "said"
    with bookkeeper(Unclosable, "the book", said.write_text) as process:  # type: ignore[arg-type]
        process.records.sendall(message(None))
        process.records.settimeout(30)
        process.records.recv(CHUNK)
    assert said.read_text() == "the bookkeeper ends: the book: found a full disk, expected room"
    assert capfd.readouterr().err == ""


FORKED_INTO_SIGNALS = """
import os, signal
from console.http.bookkeeper import bookkeeper

def heed(signum, frame):
    raise KeyboardInterrupt

for signum in (signal.SIGINT, signal.SIGTERM):
    signal.signal(signum, heed)
    os.register_at_fork(after_in_child=lambda signum=signum: os.kill(os.getpid(), signum))
with bookkeeper(lambda: 1 / 0, "the book", print) as process:
    process.records.settimeout(0.3)
    try:
        print(process.records.recv(1))
    except TimeoutError:
        print("it waits for facts")
"""


def test_a_signal_to_all_while_it_is_forked_is_not_heeded_by_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED_INTO_SIGNALS], env=environment(), capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("it waits for facts\n", "")


class Silent:
    """A bookkeeper that says nothing of the projections."""

    def __init__(self) -> None:
        self.follows, self._other = socket.socketpair()
        self.was_gone = 0

    def gone(self) -> None:
        self.was_gone += 1

    def close(self) -> None:
        self.follows.close()
        self._other.close()


def test_one_that_says_nothing_of_the_projections_for_long_is_given_up(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")

    def opened() -> Ledger:
        return Ledger(open_store(str(tmp_path / "ledger.db"), create=False), lambda: NOW_US)

    with closing(Silent()) as silent:
        following = FollowingApart(silent, opened, "the book", print, quiet_s=0.2)  # type: ignore[arg-type]
        following.start()
        with closing(following), closing(opened()) as ledger:
            recorded_at = ledger.recorder.record([fact_from_object(one) for one in enrolment("m-9")])[-1].position
            eventually(lambda: following.position >= recorded_at, "the service keeps the projections up")
    assert silent.was_gone == 1


def test_one_that_cannot_begin_takes_nothing_back_of_what_was_reached(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")

    def opened() -> Ledger:
        return Ledger(open_store(str(tmp_path / "ledger.db"), create=False), lambda: NOW_US)

    def unreachable() -> Ledger:
        raise StoreUnreachable("the book: found nobody, expected a server")

    said: list[str] = []
    with closing(Silent()) as process:
        keeper = Thread(target=follow_over, args=(process._other, unreachable, "the book", said.append))
        keeper.start()
        following = FollowingApart(process, opened, "the book", print)  # type: ignore[arg-type]
        following.start()
        reached = following.position
        try:
            eventually(lambda: following.failed_with is not None, "the service hears that it fails")
            assert (following.position, following.end, following.failed_with) == (reached, reached, "store-unreachable")
        finally:
            following.close()
            process._other.shutdown(socket.SHUT_RDWR)
            keeper.join()
    assert reached > 0
    assert said == ["the projections cannot be kept up: the book: found nobody, expected a server"]
