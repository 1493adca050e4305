"""The clock: what time alone changes is announced when it is due, by one active clock, at its exact instant."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client")

from consumers.roles.clock import Clock, open_clock
from consumers.roles.service import Service
from ledger.instants import DAY_US, SECOND_US, add_months, format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.programmes.survey.events import membership_of
from ledger.store.base import Store
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.consumers.role_processes import Running, running
from tests.consumers.support import Announcing, damage, eventually

START_US = parse_instant("2014-01-01T09:00:00Z")


class Town:
    """A ledger, and a tower clock that the test sets: it runs on from where it was set."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._offset_us = 0
        self.set(START_US + DAY_US)

    def now(self) -> int:
        return time.time_ns() // 1_000 + self._offset_us

    def set(self, now_us: int) -> None:
        self._offset_us = now_us - time.time_ns() // 1_000

    def satisfy(self, membership: str, received_us: int) -> None:
        """A membership with ten responses that all expire at the same instant, a year on."""
        facts: list[dict[str, Any]] = [{"type": "enrol-membership", "name": "A partner", "level": "gold"}]
        facts += [
            {"type": "record-response", "response": f"r-{number}", "customer_org": f"org-{number % 2}"}
            for number in range(10)
        ]
        writer = Writer(self.store, self.now, PROGRAMMES, rehearsal=True)
        outcomes = writer.record(
            [
                fact_from_object(
                    {
                        **fact,
                        "id": f"{membership}-{n}",
                        "membership": membership,
                        "occurred_at": format_instant(received_us),
                    }
                )
                for n, fact in enumerate(facts)
            ]
        )
        assert {outcome.status for outcome in outcomes} == {"accepted"}

    @contextmanager
    def connect(self, service: Service) -> Iterator[Clock]:
        with open_clock(
            service, self.store, Writer(self.store, self.now, PROGRAMMES, rehearsal=True), self.now
        ) as clock:
            yield clock

    def announced(self) -> list[tuple[str, bool, str]]:
        events = [PROGRAMMES.decode(row.stored) for row in self.store.read_type("EligibilityChanged", 0, 1_000)]
        return [
            (str(membership_of(event.stream)), event.data["satisfied"], event.data["effective_at"]) for event in events
        ]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(SQLiteStore(tmp_path / "book.db"))
    yield found
    found.store.close()


def is_active(clock: Running) -> bool:
    return clock.figure("csat_ledger_active") == 1


def await_turns(clock: Running, turns: int) -> None:
    """Until its loop has turned so many times more."""
    for turn in range(turns):
        before = clock.figure("csat_ledger_beat_timestamp_seconds")
        eventually(
            lambda before=before: clock.figure("csat_ledger_beat_timestamp_seconds") != before, f"turn {turn + 1}"
        )


def test_expiry_is_announced_when_it_is_due_with_its_exact_instant(town: Town) -> None:
    received_us = START_US + 123_457
    town.satisfy("m-1", received_us)
    expires_us = add_months(received_us, 12)
    town.set(expires_us - SECOND_US)
    with running("clock", town.connect) as clock:
        eventually(lambda: clock.ready, "it runs")
        assert len(town.announced()) == 1, "nothing before it is due"
        eventually(lambda: len(town.announced()) == 2, "it is announced")
        late_us = town.now() - expires_us
    assert town.announced()[1] == ("m-1", False, format_instant(expires_us))
    assert 0 < late_us < SECOND_US, "it was awake at the instant, and did not wait for the next look"


def test_after_any_downtime_each_announcement_has_its_own_instant(town: Town) -> None:
    received = {f"m-{number}": START_US + number * 1_111_111 for number in range(5)}
    for membership, received_us in received.items():
        town.satisfy(membership, received_us)
    town.set(add_months(START_US, 12) + 400 * DAY_US)
    with running("clock", town.connect) as clock:
        eventually(lambda: len(town.announced()) == 10, "all are announced")
        assert clock.figure("csat_ledger_done_total", what="announced") == 5
    expired = {membership: at for membership, satisfied, at in town.announced() if not satisfied}
    assert expired == {membership: format_instant(add_months(at, 12)) for membership, at in received.items()}


