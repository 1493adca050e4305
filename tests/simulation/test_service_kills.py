"""The service with all of its duties is killed again and again (SIGKILL), at seeded moments, while 32 clients hand in facts,
eight follow the changes and a webhook is delivered to a receiver that fails.

What was acknowledged is in the book once; whoever followed and came back heard every announcement once and in order; the
receiver got each at least once, in order for each membership; the receipts are kept, and the book is confirmed by the audit.
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import orjson
import pytest
from standardwebhooks import Webhook

from console.demo.survey import generate
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from tests.console.http.process import environment
from tests.simulation.nursery import Nursery
from tests.simulation.service_traffic import Fact, Follower, Receiver, Sender, receiving, until
from tests.support.designations import designation_facts

KILLS = 300 if os.environ.get("CSAT_LEDGER_TEST_SOAK") else 30
SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20101101"))
CLIENTS, FOLLOWERS, MEMBERSHIPS = 32, 8, 32
FACTS = 4_000
LIFE_S = (0.2, 1.2)
PATIENCE_S = 120.0
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
IMPORTED = (
    "console.cli.main", "console.cli.commands.serve", "console.http.app", "console.http.server", "console.http.embedded",
    "console.http.protocol", "console.http.dev_key", "consumers.webhooks.sender", "ledger.seal.sealer", "ledger.seal.receipts",
    "ledger.writing.writer", "projections.registry", "projections.questions.status", "uvicorn", "fastapi",
)  # fmt: skip
LINES = (1, 1, 1, 40)
"""Every fourth client sends lines, the others single facts."""

pytestmark = pytest.mark.server


class Service:
    """`csat-ledger serve` with everything, always under the same address."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.folder = folder
        self._nursery = nursery
        self._log = folder / "service.log"
        self._listen = "127.0.0.1:0"
        self._pid: int | None = None
        self.listening = Event()

    @property
    def url(self) -> str:
        return f"http://{self._listen}"

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        self._log.touch()
        begun = self._log.stat().st_size
        options = [
            "--store", str(self.folder / "ledger.db"), "--json", "serve", "--dev", "--listen", self._listen,
            "--key", str(self.folder / "log.key"), "--tiles", str(self.folder / "log"), "--every", "1s",
            "--receipt-key", str(self.folder / "receipt-1.key"), "--webhooks",
        ]  # fmt: skip
        self._pid = self._nursery.start(options, self._log)
        said: list[bytes] = []

        def listens() -> bool:
            with self._log.open("rb") as log:
                log.seek(begun)
                said[:] = [line for line in log if line.startswith(b'{"listening"') and line.endswith(b"\n")]
            return bool(said)

        until(listens, f"listening: {self._log}", PATIENCE_S)
        self._listen = orjson.loads(said[0])["listening"].removeprefix("http://")
        self.listening.set()

    def end(self, signum: signal.Signals) -> int | None:
        """Its exit code."""
        assert self._pid is not None
        self.listening.clear()
        return self._nursery.end(self._pid, signum, PATIENCE_S)


def facts_of_clients(seed: int) -> list[list[Fact]]:
    """Facts of no membership, then those of each client: of both programmes, all of a membership with one, in order."""
    own: dict[str, list[Fact]] = defaultdict(list)
    for _, fact in generate(seed, memberships=MEMBERSHIPS, facts=FACTS):
        if isinstance(fact.get("id"), str):
            own[str(fact.get("membership", ""))].append(fact)
    for fact in designation_facts(random.Random(seed), sorted(own)[1:7]):
        own[str(fact.get("membership", ""))].append(fact)
    clients: list[list[Fact]] = [[] for _ in range(CLIENTS)]
    for number, membership in enumerate(sorted(own.keys() - {""})):
        clients[number % CLIENTS] += own[membership]
    return [own[""], *clients]


