"""A seeded run in which processes are killed at random moments while they record, review, project and rebuild."""

from __future__ import annotations

import os
import random
from pathlib import Path

from console.demo.survey import generate
from ledger.errors import Refused
from ledger.fact import Fact
from ledger.instants import parse_instant
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
from tests.simulation.lives import a_moment, live_until_killed, projecting, recording, reviewing

KILLS = 2_000 if os.environ.get("CSAT_LEDGER_TEST_SOAK") else 110
SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20101101"))
NOW_US = parse_instant("2016-01-01T00:00:00Z")


def well_formed_facts(seed: int) -> list[Fact]:
    """A small programme with late, doubled, voided and refused facts."""
    facts = []
    for _, content in generate(seed, memberships=12):
        try:
            facts.append(fact_from_object(content))
        except Refused:
            continue
    return facts


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
    facts = well_formed_facts(SEED)
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
            life = reviewing(path, NOW_US - seeded.randrange(5 * 365) * 86_400_000_000)
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
    outcomes = writer.record(facts)
    writer.review(NOW_US)
    calm = SQLiteStore(tmp_path / "calm.db")
    calm_writer = Writer(calm, lambda: NOW_US, PROGRAMMES, rehearsal=True)
    expected = calm_writer.record(facts)
    calm_writer.review(NOW_US)
    assert {f.id for f, o in zip(facts, outcomes, strict=True) if o.status == "refused"} == {
        f.id for f, o in zip(facts, expected, strict=True) if o.status == "refused"
    }
    memberships = [name.removeprefix("membership-") for name in store.stream_names() if name != "programme"]
    assert memberships == [name.removeprefix("membership-") for name in calm.stream_names() if name != "programme"]
    for membership in memberships:
        for _ in replay(store, membership):
            pass  # the chain is checked on the way
    assert statuses(store, memberships) == statuses(calm, memberships)
    database = SQLiteDatabase(f"{path}.projections")
    runner = Runner(store, database, all_projections())
    runner.catch_up()
    assert set(runner.rebuild().values()) == {0}
    calm_database = SQLiteDatabase(f"{tmp_path / 'calm.db'}.projections")
    Runner(calm, calm_database, all_projections()).catch_up()
    with view(database) as seen, view(calm_database) as expected_view:
        for membership in memberships:
            one, other = history(seen, membership), history(expected_view, membership)
            flips = [[(e.effective_at, e.satisfied, e.counted) for e in without_no_ops(h)] for h in (one, other)]
            assert flips[0] == flips[1], membership
        assert participation(seen, None, "month") == participation(expected_view, None, "month")
    for thing in (database, calm_database, store, calm):
        thing.close()
    print(f"{kills} kills survived, {len(acknowledged)} facts acknowledged on the way")


def without_no_ops(changes: list[Change]) -> list[Change]:
    """Without the entries that only took the place of what is none any more."""
    kept, satisfied = [], False
    for change in changes:
        if change.satisfied != satisfied:
            kept.append(change)
            satisfied = change.satisfied
    return kept
