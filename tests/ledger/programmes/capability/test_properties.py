"""The capability programme in a real book against the oracle, over histories that nobody chose."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.programmes.capability.answers import metrics_of
from ledger.programmes.capability.calendar import month_text
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.flips import NEVER, flip_after, score_at
from ledger.programmes.capability.snapshot import dump_state, load_state
from ledger.programmes.capability.state import Designation
from ledger.proof.capability.recheck import DesignationCheck
from ledger.proof.log.event import parse_event
from tests.ledger.programmes.capability.book import Book, micros
from tests.oracle.capability.book import METRICS, Oracle, instant
from tests.oracle.capability.histories import AREA, LAST, history
from tests.support.soak import SOAK

SECONDS = 240 if SOAK else 12
NOW = LAST + timedelta(days=1)


def seeds() -> Any:
    """Fresh ones each time, for so long."""
    first, deadline = time.time_ns() % 10**9, time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < deadline:
        yield first + number
        number += 1
    print(f"{number} histories from seed {first}")


def told_score(state: Designation, scorebook: Scorebook, at: datetime) -> dict[str, Any]:
    found = score_at(state, scorebook, micros(at))
    month = found.month
    return {
        "edition": None if found.edition is None else found.edition.edition,
        "track": found.track,
        "month": None if month is None else month_text(month),
        "compared_with": None if month is None else month_text(month - 12),
        "centipoints": found.centipoints,
        "qualified": found.qualified,
        "metrics": metrics_of(found),
    }


def folded(book: Book, membership: str) -> list[tuple[datetime, bool]]:
    """The announcements as who folds them has them: one at e replaces everything from e on."""
    entries: list[tuple[datetime, bool]] = []
    for event in book.events(membership, AREA, "DesignationChanged"):
        at = instant(event.data["effective_at"])
        entries = [entry for entry in entries if entry[0] < at]
        entries.append((at, event.data["qualified"]))
    flips, holds = [], False
    for at, qualified in entries:
        if qualified != holds:
            flips.append((at, qualified))
            holds = qualified
    return flips


def check_history(seed: int, folder: Path) -> None:
    random = Random(seed)
    oracle, book = Oracle(), Book(folder, NOW, random.choice([1 << 26, 2_000]))
    try:
        horizon = {}
        for fact in history(random, random.randint(5, 60)):
            (outcome,) = book.tell(fact)
            said = oracle.tell(fact, NOW)
            assert ("accepted" if outcome.status == "duplicate" else outcome.status, outcome.code) == said, fact
            if said[0] == "refused":
                continue
            for membership in ("m-1", "m-2"):
                if fact.get("membership") == membership:
                    at = instant(fact["occurred_at"])
                    horizon[membership] = max(at, horizon.get(membership, at))
                if membership in horizon:
                    true = [flip for flip in oracle.history(membership, AREA) if flip[0] <= horizon[membership]]
                    assert folded(book, membership) == true, fact
            if random.random() < 0.05:
                book.reopen()
        check_announcements(book, oracle)
        check_by_the_verifier(book, "m-1", AREA)
        for _ in range(4):
            at = random.choice([*oracle.instants("m-1", AREA), LAST]) - random.choice([0, 1]) * timedelta(
                microseconds=1
            )
            assert told_score(book.state("m-1", AREA), book.scorebook(AREA), at) == oracle.score("m-1", AREA, at)
            holds = oracle.score("m-1", AREA, at)["qualified"]
            flip_us = flip_after(book.state("m-1", AREA), book.scorebook(AREA), micros(at), holds)
            expected = oracle.next_change("m-1", AREA, at)
            assert (None if flip_us == NEVER else flip_us) == (expected and micros(instant(expected["at"])))
        state = book.state("m-1", AREA)
        loaded = load_state(dump_state(state))
        assert loaded is not None
        assert dump_state(loaded) == dump_state(state)
        at = oracle.instants("m-1", AREA)[-1]
        assert score_at(loaded, book.scorebook(AREA), micros(at)) == score_at(state, book.scorebook(AREA), micros(at))
    finally:
        book.close()


def check_by_the_verifier(book: Book, membership: str, area: str) -> None:
    """The offline verifier's own implementation finds nothing to object to."""
    streams = (f"designation-{membership}/{area}", f"scorebook/{area}")
    check = DesignationCheck(streams[0])
    for row in book.store.read_feed(0, 10_000):
        if row.stream in streams:
            check.take(parse_event(row.stored))
    assert check.finish() == []


def check_announcements(book: Book, oracle: Oracle) -> None:
    """Decisions say what the oracle says; what was announced last of each kept flip is true of its instant."""
    decided = [entry.content for entry in oracle.entries if entry.content and entry.fact["membership"] == "m-1"]
    found = book.events("m-1", AREA, "DesignationDecided")
    assert [{key: value for key, value in event.data.items() if key != "revision"} for event in found] == decided
    by_fact: dict[str, int] = {entry.fact["id"]: number + 1 for number, entry in enumerate(oracle.entries)}
    previous: list[tuple[datetime, bool]] = []
    for event in book.events("m-1", AREA, "DesignationChanged"):
        at, through = instant(event.data["effective_at"]), by_fact[event.fact or ""]
        score = oracle.score("m-1", AREA, at, through)
        assert event.data["centipoints"] == score["centipoints"]
        assert event.data["metrics"] == {name: score["metrics"][name]["centipoints"] for name in METRICS}
        for name in ("qualified", "month", "track", "edition"):
            assert event.data[name] == score[name]
        previous = [entry for entry in previous if entry[0] < at]
        assert event.data["previous"] == (bool(previous) and previous[-1][1])
        previous.append((at, event.data["qualified"]))


@pytest.mark.slow
def test_random_histories_are_scored_announced_and_decided_as_by_the_oracle(tmp_path: Path) -> None:
    for number, seed in enumerate(seeds()):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            check_history(seed, folder)
        except BaseException:
            print(f"seed {seed}")
            raise


@pytest.mark.parametrize("seed", range(20))
def test_histories_that_are_the_same_each_time(seed: int, tmp_path: Path) -> None:
    check_history(seed, tmp_path)