def command(folder: Path, *arguments: str) -> bytes:
    """What a command prints; it has to end with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "--store", str(folder / "ledger.db"), *arguments],
        cwd=folder, env=environment(), capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def token(folder: Path, role: str) -> dict[str, str]:
    """The headers of a caller in a role."""
    made = command(folder, "token", "--role", role, "--expires", "1h").decode().strip()
    return {"Authorization": f"Bearer {made}", "Content-Type": "application/json"}


@contextmanager
def nursed() -> Iterator[Nursery]:
    nursery = Nursery(environment(), IMPORTED)
    try:
        yield nursery
    finally:
        nursery.close()


def prepare(folder: Path, receiver: Receiver, editions: list[Fact]) -> None:
    """Keys, a book that knows the editions, and a webhook to the receiver."""
    command(folder, "keygen", "--name", "kills.example/log", "--out", str(folder))
    command(folder, "keygen", "--name", "kills.example/log", "--out", str(folder), "--receipts")
    secret = folder / "hook.secret"
    secret.touch(0o600)
    secret.write_text(SECRET + "\n")
    (folder / "editions.jsonl").write_bytes(b"".join(orjson.dumps(fact) + b"\n" for fact in editions))
    command(folder, "record", str(folder / "editions.jsonl"))  # makes the book
    command(folder, "webhook", "add", receiver.url, "--secret-file", str(secret), "--allow-private", "--after", "0")


def test_a_killed_service_loses_nothing_that_it_acknowledged_and_tells_all_of_it(tmp_path: Path) -> None:
    print(f"CSAT_LEDGER_TEST_SEED={SEED}")
    seeded = random.Random(SEED)
    with receiving(SEED) as receiver, nursed() as nursery:
        editions, *clients = facts_of_clients(SEED)
        prepare(tmp_path, receiver, editions)
        service = Service(tmp_path, nursery)
        service.start()
        operator, auditor, subscriber = (token(tmp_path, role) for role in ("operator", "auditor", "subscriber"))
        senders = [
            Sender(service.url, operator, facts, LINES[number % len(LINES)], service.listening)
            for number, facts in enumerate(clients)
        ]
        followers = [
            Follower(service.url, subscriber if n % 2 else auditor, service.listening) for n in range(FOLLOWERS)
        ]
        for one in (*senders, *followers):
            one.start()
        for _ in range(KILLS):
            time.sleep(seeded.uniform(*LIFE_S))
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
            service.start()
        for sender in senders:
            sender.last_round.set()
        for sender in senders:
            sender.join(PATIENCE_S)
        receiver.calm.set()
        announced = announcements(tmp_path)
        last = max(announced)
        until(lambda: all(one.heard and one.heard[-1].position >= last for one in followers), "all heard", PATIENCE_S)
        until(lambda: {one.id for one in receiver.taken} >= set(announced.values()), "all delivered", PATIENCE_S)
        for follower in followers:
            follower.stopping.set()
        assert service.end(signal.SIGTERM) in (0, -signal.SIGTERM)
        for follower in followers:
            follower.join(PATIENCE_S)
        in_the_book_once(tmp_path, senders, editions)
        heard_once(followers, announced)
        delivered_in_order(receiver, announced)
        kept_and_confirmed(tmp_path, senders)
    print(
        f"{KILLS} kills, {sum(sender.failures for sender in senders)} requests cut off, {len(announced)} announcements, "
        f"{sum(one.connections for one in followers)} connections of followers, {receiver.refused} deliveries refused"
    )


def announcements(folder: Path) -> dict[int, str]:
    """Position -> the id under which a receiver gets it, of each announcement in the book."""
    store = SQLiteStore(folder / "ledger.db")
    rows = [row for row in store.read_feed(0, store.max_position()) if row.type in PROGRAMMES.announcements]
    store.close()
    assert len(rows) > 100
    return {row.position: f"{row.stream}/{row.seq}" for row in rows}


def in_the_book_once(folder: Path, senders: list[Sender], editions: list[Fact]) -> None:
    store = SQLiteStore(folder / "ledger.db")
    facts = [row.fact for row in store.read_feed_full(0, store.max_position()) if row.fact is not None]
    store.close()
    assert len(facts) == len(set(facts))
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) > 1_000
    assert acknowledged <= set(facts)
    unknown = set(facts) - acknowledged - {one["id"] for one in editions}
    assert all(name.startswith("csat-ledger:") for name in unknown), unknown


def heard_once(followers: list[Follower], announced: dict[int, str]) -> None:
    for follower in followers:
        assert [one.position for one in follower.heard if one.announces] == sorted(announced)
        assert follower.connections > 1


def delivered_in_order(receiver: Receiver, announced: dict[int, str]) -> None:
    """Each at least once; of a stream, none for the first time behind a later one."""
    first = list(dict.fromkeys(one.id for one in receiver.taken))
    assert set(first) == set(announced.values())
    for stream in {one.rpartition("/")[0] for one in first}:
        seqs = [int(one.rpartition("/")[2]) for one in first if one.rpartition("/")[0] == stream]
        assert seqs == sorted(seqs), stream
    for one in receiver.taken[:: max(1, len(receiver.taken) // 200)]:
        Webhook(SECRET).verify(one.body, one.headers)


def kept_and_confirmed(folder: Path, senders: list[Sender]) -> None:
    """Nothing that a receipt promised is missing from the log, and log and book are sound."""
    receipts = [line for sender in senders for line in sender.receipts]
    assert len(receipts) > 1_000
    (folder / "receipts.jsonl").write_bytes(b"".join(line + b"\n" for line in receipts))
    policy = json.loads((folder / "policy.json").read_text())
    key = {"vkey": (folder / "receipt-1.vkey").read_text().strip(), "from": 0, "to": None}
    policy["receipts"] = {"keys": [key], "within_s": 86_400}
    (folder / "policy.json").write_text(json.dumps(policy))
    trust = ("--policy", str(folder / "policy.json"))
    watched = ("monitor", "--log", str(folder / "log"), *trust, "--state", str(folder / "monitored"))
    found = orjson.loads(command(folder, "--json", *watched, "--receipts", str(folder / "receipts.jsonl")))
    told = len({orjson.loads(line)["fact"] for line in receipts})
    assert (found["verdict"], found["receipts"]["kept"]) == ("confirmed", told), found
    found = orjson.loads(command(folder, "--json", "audit", "--tiles", str(folder / "log"), *trust))
    assert (found["verdict"], found["differences"]) == ("confirmed", [])