def test_fact_that_brings_something_due_is_seen_by_a_clock_that_sleeps(town: Town) -> None:
    with running("clock", town.connect) as clock:
        eventually(lambda: clock.ready, "it runs")
        town.satisfy("m-1", add_months(town.now(), -12) + 1_500_000)
        eventually(lambda: len(town.announced()) == 2, "what became due meanwhile is announced")


def test_second_clock_stands_by_and_takes_over(town: Town) -> None:
    town.satisfy("m-1", START_US)
    with running("clock", town.connect) as first, running("clock", town.connect) as second:
        eventually(lambda: first.ready and second.ready, "both are ready")
        eventually(lambda: is_active(first) != is_active(second), "one is active")
        active, standby = (first, second) if is_active(first) else (second, first)
        active.stop()
        eventually(lambda: is_active(standby), "the other takes over")
        assert not is_active(active)
        town.set(add_months(START_US, 12))
        eventually(lambda: len(town.announced()) == 2, "and announces")


def test_idle_clock_does_not_write_all_the_time(town: Town) -> None:
    town.satisfy("m-1", START_US)
    with running("clock", town.connect) as clock:
        eventually(lambda: clock.ready, "it runs")
        before = town.store.reviews()
        await_turns(clock, 3)
        assert town.store.reviews() == before


def test_membership_that_cannot_be_read_holds_up_no_other_and_is_shown(town: Town) -> None:
    town.satisfy("m-1", START_US)
    town.satisfy("m-2", START_US)
    last = list(town.store.read_stream("membership-m-1"))[-2]
    damage(town.store, last.position, last.stored[:-9])
    town.set(add_months(START_US, 12))
    with running("clock", town.connect) as clock:
        eventually(lambda: clock.figure("csat_ledger_set_aside_streams") == 1, "it is shown")
        assert clock.ready
        assert clock.service.health("/readyz")[1]["set_aside"] == {"number": 1, "streams": ["membership-m-1"]}
        assert [row.stream for row in town.store.read_type("EligibilityChanged", 0, 9)][2:] == ["membership-m-2"]
        before = town.store.reviews()
        await_turns(clock, 2)
        assert town.store.reviews() == before, "it does not review again and again what it cannot read"


def test_what_time_takes_in_each_programme_is_announced_and_counted_by_type(town: Town) -> None:
    received_us = parse_instant("2024-06-25T00:00:00Z")
    town.set(received_us + DAY_US)
    town.satisfy("m-1", received_us)
    until = format_instant(received_us + 400 * DAY_US)[:10]
    designation = [fact.model_dump(exclude_none=True) for fact in Announcing(town.store).qualify("m-1")]
    ending = [fact | ({"valid_until": until} if fact.get("tier") == "advanced" else {}) for fact in designation]
    writer = Writer(town.store, town.now, PROGRAMMES, rehearsal=True)
    assert {outcome.status for outcome in writer.record([fact_from_object(fact) for fact in ending])} == {"accepted"}
    town.set(received_us + 401 * DAY_US)
    with running("clock", town.connect) as clock:
        eventually(lambda: len(town.store.read_type("DesignationChanged", 0, 9)) == 2, "the certificates are gone")
        eventually(lambda: len(town.announced()) == 2, "so are the responses")
        for event_type in ("EligibilityChanged", "DesignationChanged"):
            eventually(
                lambda event_type=event_type: clock.figure("csat_ledger_announcements_total", type=event_type) == 1,
                event_type,
            )
    last = PROGRAMMES.decode(town.store.read_type("DesignationChanged", 0, 9)[-1].stored)
    assert (last.data["cause"], last.data["effective_at"]) == ("expiry", f"{until}T00:00:00.000000Z")
    assert last.fact is None
