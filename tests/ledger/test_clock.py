"""The clock: what is recorded under one that goes wrong, stands still or steps back, and how it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.book import position_at
from ledger.clock import RELEASED_US, LastRecorded, check_clock, recording_us
from ledger.errors import BadInput, ClockWrong
from ledger.event import Event
from ledger.instants import DAY_US, END_US, SECOND_US, format_instant, parse_instant
from ledger.log_events import ERASURE_REQUESTED, erasure_requested_id
from ledger.programmes.programme import Programmes
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Note, Outcome, Writer

NOW_US = parse_instant("2026-11-26T09:00:00Z")
FAR_US = parse_instant("2099-01-01T00:00:00Z")
MINUTE_US = 60 * SECOND_US


class Book:
    """A book under a clock that is set by hand and is not that of a rehearsal."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.now_us = NOW_US
        self.writer = Writer(self.store, lambda: self.now_us, PROGRAMMES)
        self.told = 0

    def enrol(self, now_us: int | None = None, occurred_us: int | None = None, writer: Writer | None = None) -> Outcome:
        """Enrols another membership."""
        self.now_us = self.now_us if now_us is None else now_us
        self.told += 1
        occurred_at = format_instant(NOW_US if occurred_us is None else occurred_us)
        told = {"type": "enrol-membership", "id": f"f-{self.told}", "membership": f"m-{self.told}", "level": "gold"}
        fact = fact_from_object({**told, "occurred_at": occurred_at, "name": "Alderbrook"})
        (outcome,) = (writer or self.writer).record([fact])
        return outcome

    def recorded(self) -> list[int]:
        """When each event was recorded, in order of position."""
        return [PROGRAMMES.decode(row.stored).recorded_us for row in self.store.read_feed(0, 1_000)]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = Book(tmp_path / "book.db")
    yield book
    book.writer.close()
    book.store.close()


def test_each_transaction_is_recorded_later_than_the_one_before(book: Book) -> None:
    book.enrol()
    book.enrol()  # it stood still
    book.enrol(NOW_US - 2 * MINUTE_US)  # it stepped back a little
    book.enrol(NOW_US + MINUTE_US)
    assert book.recorded()[2:] == [NOW_US, NOW_US + 1, NOW_US + 2, NOW_US + MINUTE_US]


def test_a_transaction_that_appends_nothing_takes_no_instant(book: Book) -> None:
    book.enrol()
    for _ in range(3):
        assert book.writer.record([]) == []
    book.enrol()
    assert book.recorded()[-1] == NOW_US + 1


def test_what_was_known_at_an_instant_never_becomes_more(book: Book) -> None:
    book.enrol()
    asked_us = book.recorded()[-1]
    position = position_at(book.store, asked_us)
    for back_us in (0, 1, MINUTE_US, 4 * MINUTE_US):
        book.enrol(NOW_US - back_us)
        assert position_at(book.store, asked_us) == position


@pytest.mark.parametrize(
    ("now_us", "code"),
    [
        (NOW_US - 5 * MINUTE_US, None),
        (NOW_US - 5 * MINUTE_US - 1, "clock-behind"),
        (0, "clock-behind"),
        (NOW_US + 400 * DAY_US, None),
        (NOW_US + 400 * DAY_US + 1, "clock-ahead"),
        (FAR_US, "clock-ahead"),
        (END_US, "clock-ahead"),
    ],
)
def test_a_clock_far_from_the_book_records_nothing(book: Book, now_us: int, code: str | None) -> None:
    book.enrol()
    before = book.recorded()
    if code is None:
        assert book.enrol(now_us).status == "accepted"
        return
    with pytest.raises(ClockWrong, match=r"2026-11-26T09:00:00\.000000Z") as caught:
        book.enrol(now_us)
    assert caught.value.code == code
    assert book.recorded() == before
    assert book.enrol(NOW_US).status == "accepted"  # without a new writer, once the clock is mended


Work = Callable[[Writer], Any]


@pytest.mark.parametrize(
    "work",
    [
        lambda writer: writer.review(FAR_US),
        lambda writer: writer.review(),
        lambda writer: writer.note(
            "KeyRotated", {"old": "o", "new": "n", "statement": "s"}, "csat-ledger:key-rotated:1"
        ),
        lambda writer: writer.record([]),
    ],
)
def test_nothing_that_writes_goes_by_a_wrong_clock(book: Book, work: Work) -> None:
    book.enrol()
    book.now_us = FAR_US
    before = book.recorded(), book.store.reviews()
    with pytest.raises(ClockWrong):
        work(book.writer)
    assert (book.recorded(), book.store.reviews()) == before


def test_an_empty_book_goes_by_the_release_of_the_program(book: Book) -> None:
    with pytest.raises(ClockWrong, match="ten years after the release") as caught:
        book.enrol(RELEASED_US + 3_653 * DAY_US + 1)
    assert caught.value.code == "clock-ahead"
    assert book.store.max_position() == 0
    assert book.enrol(RELEASED_US + 3_640 * DAY_US).status == "accepted"


