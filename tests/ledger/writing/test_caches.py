"""What the writer keeps beside the events (when each is due, snapshots) can be lost or edited, and is built again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import orjson
import pytest

from console.demo.survey import generate
from ledger.book import follow_row, read_rules
from ledger.errors import Refused
from ledger.instants import END_US, parse_instant
from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.programme import is_subject
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import Snapshot
from ledger.writing.checking import snapshot_differences
from tests.console.designation_story import qualified
from tests.ledger.writing.test_setting_aside import announced, history
from tests.support.designations import NOW_US, designation_facts
from tests.support.real_book import RealBook, real_book

BEFORE_US = parse_instant("2019-07-01T00:00:00Z")
AFTER_US = parse_instant("2020-07-01T00:00:00Z")
"""Memberships are satisfied from June 2019 until June 2020."""
FALL = ("2020-06-03T00:00:00.000000Z", False)


def edit(book: RealBook, statement: str, *values: Any) -> None:
    with sqlite3.connect(book.path) as raw:
        raw.execute(statement, values)
    raw.close()


def delete_row(book: RealBook) -> None:
    edit(book, "DELETE FROM due WHERE stream = 'membership-a'")


def delete_all(book: RealBook) -> None:
    edit(book, "DELETE FROM due")


def move_later(book: RealBook) -> None:
    edit(book, "UPDATE due SET at_us = ?", END_US)


def move_reviews(book: RealBook) -> None:
    edit(
        book,
        "INSERT OR REPLACE INTO ledger_meta VALUES ('reviews', ?)",
        f"[[{END_US - 1},{book.store.max_position()}]]",
    )


@pytest.fixture
def book() -> Iterator[RealBook]:
    with real_book() as opened:
        opened.now_us = BEFORE_US
        for membership in "abc":
            opened.record(history(membership))
        opened.writer.review()
        opened.reopen()
        yield opened


@pytest.mark.parametrize("lose", [delete_row, delete_all])
def test_a_fall_is_announced_although_the_row_that_says_when_is_gone(
    book: RealBook, lose: Callable[[RealBook], None]
) -> None:
    due = book.store.read_due()
    lose(book)
    book.now_us = AFTER_US
    book.writer.review()
    assert [announced(book, membership)[-1] for membership in "abc"] == [FALL] * 3
    assert [stream for stream, _ in book.store.read_due()] == [stream for stream, _ in due]


def test_a_fall_is_announced_although_reviews_went_past_it_while_the_row_was_gone(
    book: RealBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.writer.review()
    delete_row(book)
    book.now_us = AFTER_US
    book.writer.review()  # within the time in which it does not look for missing rows
    assert announced(book, "a")[-1] != FALL
    monkeypatch.setattr("ledger.writing.writer.LOOK_FOR_UNNOTICED_S", 0.0)
    book.writer.review()
    assert announced(book, "a")[-1] == FALL


@pytest.mark.parametrize("change", [move_later, move_reviews, delete_row])
def test_working_out_anew_finds_what_is_due_later_than_it_should_be(
    book: RealBook, change: Callable[[RealBook], None]
) -> None:
    due = book.store.read_due()
    change(book)
    book.now_us = AFTER_US
    built = book.writer.rebuild()
    assert built.subjects == 3
    book.writer.review()
    assert [announced(book, membership)[-1] for membership in "abc"] == [FALL] * 3
    assert due != book.store.read_due()


def test_working_out_anew_changes_nothing_where_all_is_as_it_should_be(book: RealBook) -> None:
    due, position = book.store.read_due(), book.store.max_position()
    built = book.writer.rebuild()
    assert (built.subjects, built.moved, built.announced) == (3, 0, 0)
    assert (book.store.read_due(), book.store.max_position()) == (due, position)


# Snapshots


EVALUATIONS = 1_100


def evaluation(number: int) -> Any:
    return fact_from_object(
        {
            "type": "record-evaluation",
            "id": f"e-{number}",
            "membership": "a",
            "occurred_at": "2019-06-20T00:00:00Z",
            "evaluation": f"e-{number}",
        }
    )


@pytest.fixture
def long_book(book: RealBook) -> RealBook:
    """Membership a has so many events that its state is kept as a snapshot."""
    book.record([evaluation(number) for number in range(EVALUATIONS)])
    book.reopen()
    assert book.store.read_snapshots()
    return book


def edit_snapshot(book: RealBook, change: Callable[[dict[str, Any]], Any]) -> None:
    (snapshot,) = book.store.read_snapshots()
    state = orjson.loads(snapshot.state)
    edited = change(state)
    edit(book, "UPDATE snapshots SET state = ?", edited if isinstance(edited, bytes) else orjson.dumps(state))


def _earlier(state: dict[str, Any]) -> None:
    columns = ["r-x", "main", "adatum", parse_instant("2019-05-01T00:00:00Z"), 5, False, False]
    for number in range(20):
        for column, value in zip(state["responses"], [f"r-x{number}", *columns[1:]], strict=True):
            column.append(value)


SENSELESS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no JSON": lambda _: b"{",
    "a list": lambda _: b"[]",
    "no responses": lambda state: state.update(responses=[]),
    "an unknown location": lambda state: state.update(locations=[]),
    "another seq": lambda state: state.update(seq=7),
    "instants that are words": lambda state: state["responses"].__setitem__(3, ["x"] * 12),
    "announcements that are none": lambda state: state.update(announced=[[1]]),
    "responses that were announced as none": _earlier,
    "nothing announced": lambda state: state.update(announced=[]),
}


@pytest.mark.parametrize("change", SENSELESS.values(), ids=SENSELESS)
def test_a_snapshot_that_makes_no_sense_is_thrown_away_and_the_events_are_read(
    long_book: RealBook, change: Callable[[dict[str, Any]], Any]
) -> None:
    edit_snapshot(long_book, change)
    long_book.now_us = AFTER_US
    told = {"type": "void-response", "id": "v", "membership": "a", "occurred_at": "2019-06-25T00:00:00Z"}
    (outcome,) = long_book.record([fact_from_object({**told, "response": "a-r-3", "reason": "test"})])
    assert outcome.status == "accepted"
    long_book.writer.review()
    assert announced(long_book, "a")[-1][1] is False


def test_a_snapshot_that_says_otherwise_than_the_events_is_found_and_made_anew(long_book: RealBook) -> None:
    assert [*snapshot_differences(long_book.store, PROGRAMMES)] == []
    edit_snapshot(long_book, lambda state: state["responses"][3].__setitem__(0, state["responses"][3][0] + 1))
    (found,) = snapshot_differences(long_book.store, PROGRAMMES)
    assert found[:2] == ("snapshot of membership-a", "another state")
    long_book.writer.rebuild()
    assert [*snapshot_differences(long_book.store, PROGRAMMES)] == []
    assert long_book.store.read_snapshots()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: b"{", "bytes that hold no state"),
        (lambda state: state.update(announced=[]), "another state"),
        (lambda state: state.update(format=99), None),
    ],
)
def test_what_a_snapshot_can_hold_else(
    long_book: RealBook, change: Callable[[dict[str, Any]], Any], says: str | None
) -> None:
    edit_snapshot(long_book, change)
    assert [one.found for one in snapshot_differences(long_book.store, PROGRAMMES)] == [] if says is None else [says]


def test_a_snapshot_of_more_events_than_there_are(long_book: RealBook) -> None:
    edit(long_book, "UPDATE snapshots SET seq = 4711")
    (found,) = snapshot_differences(long_book.store, PROGRAMMES)
    assert found.found.startswith("one of 4711 events, of a stream of ")


@pytest.mark.parametrize("column", ["state", "seq"])
def test_a_snapshot_whose_columns_hold_anything(long_book: RealBook, column: str) -> None:
    edit(long_book, f"UPDATE snapshots SET {column} = 'text'")
    (found,) = snapshot_differences(long_book.store, PROGRAMMES)
    assert found.what == "snapshot of membership-a"
    edit(long_book, "UPDATE snapshots SET stream = X'00'")
    assert [*snapshot_differences(long_book.store, PROGRAMMES)] == []


@pytest.mark.parametrize("stored", ['{"type":"ResponseReceived","v":0}', "[]", "7"])
def test_a_snapshot_of_a_stream_with_what_is_no_event(long_book: RealBook, stored: str) -> None:
    """However it goes wrong: what is wrong with the event is another finding."""
    edit(long_book, "DROP TRIGGER events_no_update")
    edit(
        long_book, "UPDATE events SET state = ? WHERE originator_id = 'membership-a' AND originator_version = 3", stored
    )
    (found,) = snapshot_differences(long_book.store, PROGRAMMES)
    assert found.found.startswith("one of a stream that cannot be read")


def test_a_snapshot_of_a_stream_with_members_of_other_types(long_book: RealBook) -> None:
    edit(long_book, "DROP TRIGGER events_no_update")
    where = "originator_id = 'membership-a' AND originator_version = 3"
    for member, value in (("v", "1"), ("seq", None), ("data", 0), ("type", []), ("recorded_at", "aaaa"), ("fact", {})):
        row = next(row for row in long_book.store.read_stream("membership-a", 2))
        edit(
            long_book,
            f"UPDATE events SET state = ? WHERE {where}",
            orjson.dumps(orjson.loads(row.stored) | {member: value}),
        )
        (found,) = snapshot_differences(long_book.store, PROGRAMMES)
        assert found.found.startswith("one of a stream that cannot be read") or member == "fact"
        edit(long_book, f"UPDATE events SET state = ? WHERE {where}", row.stored)


@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_taken_anywhere_and_gone_on_with_is_the_fold_of_all_events(seed: int) -> None:
    """Whatever was loaded and asked for on the way."""
    random = Random(seed)
    facts = [fact for _, fact in generate(seed, memberships=12)] + designation_facts(random, ["d-1", "d-2"])
    with real_book() as book:
        book.now_us = NOW_US
        book.record([parsed for fact in facts if (parsed := _parsed(fact)) is not None])
        book.writer.review()
        checked = 0
        for stream in filter(partial(is_subject, PROGRAMMES), book.store.stream_names(limit=10_000)):
            programme = PROGRAMMES.of(stream)
            assert programme is not None
            state = programme.new_state()
            rules = read_rules(book.store, PROGRAMMES, programme, programme.rules_stream(stream))
            for row in book.store.read_stream(stream):
                follow_row(PROGRAMMES, programme, state, row)
                if random.random() < 0.05:
                    programme.quiet_until(state, rules, random.randrange(NOW_US), False) if stream[0] == "d" else None
                    state = programme.load(programme.dump(state))
            with book.store.writing() as transaction:
                transaction.save_snapshots([Snapshot(stream, state.seq, programme.dump(state))])
            checked += 1
        assert checked > 10
        assert [*snapshot_differences(book.store, PROGRAMMES)] == []


def test_sums_of_a_designations_snapshot_are_worked_out_anew() -> None:
    with real_book() as book:
        book.now_us = NOW_US
        book.record([fact_from_object(fact) for fact in qualified()])
        (stream,) = (name for name in book.store.stream_names() if name.startswith("designation-"))
        state = book.writer._cache.get(stream)
        assert state is not None
        stored = CAPABILITY.dump(state)
        length = int.from_bytes(stored[:8], "big")
        head = orjson.loads(stored[8 : 8 + length])
        kept = next(kept for _, _, kept in head["months"] if kept)
        edition = next(iter(kept))
        for change, found in ((0, []), (5, ["another state"])):
            kept[edition][0] = str(int(kept[edition][0]) + change)
            edited = orjson.dumps(head)
            with book.store.writing() as transaction:
                snapshot = Snapshot(stream, state.seq, len(edited).to_bytes(8, "big") + edited + stored[8 + length :])
                transaction.save_snapshots([snapshot])
            assert [one.found for one in snapshot_differences(book.store, PROGRAMMES)] == found


def _parsed(fact: Any) -> Any:
    try:
        return fact_from_object(fact)
    except Refused:
        return None
