"""The ledger against the oracle, over random histories: late facts, voidings, repetitions, leap days, midnights, edges
of a microsecond, editions with other windows, caps and pooling, reviews.

The oracle (tests/oracle.py) counts by plain loops and was written without sight of the ledger's code.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest import mock

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.book import follow_row
from ledger.errors import Refused
from ledger.event import FIRST_PREV, leaf_hash
from ledger.fact import Fact
from ledger.instants import EPOCH
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.programmes.survey.events import membership_stream
from ledger.programmes.survey.programme import SURVEY
from ledger.programmes.survey.snapshot import dump_state, load_state
from ledger.programmes.survey.state import Membership
from ledger.store.base import Row
from ledger.writing import state_cache as states
from projections.questions.history import history as history_of
from projections.survey.reading import fold as fold_stream
from tests.oracle.survey.announcements import MAKES_A_FLIP, announcements, fold
from tests.oracle.survey.organisations import ABOUT_A_CUSTOMER
from tests.oracle.survey.status import Oracle
from tests.oracle.survey.time import MICROSECOND, instant, stamp
from tests.support.histories import ANSWERED_INVITATIONS, History, edges, histories, play, points
from tests.support.real_book import RealBook, as_json, micros, projected, real_book
from tests.support.soak import SOAK, scaled

LATER = datetime(2035, 1, 1, tzinfo=UTC)
NAMED = ("customer_org", "spelt", "also")


def retell(history: History, book: RealBook, known_spelling: bool = False) -> Oracle:
    """Tells the ledger and an oracle the same; every outcome must be the same."""
    oracle = Oracle()
    for fact, now in history:
        if fact is None:
            oracle.review(now)
            book.review(now)
        else:
            assert book.tell(fact, now, known_spelling) == oracle.record(fact, now, known_spelling), fact
    return oracle


def flip_of(announced: dict[str, Any]) -> dict[str, Any]:
    """What stays true of an announcement; its counts are those of the moment of its issue."""
    return {field: announced[field] for field in MAKES_A_FLIP}


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


@settings(max_examples=6_000 if SOAK else 100)
@given(histories(reviews=True, max_actions=20, names=True))
def test_every_fact_has_the_outcome_and_causes_the_announcements_that_the_oracle_says(history: History) -> None:
    with real_book() as book:
        oracle = retell(history, book)
        for membership in oracle.memberships():
            assert book.announced(membership) == announcements(oracle, membership)


@settings(max_examples=scaled(60))
@given(histories(max_actions=20, names=True), st.booleans())
def test_customers_stand_in_the_book_under_the_names_that_the_oracle_says(
    history: History, known_spelling: bool
) -> None:
    with real_book() as book:
        oracle = retell(history, book, known_spelling)
        for membership in oracle.memberships():
            facts = {one.fact["id"]: one for one in oracle.facts_of(membership)}
            for event in book.events(membership):
                one = facts.get(event.fact)
                if one is not None and one.type in ABOUT_A_CUSTOMER and event.type != "EligibilityChanged":
                    expected = {"customer_org": one.fact["customer_org"]}
                    expected |= {"spelt": True} if one.spelt else {}
                    expected |= {"also": list(one.also)} if one.also else {}
                    assert {name: event.data[name] for name in NAMED if name in event.data} == expected


@settings(max_examples=scaled(40))
@given(histories(reviews=True, max_actions=12, names=True))
def test_after_every_fact_what_stands_announced_is_the_true_history_up_to_the_horizon(history: History) -> None:
    oracle = Oracle()
    with real_book() as book:
        for fact, now in history:
            if fact is None:
                oracle.review(now)
                book.review(now)
            else:
                oracle.record(fact, now)
                book.tell(fact, now)
            for membership in oracle.memberships():
                standing = [one for one in fold(book.announced(membership)) if one["satisfied"] != one["previous"]]
                truth = oracle.true_history(membership, oracle.horizon(membership))
                assert [flip_of(one) for one in standing] == [flip_of(one) for one in truth]


@settings(max_examples=scaled(40))
@given(histories(mode="live", max_actions=20, names=True))
def test_a_clock_that_stops_at_every_edge_announces_each_change_at_its_own_instant(history: History) -> None:
    """After the last fact nothing may be overlooked by what the writer believes to be quiet."""
    with real_book() as book:
        oracle = retell(history, book)
        coming = sorted(
            {edge for name in oracle.memberships() for edge in edges(oracle, name) if edge > history[-1][1]}
        )
        for moment in coming[:12]:
            oracle.review(moment)
            book.review(moment)
            for membership in oracle.memberships():
                said = [
                    one["effective_at"]
                    for one in fold(book.announced(membership))
                    if one["satisfied"] != one["previous"]
                ]
                true = [flip["effective_at"] for flip in oracle.true_history(membership, oracle.horizon(membership))]
                assert said == true


@settings(max_examples=4_800 if SOAK else 80)
@given(st.data(), histories(reviews=True, max_actions=20, names=True))
def test_status_from_the_projection_is_that_of_the_stream_and_that_of_the_oracle(
    data: st.DataObject, history: History
) -> None:
    with real_book() as book:
        oracle = retell(history, book)
        with projected(book) as projection:
            assert projection.catch_up() == book.store.max_position()
            for membership in oracle.memberships():
                for _ in range(4):
                    at, known = data.draw(points(oracle, membership))
                    position = book.position_of(known)
                    answer = projection.status(membership, at, position)
                    assert answer == book.status_from_stream(membership, at, position)
                    assert answer["at"] == stamp(at)
                    assert answer["known_at"] == (book.store.max_position() if position is None else position)
                    assert without(answer, "at", "known_at") == oracle.status(membership, at, known)


@settings(max_examples=scaled(60))
@given(st.data(), histories(mode="live", reviews=True, max_actions=20, names=True))
def test_an_instant_as_known_at_stands_for_what_was_recorded_by_then(data: st.DataObject, history: History) -> None:
    with real_book() as book:
        oracle = retell(history, book)
        with projected(book) as projection:
            projection.catch_up()
            rows = [(row.position, PROGRAMMES.decode(row.stored).recorded_us) for row in book.feed()]
            recorded = sorted({moment_of(recorded_us) for _, recorded_us in rows} | {now for _, now in history})
            for membership in oracle.memberships():
                nudge = data.draw(st.sampled_from((-MICROSECOND, timedelta(0), MICROSECOND)))
                moment = data.draw(st.sampled_from(recorded)) + nudge
                position = book.position_at(moment)
                assert position == max((one for one, us in rows if moment_of(us) <= moment), default=0)
                known = book.known_at(position)
                if membership in oracle.memberships(known):
                    at, _ = data.draw(points(oracle, membership))
                    answer = projection.status(membership, at, position)
                    assert answer == book.status_from_stream(membership, at, position)
                    assert without(answer, "at", "known_at") == oracle.status(membership, at, known)


@settings(max_examples=scaled(40))
@given(histories(reviews=True, max_actions=20, names=True))
def test_the_history_that_the_projection_shows_is_the_fold_of_the_announcements(history: History) -> None:
    with real_book() as book:
        oracle = retell(history, book)
        with projected(book) as projection:
            projection.catch_up()
            for membership in oracle.memberships():
                names = ("effective_at", "satisfied", "via", "counted", "organisations", "cause")
                with projection.view() as view:
                    shown = [without(line, "position") for line in as_json(history_of(view, membership))]
                folded = [one for one in fold(announcements(oracle, membership)) if one["satisfied"] != one["previous"]]
                assert shown == [{name: one[name] for name in names} for one in folded]


@settings(max_examples=scaled(80))
@given(st.data(), histories(max_actions=20, names=True))
def test_decisions_are_those_of_the_oracle(data: st.DataObject, history: History) -> None:
    with real_book() as book:
        oracle = retell(history, book)
        for membership in oracle.memberships():
            ask_for_a_decision(data, oracle, book, membership)
            decided = [event for event in book.events(membership) if event.type == "RenewalDecided"]
            asked = [one for one in oracle.facts_of(membership) if one.type == "decide-renewal"]
            received = {
                event.data["response"]: event.seq
                for event in book.events(membership)
                if event.type == "ResponseReceived"
            }
            assert [event.fact for event in decided] == [one.fact["id"] for one in asked]
            for event, one in zip(decided, asked, strict=True):
                expected = oracle.decision(membership, one.fact["renewal_date"], one.number)
                del expected["membership"]
                for line in expected["applied"]:
                    line["seq"] = received[line["response"]]
                expected["applied_total"] = len(expected["applied"])
                expected["left_out_total"] = len(expected["left_out"])
                assert event.data == expected


def ask_for_a_decision(data: st.DataObject, oracle: Oracle, book: RealBook, membership: str) -> None:
    """About a day on which, or beside which, something happens."""
    moment = data.draw(st.sampled_from(edges(oracle, membership)))
    day = (moment.date() + timedelta(days=data.draw(st.sampled_from((0, 1, 1, 2))))).isoformat()
    for kind in ("set-renewal-date", "decide-renewal"):
        fact = {
            "type": kind,
            "id": f"{kind} {membership}",
            "membership": membership,
            "occurred_at": "2034-01-01T00:00:00Z",
            "renewal_date": day,
        }
        assert book.tell(fact, LATER) == oracle.record(fact, LATER)


# However it is recorded, the book is the same


def bytes_of(book: RealBook) -> list[Row]:
    return book.feed()


def check_chains(rows: list[Row]) -> None:
    """Positions are dense, each stream counts from 1 and names the leaf hash of its event before, bytes are canonical."""
    heads: dict[str, tuple[int, str]] = {}
    for place, row in enumerate(rows, start=1):
        stored = orjson.loads(row.stored)
        seq, head = heads.get(row.stream, (0, FIRST_PREV))
        assert (row.position, row.seq) == (place, seq + 1)
        named = ("stream", "seq", "type", "prev")
        assert tuple(stored[name] for name in named) == (row.stream, row.seq, row.type, head)
        assert orjson.dumps(stored, option=orjson.OPT_SORT_KEYS) == row.stored
        heads[row.stream] = (row.seq, leaf_hash(row.stored))


@settings(max_examples=scaled(60))
@given(histories(reviews=True, max_actions=20, names=True), st.integers(0, 1 << 30))
def test_snapshots_and_restarts_change_no_byte_of_the_book(history: History, seed: int) -> None:
    random = Random(seed)
    with real_book() as plain:
        retell(history, plain)
        expected = bytes_of(plain)
    check_chains(expected)
    with mock.patch.object(states, "SNAPSHOT_EVENTS_MIN", 3), real_book(cache_bytes_max=1) as book:
        for fact, now in history:
            if fact is None:
                book.review(now)
            else:
                book.tell(fact, now)
            if random.random() < 0.2:
                book.reopen()
        assert bytes_of(book) == expected


@settings(max_examples=scaled(60))
@given(histories(reviews=True, max_actions=20, names=True), st.integers(0, 1 << 30))
@example([(fact, instant("2025-03-02T00:00:00Z")) for fact in ANSWERED_INVITATIONS], 2)
def test_two_writers_in_turn_write_what_one_writes(history: History, seed: int) -> None:
    random = Random(seed)
    with real_book() as plain:
        retell(history, plain)
        expected = bytes_of(plain)
    with real_book() as book:
        writers = [book.writer, book.new_writer()]
        for fact, now in history:
            book.writer = random.choice(writers)
            if fact is None:
                book.review(now)
            else:
                book.tell(fact, now)
        assert bytes_of(book) == expected


@settings(max_examples=scaled(60))
@given(histories(mode="batch", max_actions=20, names=True), st.integers(0, 1 << 30))
def test_it_makes_no_difference_in_which_batches_facts_are_recorded(history: History, seed: int) -> None:
    random = Random(seed)
    facts = [fact for fact, _ in history if fact is not None]
    now = max(now for _, now in history)
    well_formed: list[Fact] = []
    for fact in facts:
        try:
            well_formed.append(fact_from_object(fact))
        except Refused:
            continue
    books = []
    for cuts in (
        list(range(len(well_formed))),
        [],
        sorted(random.sample(range(len(well_formed)), len(well_formed) // 4)),
    ):
        with real_book() as book:
            book.now_us = micros(now)
            outcomes = []
            for first, last in zip([0, *cuts], [*cuts, len(well_formed)], strict=True):
                outcomes += book.record(well_formed[first:last])
            books.append(([outcome[:4] for outcome in outcomes], [untimed(row) for row in book.feed()]))
    assert books[0] == books[1] == books[2]


def untimed(row: Row) -> tuple[Any, ...]:
    """All of an event but when it was recorded, which each transaction has for itself, and what is hashed with that."""
    return (*row[:4], without(orjson.loads(row.stored), "recorded_at", "prev"))


def moment_of(instant_us: int) -> datetime:
    return EPOCH + instant_us * MICROSECOND


def contents_of(state: Membership) -> dict[str, Any]:
    """All that a state holds, in plain values; organisations with nothing left are nothing."""
    evidence = state.evidence
    return {
        **{name: getattr(state, name) for name in ("seq", "head", "enrolled", "first_position", "horizon_us")},
        **{name: getattr(state, name) for name in ("renewals", "consents", "invitations", "responses", "evaluations")},
        "announced": [tuple(entry) for entry in state.announced],
        "voided": (state.voided.instants, state.voided.responses),
        "evaluated": evidence.evaluations.instants,
        "levels": [tuple(entry) for entry in evidence.levels.entries],
        "learning": [tuple(entry) for entry in evidence.learning.entries],
        "names": list(state.organisations.folds()),
        "groups": {name: state.organisations.names_of(name) for name in state.organisations},
        "joins": {frozenset(pair) for pair in state.organisations.joins()},
        "locations": {
            name: (
                pool.receipts.instants,
                {org: (kept.instants, kept.responses) for org, kept in pool.organisations.items() if kept.instants},
                {name: (kept.instants, kept.responses) for name, kept in pool.names.items() if kept.instants},
            )
            for name, pool in evidence.locations.items()
        },
    }


@settings(max_examples=scaled(60))
@given(histories(max_actions=20, names=True))
def test_a_state_survives_being_written_down(history: History) -> None:
    with real_book() as book:
        oracle = retell(history, book)
        for membership in oracle.memberships():
            state = fold_stream(book.store, membership)
            loaded = load_state(dump_state(state))
            assert loaded is not None
            assert contents_of(loaded) == contents_of(state)
            assert list(loaded.evidence.locations) == list(state.evidence.locations)


@settings(max_examples=scaled(60))
@given(histories(max_actions=20, names=True), st.integers(0, 1 << 30))
def test_a_state_that_was_written_down_is_written_down_again_with_all_that_changed_since(
    history: History, seed: int
) -> None:
    """After any of its events; what nobody asked for since is not looked at again, so it must still be there."""
    random = Random(seed)
    with real_book() as book:
        for membership in retell(history, book).memberships():
            state = Membership()
            for row in book.store.read_stream(membership_stream(membership)):
                follow_row(PROGRAMMES, SURVEY, state, row)
                if random.random() < 0.3:
                    loaded = load_state(dump_state(state))
                    assert loaded is not None
                    state = loaded
            written = load_state(dump_state(state))
            assert written is not None
            assert contents_of(written) == contents_of(fold_stream(book.store, membership))


def facts_that_any_order_accepts(oracle: Oracle) -> tuple[list[Any], list[Any]]:
    """Enrolments first; then what needs nothing else, and is not told apart by the order of the ledger alone."""
    first, rest, instants = [], [], set()
    for one in oracle.accepted:
        if one.type in ("enrol-membership", "add-location"):
            first.append(one.fact)
        place: tuple[Any, ...] = (one.number,)
        if one.type in ("enrol-membership", "update-membership"):
            place = (one.fact["membership"], one.occurred_at)
        if one.type == "publish-rulebook":
            place = ("programme", instant(one.fact["effective_from"]))
        free = one.type in ("record-response", "record-evaluation", "update-membership", "publish-rulebook")
        if free and place not in instants:
            located = {"location": one.location} if one.location else {}
            rest.append({**without(one.fact, "invitation", "location"), **located})
        instants.add(place)
    return first, rest


@settings(max_examples=scaled(30))
@given(histories(max_actions=15), st.integers(0, 1 << 30))
def test_in_whatever_order_the_same_facts_come_the_same_history_stands_in_the_end(history: History, seed: int) -> None:
    oracle = play(history)
    first, rest = facts_that_any_order_accepts(oracle)
    found = []
    for shuffled in (rest, Random(seed).sample(rest, len(rest))):
        with real_book() as book:
            for fact in (*first, *shuffled):
                assert book.tell(fact, LATER) == ("accepted", None), fact
            book.review(LATER)
            found.append(
                [
                    [flip_of(one) for one in fold(book.announced(name)) if one["satisfied"] != one["previous"]]
                    for name in oracle.memberships()
                ]
            )
    assert found[0] == found[1]