def test_a_book_that_was_spoilt_goes_on_after_its_last_instant_was_accepted(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    Writer(store, lambda: FAR_US, PROGRAMMES, rehearsal=True).record([])
    store.close()
    book = Book(tmp_path / "book.db")
    running = Writer(book.store, lambda: book.now_us, PROGRAMMES)
    with pytest.raises(ClockWrong, match=r"csat-ledger clock-accept 2099-01-01T00:00:00\.000000Z"):
        book.enrol(writer=running)
    position = book.writer.accept_clock(FAR_US)
    assert position == 3
    assert book.writer.accept_clock(FAR_US) == position  # asked twice, accepted once
    for number in range(2, 5):
        assert book.enrol(writer=running).status == "accepted"
        assert book.recorded()[-1] == FAR_US + number
    # Whether a fact lies in the future goes by the clock itself.
    assert book.enrol(occurred_us=NOW_US + 6 * MINUTE_US, writer=running).code == "in-the-future"
    # Once the clock has passed the instant, all is as ever.
    book.enrol(FAR_US + DAY_US)
    assert book.recorded()[-1] == FAR_US + DAY_US
    with pytest.raises(ClockWrong):
        book.enrol(NOW_US)
    book.store.close()


def test_an_acceptance_does_not_excuse_a_clock_that_went_wrong_again(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    Writer(store, lambda: FAR_US, PROGRAMMES, rehearsal=True).record([])
    store.close()
    book = Book(tmp_path / "book.db")
    book.writer.accept_clock(FAR_US)
    book.enrol(NOW_US)
    book.enrol(FAR_US + 30 * DAY_US)
    with pytest.raises(ClockWrong):
        book.enrol(NOW_US)
    assert book.writer.accept_clock(book.recorded()[-1]) == book.store.max_position()
    assert book.enrol(NOW_US).status == "accepted"
    book.store.close()


def test_a_book_that_was_left_alone_for_long_goes_on_after_its_last_instant_was_accepted(book: Book) -> None:
    book.enrol()
    later_us = NOW_US + 401 * DAY_US
    with pytest.raises(ClockWrong):
        book.enrol(later_us)
    book.writer.accept_clock(NOW_US)
    assert book.enrol().status == "accepted"
    assert book.recorded()[-2:] == [later_us, later_us + 1]


def test_only_the_last_instant_of_the_book_can_be_accepted(book: Book) -> None:
    with pytest.raises(BadInput, match="was last recorded, never"):
        book.writer.accept_clock(NOW_US)
    book.enrol()
    with pytest.raises(BadInput, match=r"was last recorded, 2026-11-26T09:00:00\.000000Z"):
        book.writer.accept_clock(NOW_US + 1)
    assert book.store.max_position() == 3


def test_at_the_end_of_the_calendar_nothing_more_is_recorded_and_nothing_breaks(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    writer = Writer(store, lambda: END_US, PROGRAMMES, rehearsal=True)
    writer.record([])
    told = {"type": "enrol-membership", "id": "f", "membership": "m", "level": "gold", "name": "Alderbrook"}
    with pytest.raises(ClockWrong, match="last instant"):
        writer.record([fact_from_object({**told, "occurred_at": "2010-01-01T00:00:00Z"})])
    assert store.max_position() == 2
    store.close()


@pytest.mark.parametrize(
    ("off_us", "code"),
    [(5 * MINUTE_US, None), (5 * MINUTE_US + 1, "clock-ahead"), (-5 * MINUTE_US - 1, "clock-behind"), (0, None)],
)
def test_the_clock_is_held_against_the_database_servers(off_us: int, code: str | None) -> None:
    last = LastRecorded(3, NOW_US)
    if code is None:
        check_clock(NOW_US + off_us, last, None, NOW_US)
        return
    with pytest.raises(ClockWrong, match="set the one that is wrong") as caught:
        check_clock(NOW_US + off_us, last, LastRecorded(3, NOW_US), NOW_US)
    assert caught.value.code == code


def test_the_first_transaction_is_recorded_now() -> None:
    assert recording_us(NOW_US, None) == NOW_US


def erasures(count: int, start: int = 0) -> list[Note]:
    """So many notes of the log's own stream."""
    return [
        Note(ERASURE_REQUESTED, {"subject": f"s-{number}"}, erasure_requested_id(f"s-{number}"))
        for number in range(start, start + count)
    ]


def test_a_writer_reads_of_the_logs_own_stream_no_more_than_its_end(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.enrol()
    positions = book.writer.note_all(erasures(300))
    assert positions == list(range(positions[0], positions[0] + 300))
    assert book.writer.note_all(erasures(2, 299)) == [positions[-1], positions[-1] + 1]
    decoded: list[bytes] = []
    decode = type(PROGRAMMES).decode

    def counted(self: Programmes, stored: bytes, *position: int) -> Event:
        decoded.append(stored)
        return decode(self, stored, *position)

    monkeypatch.setattr(Programmes, "decode", counted)
    other = Writer(book.store, lambda: book.now_us, PROGRAMMES)
    assert book.enrol(writer=other).status == "accepted"
    other.note_all(erasures(1, 400))
    assert len([stored for stored in decoded if b'"stream":"log"' in stored]) == 1
    other.close()


def test_what_was_accepted_of_the_clock_is_found_behind_any_number_of_other_events(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    Writer(store, lambda: FAR_US, PROGRAMMES, rehearsal=True).record([])
    store.close()
    book = Book(tmp_path / "book.db")
    assert book.writer.accept_clock(FAR_US)
    book.writer.note_all(erasures(50))
    other = Writer(book.store, lambda: book.now_us, PROGRAMMES)
    assert book.enrol(writer=other).status == "accepted"
    other.close()
    book.store.close()
