"""The team shape as it runs: real processes of ours over a real PostgreSQL and a real broker, facts flowing in.

What a test does to them is its own affair; this knows how to start, watch and end each of them, how to keep facts flowing
whatever is broken, and what must be so afterwards.
"""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from consumers.broker.partitioner import partition_of
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.messages.capability import DesignationChanged
from csat_ledger_client.messages.cloudevents import RefusedFact
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.book import replay
from ledger.errors import StoreUnreachable
from ledger.instants import format_instant
from ledger.programmes.registry import PROGRAMMES
from ledger.store.postgres import PostgresStore
from projections.builds import count_differences, create_build, load_build
from projections.postgres import PostgresDatabase
from projections.questions.projection_state import projection_states
from projections.registry import all_projections
from projections.runner import Runner
from tests.consumers.support import committed
from tests.oracle.capability.book import instant
from tests.servers.guard import Guard
from tests.servers.kafka import KafkaBroker
from tests.servers.postgres import PostgresServer
from tests.simulation.nursery import Nursery
from tests.simulation.traffic import Heard, Listener, Source
from tests.support.designations_checked import require_as_the_oracle

KINDS: dict[str, type[EligibilityChanged] | type[DesignationChanged]] = {
    "EligibilityChanged": EligibilityChanged,
    "DesignationChanged": DesignationChanged,
}
REFUSED = {
    *("malformed", "unknown-membership", "id-reused", "already-enrolled"),
    *("unknown-area", "unknown-designation"),  # an edition may come after what goes by it: it is in another partition
    *("month-not-over", "unknown-workload", "anniversary-not-due", "designation-already-decided"),
}
WRITERS = ("inbox", "clock")
"""The processes that write into the book."""
SESSION_TIMEOUT_S = "1.5"
END_S = 20.0


