"""A seeded run in which processes are killed at random moments while they record, review, project and rebuild.

The book holds both programmes. Some of the memberships of the survey have designations as well.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from console.demo.survey import generate
from ledger.errors import Refused
from ledger.fact import Fact
from ledger.instants import DAY_US, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from projections.database import SQLiteDatabase
from projections.questions.history import Change, history
from projections.questions.participation import participation
from projections.questions.status import Status, status_from_evidence
from projections.questions.view import view
from projections.registry import all_projections
from projections.runner import Runner
from projections.survey.reading import fold, read_rulebook, replay
from tests.ledger.seal.support import Ledger
from tests.oracle.capability.book import instant
from tests.simulation.lives import a_moment, live_until_killed, projecting, recording, reviewing
from tests.support.designations import (
    NOW,
    NOW_US,
    designation_facts,
    side_by_side,
)
from tests.support.designations_checked import designation_streams, require_as_the_oracle

KILLS = 2_000 if os.environ.get("CSAT_LEDGER_TEST_SOAK") else 110
SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20101101"))
REVIEWED_DAYS = 14 * 365
"""So far back a review may reach: into the middle of the survey."""


def surveyed(seed: int) -> list[Fact]:
    """A small programme with late, doubled, voided and refused facts."""
    facts = []
    for _, content in generate(seed, memberships=12):
        try:
            facts.append(fact_from_object(content))
        except Refused:
            continue
    return facts


def designated(seed: int, memberships: list[str]) -> list[dict[str, Any]]:
    """Facts about designations of one of the same memberships, and of one that is in no survey."""
    return designation_facts(random.Random(seed), [memberships[0], "in-no-survey"])


def statuses(store: SQLiteStore, memberships: list[str]) -> list[Status]:
    """Where everybody stands at a few instants, from the streams."""
    rulebook = read_rulebook(store)
    answers = []
    for membership in memberships:
        state = fold(store, membership)
        for at in ("2011-03-01T00:00:00Z", "2013-04-01T00:00:00Z", "2014-06-30T12:00:00Z"):
            answer = status_from_evidence(membership, state.evidence, rulebook, parse_instant(at), 0, state.renewals)
            answers.append(answer)
    return answers


def test_whatever_is_killed_every_fact_is_in_exactly_once_and_projections_equal_a_rebuild(tmp_path: Path) -> None:
    print(f"CSAT_LEDGER_TEST_SEED={SEED}")
    seeded = random.Random(SEED)
    survey = surveyed(SEED)
    designations = designated(SEED, sorted({fact.membership for fact in survey if hasattr(fact, "membership")}))
    others = [fact_from_object(fact) for fact in designations]
    facts = list(side_by_side(seeded, [survey, others]))
    path = tmp_path / "killed.db"
    acknowledged: set[str] = set()
    kills = place = 0
    while kills < KILLS:
        kind = seeded.random()
        if kind < 0.6:
            batch = seeded.choice((1, 7, 50, 400))
            start = max(0, place - seeded.randrange(200))  # sent again from somewhere before: duplicates
            life = recording(path, facts, start, batch, NOW_US)
        elif kind < 0.75:
            life = reviewing(path, NOW_US - seeded.randrange(REVIEWED_DAYS) * DAY_US)
        else:
            life = projecting(path, rebuild=kind > 0.88)
        killed, acks = live_until_killed(life, a_moment(seeded))
        kills += killed
        acknowledged |= set(acks)
        place = max((index for index, fact in enumerate(facts) if fact.id in acknowledged), default=0)
        if place > len(facts) * 0.9:
            place = 0
    store = SQLiteStore(path)
    recorded = {row[0] for row in store.recorder.datastore.pool._create_connection()._sqlite_conn.execute(
        "SELECT fact FROM events WHERE fact IS NOT NULL")}  # fmt: skip
    lost = acknowledged - recorded
    assert not lost, f"acknowledged but not in the book: {sorted(lost)[:5]}"

    # Whatever is missing still is sent again, and then all is as if nobody had been killed.
    writer = Writer(store, lambda: NOW_US, PROGRAMMES, rehearsal=True)
    refused = refused_by(writer, facts)
    calm = SQLiteStore(tmp_path / "calm.db")
    calm_writer = Writer(calm, lambda: NOW_US, PROGRAMMES, rehearsal=True)
    assert refused == refused_by(calm_writer, survey) | refused_by(calm_writer, in_the_order_of(store, others))
    for one in (writer, calm_writer):
        one.review(NOW_US)
    compare_surveys(store, calm)
    compare_designations(store, calm, designations)
    compare_projections(store, calm)
    audited(store, tmp_path / "log")
    for thing in (store, calm):
        thing.close()
    print(f"{kills} kills survived, {len(acknowledged)} of {len(facts)} facts acknowledged on the way")


def refused_by(writer: Writer, facts: list[Fact]) -> set[str]:
    """Tells facts until no more are accepted; those that are refused in the end."""
    while True:
        outcomes = writer.record(facts)
        if all(outcome.status != "accepted" for outcome in outcomes):
            return {fact.id for fact, outcome in zip(facts, outcomes, strict=True) if outcome.status == "refused"}


def in_the_order_of(store: SQLiteStore, facts: list[Fact]) -> list[Fact]:
    """Facts as they came into a book in the end, then those that are in none.

    What was refused before a kill may have been accepted when it was sent again, after others.
    """
    places = {PROGRAMMES.decode(row.stored).fact: row.position for row in reversed(store.read_feed(0, 1_000_000))}
    return sorted(facts, key=lambda fact: places.get(fact.id, len(places) + 1_000_000))


def compare_surveys(store: SQLiteStore, calm: SQLiteStore) -> None:
    memberships = surveyed_in(store)
    assert memberships == surveyed_in(calm)
    for membership in memberships:
        for _ in replay(store, membership):
            pass  # the chain is checked on the way
    assert statuses(store, memberships) == statuses(calm, memberships)


def surveyed_in(store: SQLiteStore) -> list[str]:
    prefix = "membership-"
    return [name.removeprefix(prefix) for name in store.stream_names() if name.startswith(prefix)]


def compare_designations(store: SQLiteStore, calm: SQLiteStore, told: list[dict[str, Any]]) -> None:
    """What stands in their streams but for announcements, which go by the reviews as well; those as the oracle has them."""
    for stream in designation_streams(store):
        one, other = (
            [
                (event.type, event.occurred_us, event.fact, event.data)
                for event in (PROGRAMMES.decode(row.stored) for row in book.read_stream(stream))
                if event.type != "DesignationChanged"
            ]
            for book in (store, calm)
        )
        assert one == other, stream
    found = require_as_the_oracle(store, told, instant(NOW))
    assert designation_streams(store) == designation_streams(calm)
    assert require_as_the_oracle(calm, told, instant(NOW))["flips"] == found["flips"] > 10
    assert found["DesignationDecided"] > 3
    print(dict(found))


def compare_projections(store: SQLiteStore, calm: SQLiteStore) -> None:
    database = SQLiteDatabase(f"{store.name}.projections")
    runner = Runner(store, database, all_projections())
    runner.catch_up()
    assert set(runner.rebuild().values()) == {0}
    calm_database = SQLiteDatabase(f"{calm.name}.projections")
    Runner(calm, calm_database, all_projections()).catch_up()
    with view(database) as seen, view(calm_database) as expected_view:
        for membership in surveyed_in(store):
            one, other = history(seen, membership), history(expected_view, membership)
            flips = [[(e.effective_at, e.satisfied, e.counted) for e in without_no_ops(h)] for h in (one, other)]
            assert flips[0] == flips[1], membership
        assert participation(seen, None, "month") == participation(expected_view, None, "month")
    for one_database in (database, calm_database):
        one_database.close()


def audited(store: SQLiteStore, folder: Path) -> None:
    """The log over what was killed so often is confirmed, every rule of both programmes included."""
    ledger = Ledger(store, folder)
    ledger.seal()
    report = ledger.audit()
    assert (report.verdict, report.findings) == ("confirmed", [])
    assert report.decisions > 3


def without_no_ops(changes: list[Change]) -> list[Change]:
    """Without the entries that only took the place of what is none any more."""
    kept, satisfied = [], False
    for change in changes:
        if change.satisfied != satisfied:
            kept.append(change)
            satisfied = change.satisfied
    return kept
