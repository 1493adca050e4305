"""The team shape under faults: whatever is killed or restarted while facts flow, afterwards everything is exactly right.

CSAT_LEDGER_TEST_SEED=…    the seed, which is printed; it brings back the same faults in the same order and the same
                           facts. (Which instruction a kill meets is the machine's affair.)
CSAT_LEDGER_TEST_SOAK=1    five times as many
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
    import prometheus_client  # noqa: F401
    import psycopg  # noqa: F401

    from tests.simulation.team import Team, until
except ImportError as missing:
    without_server(missing)

from tests.consumers.support import broker_with_topics
from tests.servers.kafka import KafkaBroker
from tests.servers.postgres import PostgresServer
from tests.support.soak import SOAK

FAULTS = {
    "kill relay": 10,
    "kill inbox": 10,
    "kill worker-a": 7,
    "kill worker-b": 6,
    "kill clock": 6,
    "freeze worker-a": 3,
    "freeze worker-b": 2,
    "freeze inbox": 2,
    "freeze relay": 1,
    "stop relay": 1,
    "stop inbox": 1,
    "stop worker-a": 1,
    "join worker": 5,
    "restart postgres": 4,
    "kill postgres": 4,
    "restart broker": 1,
    "kill broker": 1,
}
"""What is done, and how often; 65 in all."""
ROUNDS = 5 if SOAK else 1
READY_S = 30.0
QUIET_S = 90.0


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("CSAT_LEDGER_TEST_SEED") or (random.randrange(2**32) if SOAK else 20130401))


@pytest.fixture
def team(own_postgres: PostgresServer, own_kafka: KafkaBroker, seed: int) -> Iterator[Team]:
    found = Team(own_postgres, own_kafka, broker_with_topics(own_kafka.bootstrap), random.Random(seed))
    yield found
    found.close()


def test_nothing_is_lost_repeated_or_stuck_whatever_is_killed(team: Team, seed: int) -> None:
    print(f"CSAT_LEDGER_TEST_SEED={seed}")
    chance = random.Random(f"faults {seed}")
    plan = [fault for fault, number in FAULTS.items() for _ in range(number * ROUNDS)]
    chance.shuffle(plan)
    started = time.monotonic()
    team.start()
    assert until(lambda: all(process.is_ready for process in team.processes.values()), READY_S), "not ready"
    assert until(lambda: team.listener.heard, READY_S), "nothing is announced"
    counted: Counter[str] = Counter()
    for fault in plan:
        Fault(team, chance).do(fault)
        counted[fault] += 1
        time.sleep(chance.uniform(0.05, 0.5))  # the next one falls into whatever the team is doing by then
    faults_s = time.monotonic() - started
    for process in team.processes.values():
        assert until(lambda process=process: process.is_ready, READY_S), f"not ready again:\n{process.text()[-3000:]}"
    team.source.stop()
    team.wait_until_quiet(QUIET_S)
    quiet_s = time.monotonic() - started - faults_s
    team.stop()
    figures = team.assert_whole()
    print(
        f"{sum(counted.values())} faults in {faults_s:.0f} s, quiet {quiet_s:.0f} s later: {dict(counted)}; {figures}"
    )
    assert sum(counted.values()) >= 60
    assert figures["refused"] > 0


class Fault:
    """Something that is done to a team."""

    def __init__(self, team: Team, chance: random.Random) -> None:
        self._team = team
        self._chance = chance

    def do(self, fault: str) -> None:
        what, _, whom = fault.partition(" ")
        if whom in self._team.processes:
            self._process(what, whom)
        elif whom == "worker":
            self._join()
        else:
            self._server(what, whom)

    def _process(self, what: str, name: str) -> None:
        process = self._team.processes[name]
        if self._chance.random() < 0.8:  # most are at work when it meets them, some are still coming up
            until(lambda: process.is_ready, 8)
        if what == "freeze":
            process.freeze(self._chance.uniform(1.8, 2.4))  # longer than the session of a member of a group
            return
        process.kill() if what == "kill" else process.stop()
        process.start()

    def _join(self) -> None:
        """One more worker joins the group and leaves it again, in order or not, at some time: two rebalances."""
        extra = self._team.process(f"worker-{self._chance.random():.6f}", ["worker", "--session-timeout", "1.5"])
        extra.start()
        until(lambda: extra.is_ready, 8)
        time.sleep(self._chance.uniform(0, 1))
        extra.kill() if self._chance.random() < 0.5 else extra.stop()

    def _server(self, what: str, name: str) -> None:
        server = self._team.postgres if name == "postgres" else self._team.kafka
        if what == "restart":
            server.restart()
            return
        server.kill()
        time.sleep(self._chance.uniform(0, 0.5))  # how long it is away is part of the fault
        server.start()