class Process:
    """One of our long-running processes, as the command line starts it."""

    def __init__(self, nursery: Nursery, folder: Path, name: str, arguments: list[str]) -> None:
        self.name = name
        self._nursery = nursery
        self._arguments = arguments
        self._log = folder / f"{name}.log"
        self._log.touch()
        self._from = 0
        self._pid: int | None = None

    def start(self) -> None:
        assert self._pid is None
        self._from = self._log.stat().st_size
        self._pid = self._nursery.start(self._arguments, self._log)
        Guard.get().watch(self._pid, signal.SIGKILL)

    def kill(self) -> None:
        self._end(signal.SIGKILL, -signal.SIGKILL)

    def stop(self) -> None:
        """An orderly end, which must be one."""
        self._end(signal.SIGTERM, 0)

    def freeze(self, seconds: float) -> None:
        """It stands still, and does not know: when it goes on, others may have taken over what it holds."""
        assert self._pid is not None
        os.kill(self._pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self._pid, signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended."""
        return self._pid is not None

    @property
    def is_ready(self) -> bool:
        """Whether its last start, or its last loss, has been followed by being ready."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            lines = [json.loads(line)["event"] for line in log if line.startswith(b"{") and line.endswith(b"}\n")]
        states = [line for line in lines if line in ("ready", "back", "lost")]
        return bool(states) and states[-1] != "lost"

    def text(self) -> str:
        return self._log.read_text(errors="replace")

    def _end(self, signum: signal.Signals, expected: int) -> None:
        pid, self._pid = self._pid, None
        if pid is None:
            return
        found = self._nursery.end(pid, signum, END_S)
        Guard.get().forget(pid)
        # A process that is told to stop before it listens to signals ends by the signal.
        early = signum == signal.SIGTERM and found in (-signum, 128 + signum)
        assert found == expected or early, f"{self.name} ended with {found}:\n{self.text()[-3000:]}"


class Team:
    """Servers, processes, a source of facts and a consumer of announcements."""

    def __init__(self, postgres: PostgresServer, kafka: KafkaBroker, broker: Broker, chance: random.Random) -> None:
        self.postgres = postgres
        self.kafka = kafka
        self.broker = broker
        self.url = postgres.create_database()
        PostgresStore(self.url, create=True).close()
        self._folder = tempfile.TemporaryDirectory(prefix="csat-team-")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CSAT_LEDGER_")}
        environ |= {
            "CSAT_LEDGER_STORE": self.url,
            "CSAT_LEDGER_KAFKA": kafka.bootstrap,
            "CSAT_LEDGER_TOPIC_PREFIX": broker.prefix,
        }
        self._nursery = Nursery(environ)
        group = ["--session-timeout", SESSION_TIMEOUT_S]
        self.processes = {
            name: self.process(name, arguments)
            for name, arguments in {
                "relay": ["relay"],
                "inbox": ["inbox", *group],
                "worker-a": ["worker", *group],
                "worker-b": ["worker", *group],
                "clock": ["clock"],
            }.items()
        }
        self.source = Source(broker, chance)
        self.listener = Listener(broker)

    def process(self, name: str, arguments: list[str]) -> Process:
        return Process(self._nursery, Path(self._folder.name), name, arguments)

    def start(self) -> None:
        for process in self.processes.values():
            process.start()
        self.source.start()
        self.listener.start()

    def stop(self) -> None:
        """An orderly end of everything: first of those who write, then, once the last that they wrote was heard, of the rest.

        Responses expire and editions begin at all times: between a quiet moment and the clock's end something may fall due.
        """
        self.source.stop()
        for name in WRITERS:
            self.processes[name].stop()
        self.wait_until_quiet(END_S)
        self.listener.stop()
        for process in self.processes.values():
            process.stop()

    def close(self) -> None:
        self.source.stop()
        self.listener.stop()
        for process in self.processes.values():
            with suppress(AssertionError):
                process.kill()
        self._nursery.close()
        self._folder.cleanup()

    def wait_until_quiet(self, timeout_s: float) -> None:
        """Until every fact has been taken in, every event relayed and applied, and nothing more happens."""
        deadline = time.monotonic() + timeout_s
        while trouble := self._trouble():
            assert time.monotonic() < deadline, f"stuck: {trouble}\n" + "\n".join(
                f"--- {name}\n{process.text()[-1500:]}" for name, process in self.processes.items()
            )
            time.sleep(0.2)

    def _trouble(self) -> str:
        """What is not done yet; the fixed point is looked for from the source to the last consumer."""
        try:
            store = PostgresStore(self.url)
            database = PostgresDatabase(self.url)
        except StoreUnreachable as error:
            return str(error)
        try:
            missing = self.source.sent - facts_of(store).keys() - set(self.refused())
            if missing:
                return f"{len(missing)} facts neither recorded nor refused, for example {sorted(missing)[:3]}"
            due_us = store.next_due()
            if self.processes["clock"].is_running and due_us is not None and due_us <= time.time_ns() // 1_000:
                return "something is due that is not announced"
            with database.reading() as connection:
                if not database.table_exists(connection, "projection_state"):
                    return "no projections"
            for state in projection_states(Runner(store, database, all_projections())):
                if state.lag:
                    return f"projection {state.projection} is {state.lag} events behind"
            told, announced = len(self.listener.heard), len(announcements(store))
            return "" if told >= announced else f"{told} of {announced} announcements have been heard"
        except (StoreUnreachable, BrokerUnreachable) as error:
            return str(error)
        finally:
            database.close()
            store.close()

    def refused(self) -> dict[str, str]:
        """fact id -> code, of what was told to be refused."""
        records = committed(self.broker, self.broker.topics.facts_refused)
        told = (RefusedFact.from_value(record.value) for record in records)
        return {refused.fact or "": refused.code for refused in told}

    def assert_whole(self) -> dict[str, int]:
        """What must be so, whatever has been done to it; returns some figures."""
        store, database = PostgresStore(self.url), PostgresDatabase(self.url)
        try:
            facts = facts_of(store)
            assert facts, "nothing in the book"
            assert max(facts.values()) == 1, "a fact twice in the book"
            positions = [row.position for row in store.read_feed(0, 1_000_000)]
            assert positions == list(range(1, len(positions) + 1)), "a hole in the book"
            refused = self.refused()
            assert self.source.sent <= facts.keys() | refused.keys()
            assert set(refused.values()) <= REFUSED, refused
            expected = announcements(store)
            for stream in {announcement.stream for announcement in expected}:
                assert sum(1 for _ in replay(store, PROGRAMMES, stream)), "the stream's chain holds"
            again = [
                kind.from_value(record.value)
                for kind in KINDS.values()
                for record in committed(self.broker, self.broker.topics.named(kind.type))
            ]
            told = in_order(expected)
            for how, found in (("heard at once", in_order(self.listener.heard)), ("read afterwards", in_order(again))):
                wrong = {
                    stream: (seqs(found.get(stream, [])), seqs(told.get(stream, [])))
                    for stream in found.keys() | told.keys()
                    if found.get(stream) != told.get(stream)
                }
                assert not wrong, f"announcements missing, twice, or out of order, {how}: (found, expected) {wrong}"
            reviewed = instant(format_instant(store.reviews()[0][0]))
            designated = require_as_the_oracle(store, self.source.designations.values(), reviewed)
            assert designated["flips"] > 0
            events = committed(self.broker, self.broker.topics.ledger_events)
            assert Counter(record.value for record in events) == Counter(
                row.stored for row in store.read_feed(0, 1_000_000)
            ), "events missing or twice on the topic"
            for state in projection_states(Runner(store, database, all_projections())):
                assert (state.lag, state.gaps, state.parked, state.waiting) == (0, 0, (), 0), state
            assert differences(store, database) == {}, "projections differ from a rebuild"
            return {
                "facts": len(facts), "refused": len(refused), "events": len(positions), "announcements": len(expected),
                "by the clock alone": sum(announcement.fact is None for announcement in expected),
                "of designations": designated["DesignationChanged"], "flips of designations": designated["flips"],
                "decisions on designations": designated["DesignationDecided"],
            }  # fmt: skip
        finally:
            database.close()
            store.close()


def facts_of(store: PostgresStore) -> Counter[str]:
    """The facts in the book, with how many events each has beside announcements."""
    events = (PROGRAMMES.decode(row.stored) for row in store.read_feed(0, 1_000_000))
    return Counter(
        str(event.fact)
        for event in events
        if event.type not in PROGRAMMES.announcements and not str(event.fact).startswith("csat-ledger:")
    )


def announcements(store: PostgresStore) -> list[Heard]:
    """As they must have been told."""
    found: list[Heard] = []
    for event_type, kind in KINDS.items():
        for row in store.read_type(event_type, 0, 1_000_000):
            event = PROGRAMMES.decode(row.stored, row.position)
            found.append(
                kind(
                    **event.data,
                    membership=event.stream.partition("-")[2].partition("/")[0],
                    position=row.position,
                    seq=row.seq,
                    fact=event.fact,
                    recorded_at=format_instant(event.recorded_us),
                )
            )
    return found


def in_order(found: list[Heard]) -> dict[str, list[Heard]]:
    """By stream, so that what is said of one membership in either programme keeps its order."""
    grouped = defaultdict(list)
    for announcement in found:
        grouped[announcement.stream].append(announcement)
    return dict(grouped)


def seqs(found: list[Heard]) -> list[tuple[int, str]]:
    """Where announcements stand in their stream, and when they were recorded."""
    return [(one.seq, one.recorded_at) for one in found]


def differences(store: PostgresStore, database: PostgresDatabase) -> dict[str, int]:
    """Rows in which what the workers kept differs from what the feed gives, by projection, where there are any."""
    found = {}
    runner = Runner(store, database, all_projections(), partition_of)
    for projection in all_projections():
        with database.writing() as connection:
            build = create_build(database, connection, projection)
            runner._apply_through(connection, build, store.max_position())
            live = load_build(connection, projection)
            assert live is not None
            found[projection.name] = count_differences(connection, projection, live, build)
    return {name: number for name, number in found.items() if number}


def until(condition: Callable[[], Any], timeout_s: float) -> bool:
    """Whether something became so in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
