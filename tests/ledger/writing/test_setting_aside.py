"""An event that cannot be read holds up its own stream, and no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from ledger.book import position_at, recorded_us_by
from ledger.errors import BrokenHistory
from ledger.event import leaf_hash
from ledger.fact import Fact
from ledger.instants import BEGINNING_US, END_US, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.programmes.survey import state as membership
from ledger.programmes.survey.events import membership_of
from ledger.store.base import Aside, NewRow
from ledger.store.sqlite_tables import EVENTS_TRIGGERS
from ledger.writing.setting_aside import RETRY_S, SET_ASIDE_CODE, Tries
from ledger.writing.writer import Outcome, Writer
from tests.oracle.survey.book import FIGURES
from tests.support.real_book import RealBook, real_book

NOW_US = parse_instant("2020-01-01T00:00:00Z")
RESPONSES = 12


def fact(kind: str, fact_id: str, when: str, **fields: Any) -> Fact:
    return fact_from_object({"type": kind, "id": fact_id, "occurred_at": when, **fields})


def enrolment(membership: str) -> Fact:
    return fact(
        "enrol-membership", f"{membership}-e", "2010-01-01T00:00:00Z", membership=membership, name="C", level="gold"
    )


def response(membership: str, number: int, day: str = "2019-06") -> Fact:
    return fact(
        "record-response",
        f"{membership}-{number}",
        f"{day}-{number + 1:02d}T00:00:00Z",
        membership=membership,
        response=f"{membership}-r-{number}",
        customer_org="adatum" if number % 2 else "fabrikam",
    )


def history(membership: str) -> list[Fact]:
    return [enrolment(membership), *(response(membership, number) for number in range(RESPONSES))]


def edition(name: str, effective_from: str) -> Fact:
    fields = {**FIGURES, "edition": name, "effective_from": effective_from, "window_months": 12, "min_responses": 3}
    return fact("publish-rulebook", name, "2009-01-01T00:00:00Z", **fields)


@pytest.fixture
def book() -> Iterator[RealBook]:
    """Memberships a, b and c, each satisfied from June 2019 until June 2020; the writer knows nothing of them."""
    with real_book() as opened:
        opened.now_us = NOW_US
        for membership in "abc":
            opened.record(history(membership))
        opened.reopen()
        yield opened


def overwrite(book: RealBook, position: int, stored: Any, column: str = "state") -> None:
    """What damaged bytes, or somebody with the file, would do: past the ledger and its triggers."""
    with sqlite3.connect(book.path) as raw:
        raw.execute("DROP TRIGGER events_no_update")
        value = "?" if column in ("state", "originator_version") else "CAST(? AS TEXT)"
        raw.execute(f"UPDATE events SET {column} = {value} WHERE position = ?", (stored, position))
        raw.execute(EVENTS_TRIGGERS[0].format(table="events"))
    raw.close()


def append_by_a_newer_program(book: RealBook, membership: str, event_type: str = "SurveyHalted", v: int = 1) -> int:
    """An event that only a newer program knows, properly chained."""
    rows = list(book.store.read_stream(f"membership-{membership}"))
    event = orjson.loads(rows[-1].stored)
    event |= {"type": event_type, "v": v, "seq": len(rows) + 1, "prev": leaf_hash(rows[-1].stored), "data": {}}
    position = book.store.max_position() + 1
    stored = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    with book.store.writing() as transaction:
        transaction.append([NewRow(position, rows[0].stream, len(rows) + 1, event_type, stored, None, None)])
    return position


def position_of(book: RealBook, membership: str, seq: int) -> int:
    return next(book.store.read_stream(f"membership-{membership}", seq - 1)).position


def outcomes(book: RealBook, *facts: Fact) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.code) for outcome in book.writer.record(facts)]


def announced(book: RealBook, membership: str) -> list[tuple[str, bool]]:
    events = [PROGRAMMES.decode(row.stored) for row in book.store.read_type("EligibilityChanged", 0, 1_000)]
    return [
        (one.data["effective_at"], one.data["satisfied"]) for one in events if membership_of(one.stream) == membership
    ]


PUT_OFF = ("put-off", SET_ASIDE_CODE)
ACCEPTED = ("accepted", None)


@pytest.mark.parametrize(("event_type", "v"), [("SurveyHalted", 1), ("ResponseReceived", 99)])
def test_an_event_of_a_newer_program_puts_off_the_facts_of_its_membership_and_of_no_other(
    book: RealBook, event_type: str, v: int
) -> None:
    position = append_by_a_newer_program(book, "a", event_type, v)
    assert outcomes(book, response("a", 20), response("b", 20), edition("next", "2030-01-01T00:00:00Z")) == [
        PUT_OFF,
        ACCEPTED,
        ACCEPTED,
    ]
    (aside,) = book.store.set_aside()
    assert (aside.stream, aside.position) == ("membership-a", position)
    assert f"version {v}" in aside.reason


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("state", b"\x00\xff"),
        ("state", b"{}"),
        ("state", b"[1]"),
        ("state", "a text where bytes should be"),
        ("originator_version", 4711),
        ("originator_id", b"\xff\xfe"),
        ("topic", b"\xff\xfe"),
        ("fact", b"\xff\xfe"),
    ],
)
def test_damaged_bytes_in_the_middle_of_a_stream_set_it_aside(book: RealBook, column: str, stored: Any) -> None:
    overwrite(book, position_of(book, "a", 5), stored, column)
    read_all_the_same = column in ("topic", "fact")  # they only stand beside the bytes that are hashed
    assert outcomes(book, response("a", 20), response("b", 20)) == [
        ACCEPTED if read_all_the_same else PUT_OFF,
        ACCEPTED,
    ]
    past = edition("past", "2019-01-01T00:00:00Z")
    assert outcomes(book, past) == [ACCEPTED if read_all_the_same else PUT_OFF]
    assert book.writer.review().set_aside == int(not read_all_the_same)


def test_a_changed_letter_that_still_is_an_event_is_found_by_the_chain(book: RealBook) -> None:
    position = position_of(book, "a", 5)
    (row,) = book.store.read_feed(position - 1, 1)
    overwrite(book, position, row.stored.replace(b"adatum", b"adatun").replace(b"fabrikam", b"fabrikan"))
    assert outcomes(book, response("a", 20), response("b", 20)) == [PUT_OFF, ACCEPTED]


def test_a_review_goes_on_past_a_stream_that_cannot_be_read_and_says_so(book: RealBook) -> None:
    append_by_a_newer_program(book, "a")
    book.now_us = parse_instant("2021-01-01T00:00:00Z")
    for _ in range(2):  # the second time nothing is due, and nothing waits in a loop
        done = book.writer.review()
        assert done.set_aside == 1
    assert [satisfied for _, satisfied in announced(book, "b")] == [True, False]
    assert [satisfied for _, satisfied in announced(book, "c")] == [True, False]
    assert [satisfied for _, satisfied in announced(book, "a")] == [True]
    assert book.store.next_due() == END_US


def test_the_last_event_of_the_book_may_be_damaged_and_every_writer_goes_on(book: RealBook) -> None:
    recorded_us = recorded_us_by(book.store, book.store.max_position())
    last = book.store.last_event()
    assert last is not None
    overwrite(book, last.position, b"nothing")
    book.now_us = 0
    assert outcomes(book, fact("enrol-membership", "d", "1970-01-01T00:00:00Z", membership="d", name="D", level="gold"))
    assert recorded_us_by(book.store, book.store.max_position()) >= recorded_us


def test_an_instant_stands_for_a_position_past_events_that_do_not_say_when_they_were_recorded(book: RealBook) -> None:
    end = book.store.max_position()
    for position in range(end - 5, end + 1):
        overwrite(book, position, b"nothing")
    assert position_at(book.store, NOW_US + 1_000) == end
    assert position_at(book.store, NOW_US - 1) == 0
    overwrite(book, 1, b"nothing")
    assert recorded_us_by(book.store, 1) == BEGINNING_US


def test_mended_bytes_are_taken_up_by_the_running_writer_with_what_was_missed(book: RealBook) -> None:
    position = position_of(book, "a", 5)
    (row,) = book.store.read_feed(position - 1, 1)
    overwrite(book, position, b"nothing")
    assert outcomes(book, response("a", 20)) == [PUT_OFF]
    book.now_us = parse_instant("2021-01-01T00:00:00Z")
    assert book.writer.review().set_aside == 1
    overwrite(book, position, row.stored)
    assert book.writer.review().set_aside == 0
    assert book.store.set_aside() == []
    assert announced(book, "a") == [(at, satisfied) for at, satisfied in announced(book, "b")]
    assert outcomes(book, response("a", 20)) == [ACCEPTED]


def test_a_fact_is_enough_to_take_its_stream_up_again(book: RealBook) -> None:
    position = position_of(book, "a", 5)
    (row,) = book.store.read_feed(position - 1, 1)
    overwrite(book, position, b"nothing")
    book.now_us = parse_instant("2021-01-01T00:00:00Z")
    book.writer.review()
    overwrite(book, position, row.stored)
    assert outcomes(book, response("a", 20, "2020-12")) == [ACCEPTED]
    assert [satisfied for _, satisfied in announced(book, "a")] == [True, False]  # what the review had to leave out
    assert book.store.set_aside() == []


def test_what_was_reviewed_further_than_all_others_is_taken_up_all_the_same(book: RealBook) -> None:
    """Whoever has the database can write such a line; it stops nobody."""
    with book.store.writing() as transaction:
        transaction.save_set_aside([Aside("membership-a", 5, "why", (1 << 63) - 1)])
    book.reopen()
    assert outcomes(book, response("a", 20), response("b", 20)) == [ACCEPTED, ACCEPTED]
    assert book.store.set_aside() == []


def test_a_newer_program_takes_up_what_an_older_one_set_aside(book: RealBook, monkeypatch: pytest.MonkeyPatch) -> None:
    append_by_a_newer_program(book, "a", "SurveyHalted")
    book.writer.review()
    monkeypatch.setitem(PROGRAMMES.events.versions, "SurveyHalted", 1)
    monkeypatch.setitem(membership._EVOLVE, "SurveyHalted", lambda _state, _event: None)
    newer = Writer(book.store, lambda: book.now_us, PROGRAMMES)
    assert newer.review().set_aside == 0
    assert [outcome.status for outcome in newer.record([response("a", 20)])] == ["accepted"]


def test_what_another_process_set_aside_and_this_one_has_at_hand_is_taken_up(book: RealBook) -> None:
    assert outcomes(book, response("a", 20)) == [ACCEPTED]
    with book.store.writing() as transaction:
        transaction.save_set_aside([Aside("membership-a", 4, "an older program", NOW_US)])
    assert outcomes(book, response("a", 21)) == [ACCEPTED]
    assert book.store.set_aside() == []


def test_an_edition_of_the_past_waits_for_the_mend_and_one_of_the_future_does_not(book: RealBook) -> None:
    position = position_of(book, "c", 5)
    (row,) = book.store.read_feed(position - 1, 1)
    overwrite(book, position, b"nothing")
    before = {membership: announced(book, membership) for membership in "ab"}
    past = edition("past", "2019-01-01T00:00:00Z")
    assert outcomes(book, past, response("b", 20), edition("next", "2030-01-01T00:00:00Z")) == [
        PUT_OFF,
        ACCEPTED,
        ACCEPTED,
    ]
    assert {membership: announced(book, membership) for membership in "ab"} == before
    overwrite(book, position, row.stored)
    assert outcomes(book, past) == [ACCEPTED]
    assert {len(announced(book, membership)) for membership in "abc"} == {2}


def test_duplicates_of_a_stream_that_cannot_be_read_are_known_all_the_same(book: RealBook) -> None:
    append_by_a_newer_program(book, "a")
    assert outcomes(book, response("a", 3)) == [("duplicate", None)]


def test_an_unreadable_edition_stops_every_decision_with_a_sentence_that_says_so(book: RealBook) -> None:
    overwrite(book, 2, b"nothing")
    with pytest.raises(
        BrokenHistory, match=r"stream programme cannot be read from position 2 on, .* nothing can be decided"
    ):
        book.writer.record([response("b", 20)])


def test_a_stream_that_is_due_without_any_event_is_forgotten(book: RealBook) -> None:
    with book.store.writing() as transaction:
        transaction.save_due([("membership-of-another-book", 5)])
    assert book.writer.review().set_aside == 0
    assert "membership-of-another-book" not in dict(book.store.read_due())


def test_reviews_of_positions_that_the_book_does_not_have_do_not_count(book: RealBook) -> None:
    with book.store.writing() as transaction:
        transaction.save_reviews([(parse_instant("2021-01-01T00:00:00Z"), book.store.max_position() + 1)])
    book.now_us = parse_instant("2021-01-01T00:00:00Z")
    book.writer.review()
    assert [satisfied for _, satisfied in announced(book, "a")] == [True, False]


@pytest.mark.parametrize("damage", [b"", b"nothing", b'{"format":1}', b"[]"])
def test_a_snapshot_that_cannot_be_read_is_none(book: RealBook, damage: bytes) -> None:
    with book.store.writing() as transaction:
        transaction.save_snapshots([("membership-a", 5, damage)])  # type: ignore[list-item]
    assert outcomes(book, response("a", 20)) == [ACCEPTED]


def test_a_writer_notices_that_an_older_copy_of_its_book_was_restored_and_has_grown_another_way(
    book: RealBook,
) -> None:
    assert outcomes(book, response("a", 20)) == [ACCEPTED]
    restored = book.store.max_position() - 1
    with sqlite3.connect(book.path) as raw:
        raw.execute("DROP TRIGGER events_no_delete")
        raw.execute("DELETE FROM events WHERE position > ?", (restored,))
    raw.close()
    other = Writer(book.store, lambda: book.now_us, PROGRAMMES)
    assert [outcome.status for outcome in other.record([response("b", 21)])] == ["accepted"]
    assert book.store.max_position() == restored + 1  # the same position, another event
    found = book.writer.record([response("a", 20), response("b", 22)])
    assert [(outcome.status, outcome.position) for outcome in found] == [
        ("accepted", restored + 2),
        ("accepted", restored + 3),
    ]
    seqs = [(row.stream, row.seq) for row in book.store.read_feed(restored, 10)]
    assert seqs == [("membership-b", 15), ("membership-a", 15), ("membership-b", 16)]


def test_a_try_is_made_again_when_the_event_has_changed_and_now_and_then_besides(book: RealBook) -> None:
    seconds = [0.0]
    tries = Tries(lambda: seconds[0])
    aside = Aside("membership-a", 5, "why", 0)
    assert tries.worth_it(book.store, aside)
    tries.failed(book.store, aside.stream, aside.position)
    assert not tries.worth_it(book.store, aside)
    overwrite(book, 5, b"other")
    assert tries.worth_it(book.store, aside)
    tries.failed(book.store, aside.stream, aside.position)
    seconds[0] = RETRY_S
    assert tries.worth_it(book.store, aside)


def test_an_outcome_that_is_put_off_names_the_stream_and_says_that_it_can_come_again(book: RealBook) -> None:
    position = append_by_a_newer_program(book, "a")
    outcome: Outcome
    (outcome,) = book.writer.record([response("a", 20)])
    assert outcome.sentence is not None
    assert outcome.sentence.startswith(f"membership-a is set aside, since its event at position {position} cannot")
    assert outcome.sentence.endswith("can be handed in again once that is mended")
    assert outcome.position == 0
