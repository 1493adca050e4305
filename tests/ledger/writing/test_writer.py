"""The writer: transactions, caches, failures, several writers, reviews and snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.errors import StoreUnreachable
from ledger.event import leaf_hash
from ledger.fact import Fact
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.programmes.survey.programme import SURVEY
from ledger.programmes.survey.snapshot import dump_state
from ledger.store.base import NewRow, Snapshot
from ledger.store.sqlite import SQLiteStore
from ledger.writing import appending, sweeping, writer
from ledger.writing import state_cache as states
from ledger.writing.salts import foreseeable_salts
from ledger.writing.writer import Writer
from projections.survey.reading import fold
from tests.ledger.programmes.survey.story import NOW, Story, ten_responses
from tests.oracle.survey.book import FIGURES
from tests.oracle.survey.time import instant
from tests.support.real_book import RealBook, micros

NOW_US = micros(NOW)


def fact(kind: str, number: int, when: str = "2010-06-15T00:00:00Z", **fields: Any) -> Fact:
    return fact_from_object({"type": kind, "id": f"{kind}-{number}", "occurred_at": when, **fields})


def enrolment(number: int) -> Fact:
    return fact("enrol-membership", number, "2010-01-01T00:00:00Z", membership=f"m-{number}", name="C", level="gold")


def evaluation(number: int, membership: str = "m-1", when: str = "2010-06-15T00:00:00Z") -> Fact:
    return fact("record-evaluation", number, when, membership=membership, evaluation=f"e-{number}")


def response(number: int, membership: str, when: str = "2010-06-15T00:00:00Z") -> Fact:
    return fact("record-response", number, when, membership=membership, response=f"r-{number}", customer_org="adatum")


def edition(number: int, effective_from: str, **figures: Any) -> Fact:
    named = {"edition": f"edition-{number}", "effective_from": effective_from}
    return fact("publish-rulebook", number, "2009-01-01T00:00:00Z", **{**FIGURES, **named, **figures})


class Spy:
    """A store that counts what a writer asks of it, and fails when told to."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self.transactions = 0
        self.events_read = 0
        self.fail: Callable[[Sequence[NewRow]], None] = lambda _: None
        self.fail_at_the_end: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        self.transactions += 1
        with self._store.writing() as transaction:
            yield SpiedTransaction(transaction, self)
            self.fail_at_the_end()


class SpiedTransaction:
    def __init__(self, transaction: Any, spy: Spy) -> None:
        self._transaction = transaction
        self._spy = spy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def append(self, rows: Sequence[NewRow]) -> None:
        self._spy.fail(rows)
        self._transaction.append(rows)

    def read_stream(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        for row in self._transaction.read_stream(*arguments, **options):
            self._spy.events_read += 1
            yield row

    def read_streams(self, streams: Sequence[str]) -> Iterator[Any]:
        for row in self._transaction.read_streams(streams):
            self._spy.events_read += 1
            yield row


@pytest.fixture
def spy(book: RealBook) -> Spy:
    return Spy(book.store)


@pytest.fixture
def spied(spy: Spy) -> Writer:
    """A writer whose store is watched; its clock stands still."""
    return Writer(spy, lambda: NOW_US, PROGRAMMES)  # type: ignore[arg-type]


def streams_at_hand(one: Writer) -> list[str]:
    return list(one._cache._states)


# Transactions


def test_every_book_starts_with_the_two_editions_that_come_with_the_ledger(book: RealBook) -> None:
    book.now_us = NOW_US
    book.record([])
    events = [PROGRAMMES.decode(row.stored, row.position) for row in book.feed()]
    assert [(event.stream, event.seq, event.type, event.fact, event.actor) for event in events] == [
        ("programme", 1, "RulebookPublished", "csat-ledger:edition:2009-11", "csat-ledger"),
        ("programme", 2, "RulebookPublished", "csat-ledger:edition:2013-04", "csat-ledger"),
    ]
    figures = {**FIGURES, "window_months": 12}
    assert [event.data for event in events] == [
        {**figures, "edition": "2009-11", "effective_from": "2009-11-01T00:00:00.000000Z"},
        {**figures, "edition": "2013-04", "effective_from": "2013-04-01T00:00:00.000000Z"},
    ]
    assert [event.occurred_us for event in events] == [
        parse_instant("2009-11-01T00:00:00Z"),
        parse_instant("2013-04-01T00:00:00Z"),
    ]


def test_the_stored_bytes_of_an_event_are_those_of_the_contract(story: Story) -> None:
    story.tell("record-evaluation", "2010-06-15T12:22:33.5+02:00", evaluation="e-1", actor="operator")
    first, second = list(story.book.store.read_stream("membership-m-1"))
    salt = foreseeable_salts("test")(second.position)
    assert second.stored == (
        b'{"actor":"operator","data":{"evaluation":"e-1"},"fact":"f-2","occurred_at":"2010-06-15T10:22:33.500000Z",'
        b'"prev":"%b","recorded_at":"2020-01-01T00:00:00.000001Z","salt":"%b","seq":2,"stream":"membership-m-1",'
        b'"type":"EvaluationReceived","v":1}' % (leaf_hash(first.stored).encode(), salt.encode())
    )
    assert orjson.loads(first.stored)["prev"] == "0" * 64


def test_facts_handed_over_together_share_one_transaction_and_one_instant(spy: Spy, spied: Writer) -> None:
    spied.record([enrolment(1), *(evaluation(number) for number in range(50))])
    assert spy.transactions == 1
    rows = spy.read_feed(2, 100)
    assert len({PROGRAMMES.decode(row.stored).recorded_us for row in rows}) == 1


def test_a_duplicate_gets_the_position_of_the_first_and_appends_nothing(spied: Writer, spy: Spy) -> None:
    (first,) = spied.record([enrolment(1)])
    again = spied.record([enrolment(1), enrolment(1)])
    assert [(outcome.status, outcome.position) for outcome in again] == [("duplicate", first.position)] * 2
    assert spy.max_position() == first.position


def test_the_clock_of_the_book_never_goes_back_whoever_writes(book: RealBook) -> None:
    book.now_us = NOW_US
    book.record([enrolment(1)])
    book.now_us = NOW_US - DAY_US
    book.record([enrolment(2)])
    book.reopen()
    book.record([enrolment(3)])
    recorded = [PROGRAMMES.decode(row.stored).recorded_us for row in book.feed()]
    assert recorded == [NOW_US] * 3 + [NOW_US + 1, NOW_US + 2]


# Failures


@pytest.mark.parametrize("error", [RuntimeError("disk full"), KeyboardInterrupt(), StoreUnreachable("gone")])
@pytest.mark.parametrize("where", ["while appending", "at the end"])
def test_after_a_failure_nothing_is_recorded_and_all_goes_on_as_if_it_had_never_been_tried(
    book: RealBook, spy: Spy, spied: Writer, error: BaseException, where: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    spied.record([enrolment(1), enrolment(2)])
    before = book.feed()
    if where == "at the end":
        spy.fail_at_the_end = fail
    else:
        spy.fail = fail
    with pytest.raises(type(error)):
        spied.record([evaluation(1), edition(1, "2010-01-01T00:00:00Z"), enrolment(3)])
    assert book.feed() == before
    assert streams_at_hand(spied) == []
    spy.fail = spy.fail_at_the_end = lambda *_: None
    outcomes = spied.record([evaluation(1), enrolment(3), edition(1, "2010-01-01T00:00:00Z")])
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 3
    assert [outcome.position for outcome in outcomes] == [len(before) + 1, len(before) + 2, len(before) + 3]
    assert [row.seq for row in book.store.read_stream("membership-m-1")] == [1, 2]


def test_a_store_that_stays_locked_is_unreachable_and_loses_nothing(book: RealBook) -> None:
    book.now_us = NOW_US
    book.record([enrolment(1)])
    other = SQLiteStore(book.path, lock_timeout_s=1)
    impatient = Writer(other, lambda: NOW_US, PROGRAMMES)
    with book.store.writing(), pytest.raises(StoreUnreachable):
        impatient.record([enrolment(2)])
    assert [outcome.status for outcome in impatient.record([enrolment(2)])] == ["accepted"]
    other.close()


# Several writers


def test_two_writers_on_one_store_see_what_the_other_appended(book: RealBook) -> None:
    stores = [SQLiteStore(book.path) for _ in range(2)]
    one, other = (Writer(store, lambda: NOW_US, PROGRAMMES) for store in stores)
    one.record([enrolment(1), evaluation(1)])
    (outcome,) = other.record([evaluation(1)])
    assert outcome.status == "duplicate"
    (outcome,) = other.record([fact("record-evaluation", 99, membership="m-1", evaluation="e-1")])
    assert outcome.code == "evaluation-exists"
    other.record([edition(1, "2010-01-01T00:00:00Z"), evaluation(2)])
    (outcome,) = one.record(
        [fact("publish-rulebook", 98, **{**FIGURES, "edition": "edition-1", "effective_from": "2010-01-01T00:00:00Z"})]
    )
    assert outcome.code == "edition-exists"
    one.record([evaluation(3)])
    assert [row.seq for row in book.store.read_stream("membership-m-1")] == [1, 2, 3, 4]
    assert fold(book.store, "m-1").seq == 4
    for store in stores:
        store.close()


def test_an_edition_that_another_published_is_not_missed_by_states_at_hand(story: Story) -> None:
    ten_responses(story)
    other = Writer(story.book.store, lambda: NOW_US, PROGRAMMES)
    other.record([edition(1, "2010-09-01T00:00:00Z", min_responses=11)])
    story.tell("set-renewal-date", "2010-10-01T00:00:00Z", renewal_date="2011-03-01")
    assert story.announced()[1:] == [("2010-09-01T00:00:00.000000Z", False, "rulebook", False)]


def test_what_another_found_to_be_due_is_not_taken_for_what_this_one_found(story: Story) -> None:
    """The book notes for each membership when it is next due; a writer saves that only where it changed."""
    ten_responses(story)
    story.respond("2010-06-15T00:01:00Z", "tailspin")
    story.book.reopen()  # so that what is due is worked out anew: the second expiry of eleven
    story.tell("set-renewal-date", "2010-06-15T00:01:30Z", renewal_date="2011-03-01")
    told = {"membership": "m-1", "customer_org": "wingtip", "response": "twelfth"}
    date = {"membership": "m-1", "renewal_date": "2011-03-02"}
    for other in (
        fact("record-response", 12, "2010-06-15T00:02:00Z", **told),
        fact("set-renewal-date", 12, "2010-06-15T00:02:30Z", **date),
    ):
        Writer(story.book.store, lambda: NOW_US, PROGRAMMES).record([other])  # the third expiry of twelve
    story.void("twelfth", "2010-06-15T00:03:00Z")
    assert story.book.writer.review(parse_instant("2011-06-15T00:00:01Z")).announced == 1
    assert story.announced()[1:] == [("2011-06-15T00:00:01.000000Z", False, "expiry", False)]


def test_only_the_streams_that_others_appended_to_are_read_again(book: RealBook, spy: Spy, spied: Writer) -> None:
    spied.record([enrolment(number) for number in range(10)])
    other = Writer(book.store, lambda: NOW_US, PROGRAMMES)
    other.record([evaluation(1, "m-1")])
    assert len(streams_at_hand(spied)) == 10
    spy.events_read = 0
    spied.record([evaluation(number, f"m-{number}") for number in range(2, 10)])
    assert spy.events_read == 0
    assert "membership-m-1" not in streams_at_hand(spied)


def test_a_writer_that_was_left_far_behind_reads_everything_again(
    book: RealBook, spied: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CATCH_UP_MAX", 3)
    spied.record([enrolment(1), enrolment(2)])
    other = Writer(book.store, lambda: NOW_US, PROGRAMMES)
    other.record([evaluation(number) for number in range(4)])
    spied.record([evaluation(9, "m-2")])
    assert streams_at_hand(spied) == ["membership-m-2"]


def test_of_a_transaction_that_announces_without_end_few_events_are_held_in_memory(
    spy: Spy, spied: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "ROWS_MAX", 40)
    spied.record([enrolment(1), edition(1, "2009-01-01T00:00:00Z", min_evaluations=1)])
    spied.record([evaluation(number, when=f"2011-01-{number + 1:02d}T00:00:00Z") for number in range(28)])
    handed: list[int] = []
    spy.fail = lambda rows: handed.append(len(rows))
    learning = [
        fact(
            "update-membership", day, f"2011-01-{day:02d}T12:00:00Z", membership="m-1",
            competencies=["Learning"] if day % 2 else ["Hosting"],
        )
        for day in range(28, 0, -1)
    ]  # fmt: skip
    before = spy.max_position()
    assert {outcome.status for outcome in spied.record(learning)} == {"accepted"}
    assert sum(handed) == spy.max_position() - before > 120
    assert max(handed) <= 40


# States at hand


def test_states_that_take_too_much_memory_are_packed_and_come_back_without_being_read(spy: Spy) -> None:
    small = Writer(spy, lambda: NOW_US, PROGRAMMES, cache_bytes_max=16_000)  # type: ignore[arg-type]
    small.record([enrolment(number) for number in range(10)])
    assert len(streams_at_hand(small)) == 3
    assert len(small._cache._idle) == 7
    stream = next(iter(small._cache._idle))
    spy.events_read = 0
    small.record([evaluation(1, stream.removeprefix("membership-"))])
    assert spy.events_read == 0
    assert streams_at_hand(small)[-1] == stream
    assert sum(state.size_bytes for state in small._cache._states.values()) <= 16_000


def test_packed_states_are_given_up_when_they_take_too_much_memory(spy: Spy) -> None:
    small = Writer(spy, lambda: NOW_US, PROGRAMMES, cache_bytes_max=8_000)  # type: ignore[arg-type]
    small.record([enrolment(number) for number in range(20)])
    packed = small._cache._idle
    assert 0 < len(packed) < 19
    assert sum(len(idle) for idle in packed.values()) == small._cache._idle_bytes <= 2_000
    kept = {*packed, *streams_at_hand(small)}
    given_up = next(f"m-{number}" for number in range(20) if f"membership-m-{number}" not in kept)
    spy.events_read = 0
    assert small.record([evaluation(1, given_up)])[0].status == "accepted"
    assert spy.events_read > 0


def test_a_packed_state_is_forgotten_where_another_process_went_on_with_its_stream(book: RealBook) -> None:
    small = Writer(book.store, lambda: NOW_US, PROGRAMMES, cache_bytes_max=100)
    small.record([enrolment(number) for number in range(3)])
    other = Writer(book.store, lambda: NOW_US, PROGRAMMES)
    other.record([evaluation(1, "m-0")])
    assert small.record([evaluation(1, "m-0")])[0].status == "duplicate"
    again = fact("record-evaluation", 2, membership="m-0", evaluation="e-1")
    assert small.record([again])[0].code == "evaluation-exists"


def test_what_is_packed_when_an_edition_comes_is_worked_out_anew_by_it(tmp_path: Path) -> None:
    books = []
    for number, bytes_max in enumerate((100, 1 << 30)):
        store = SQLiteStore(tmp_path / f"{number}.db")
        writer = Writer(store, lambda: NOW_US, PROGRAMMES, cache_bytes_max=bytes_max, salts=foreseeable_salts("test"))
        writer.record([enrolment(member) for member in range(4)])
        for member in range(4):
            writer.record([response(10 * member + one, f"m-{member}") for one in range(3)])
        writer.record([edition(2, "2010-01-01T00:00:00Z", min_responses=2, min_organisations=1)])
        writer.record([response(90, "m-0")])
        writer.review(NOW_US + DAY_US)
        books.append((store.read_feed(0, 1_000), store.read_due()))
        store.close()
    assert books[0] == books[1]
    assert any(row.type == "EligibilityChanged" for row in books[0][0])


def test_a_long_stream_is_snapshot_and_not_read_as_a_whole_again(
    book: RealBook, spy: Spy, spied: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "SNAPSHOT_EVENTS_MIN", 100)
    spied.record([enrolment(1)])
    for number in range(500):
        spied.record([evaluation(number)])
    with book.store.writing() as transaction:
        (snapshot,) = transaction.snapshots(["membership-m-1"])
    assert snapshot.seq > 300
    spy.events_read = 0
    fresh = Writer(spy, lambda: NOW_US, PROGRAMMES)  # type: ignore[arg-type]
    fresh.record([evaluation(1_000)])
    assert spy.events_read <= 2 + 1 + 501 - snapshot.seq
    state = fresh._cache.get("membership-m-1")
    assert state is not None
    assert dump_state(state) == dump_state(fold(book.store, "m-1"))


def test_all_snapshots_of_a_stream_together_cost_linear_time(book: RealBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SNAPSHOT_EVENTS_MIN", 10)
    written = []

    def counted(state: Any) -> bytes:
        written.append(state.seq)
        return dump_state(state)

    monkeypatch.setattr(SURVEY, "dump", counted)
    book.now_us = NOW_US
    book.record([enrolment(1)])
    for number in range(1_000):
        book.record([evaluation(number)])
    assert sum(written) <= 12 * 1_000


@pytest.mark.parametrize("spoilt", ["other head", "other format"])
def test_a_snapshot_that_is_no_fold_of_the_stream_is_ignored(story: Story, spoilt: str) -> None:
    ten_responses(story)
    expected = dump_state(fold(story.book.store, "m-1"))
    content = orjson.loads(expected)
    content |= {"head": "f" * 64, "announced": []} if spoilt == "other head" else {"format": 99}
    with story.book.store.writing() as transaction:
        transaction.save_snapshots([Snapshot("membership-m-1", content["seq"], orjson.dumps(content))])
    story.book.reopen()
    story.void("r-2")
    assert [satisfied for (satisfied,) in story.announced("satisfied")] == [True, False]


def test_closing_keeps_snapshots_of_what_grew_long(book: RealBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SNAPSHOT_EVENTS_MIN", 5)
    book.now_us = NOW_US
    book.record([enrolment(1), *(evaluation(number) for number in range(80))])
    book.record([enrolment(2), *(evaluation(number) for number in range(80, 86))])
    kept = []
    for _ in range(2):
        with book.store.writing() as transaction:
            kept.append(transaction.snapshots(["membership-m-1", "membership-m-2"]))
        book.reopen()
    assert [[(one.stream, one.seq) for one in snapshots] for snapshots in kept] == [
        [("membership-m-1", 81)],
        [("membership-m-1", 87)],
    ]


# Editions and reviews


def test_an_edition_in_the_past_revises_more_memberships_than_are_kept_at_hand(
    book: RealBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "LOAD_CHUNK", 2)
    one = Writer(book.store, lambda: NOW_US, PROGRAMMES)
    for number in range(7):
        one.record([enrolment(number)])
        one.record(
            [
                fact(
                    "record-response",
                    100 * number + place,
                    f"2010-06-15T00:00:0{place}Z",
                    membership=f"m-{number}",
                    response=f"r-{place}",
                    customer_org=f"org-{place % 3}",
                )
                for place in range(9)
            ]
        )
    fresh = Writer(book.store, lambda: NOW_US, PROGRAMMES)
    before = book.store.max_position()
    (outcome,) = fresh.record([edition(1, "2010-01-01T00:00:00Z", min_responses=8)])
    assert outcome.position == before + 1
    rows = book.store.read_feed(before + 1, 100)
    assert sorted(row.stream for row in rows) == [f"membership-m-{number}" for number in range(7)]
    assert {row.type for row in rows} == {"EligibilityChanged"}
    assert {PROGRAMMES.decode(row.stored).fact for row in rows} == {"publish-rulebook-1"}
    assert streams_at_hand(fresh) == []


def test_an_edition_in_the_future_makes_everyone_due_on_its_day(story: Story) -> None:
    ten_responses(story)
    enrolled = {"membership": "m-2", "name": "C", "level": "gold"}
    story.tell("enrol-membership", "2010-01-01T00:00:00Z", **enrolled)
    story.book.review(instant("2010-07-01T00:00:00Z"))
    story.publish("strict", "2010-09-01T00:00:00Z", min_responses=11)
    until = parse_instant("2010-08-31T23:59:59.999999Z")
    assert story.book.writer.review(until).reviewed == 0
    reviewed = story.book.writer.review(until + 1)
    assert (reviewed.reviewed, reviewed.announced) == (2, 1)
    assert story.announced()[-1] == ("2010-09-01T00:00:00.000000Z", False, "rulebook", False)


def test_a_review_takes_all_that_is_due_in_groups_and_then_nothing(
    book: RealBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "REVIEW_BATCH", 2)
    book.now_us = NOW_US
    for number in range(5):
        told = {"membership": f"m-{number}", "customer_org": "adatum"}
        book.record([enrolment(number)])
        book.record([edition(1, "2010-01-01T00:00:00Z", min_responses=1, min_organisations=1)] if number == 0 else [])
        book.record([fact("record-response", number, f"2010-06-1{number}T00:00:00Z", response="r", **told)])
    progress: list[int] = []
    reviewed = book.writer.review(parse_instant("2012-01-01T00:00:00Z"), progress.append)
    assert (reviewed.reviewed, reviewed.announced) == (5, 5)
    assert reviewed.position == book.store.max_position()
    assert progress == [2, 4, 5, 5]
    ends = [book.announced(f"m-{number}")[-1] for number in range(5)]
    assert [(end["effective_at"], end["cause"]) for end in ends] == [
        (f"2011-06-1{number}T00:00:00.000000Z", "expiry") for number in range(5)
    ]
    assert book.writer.review(parse_instant("2012-01-02T00:00:00Z")).reviewed == 0


def test_without_an_instant_a_review_goes_up_to_now(story: Story) -> None:
    ten_responses(story)
    story.book.now_us = parse_instant("2011-06-15T00:00:00Z")
    assert story.book.writer.review().announced == 1


def test_a_review_that_fails_half_way_is_finished_by_the_next(
    book: RealBook, spy: Spy, spied: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "REVIEW_BATCH", 1)
    spied.record([edition(1, "2010-01-01T00:00:00Z", min_responses=1, min_organisations=1)])
    for number in range(3):
        told = {"membership": f"m-{number}", "customer_org": "adatum", "response": "r"}
        spied.record([enrolment(number), fact("record-response", number, **told)])
    appended = 0

    def fail(rows: Sequence[NewRow]) -> None:
        nonlocal appended
        appended += 1
        if appended == 2:
            raise RuntimeError("power cut")

    spy.fail = fail
    until = parse_instant("2012-01-01T00:00:00Z")
    with pytest.raises(RuntimeError):
        spied.review(until)
    assert spied.review(until).announced == 2
    for number in range(3):
        assert [one["satisfied"] for one in book.announced(f"m-{number}")] == [True, False]
        late = fact("record-response", 10 + number, membership=f"m-{number}", customer_org="x", response="late")
        assert spied.record([late])[0].status == "accepted"


def test_after_a_review_a_fact_of_before_is_late(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    story.respond("2010-06-15T00:01:00Z", "fabrikam", 1)
    story.book.review(instant("2010-07-01T00:00:00Z"))
    story.respond("2010-06-20T00:00:00Z", "fabrikam", 1)
    assert story.announced() == [("2010-06-20T00:00:00.000000Z", True, "response", True)]


def test_what_was_recorded_is_on_disk_when_the_writer_returns(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum")
    other = SQLiteStore(story.book.path)
    assert other.max_position() == 4
    assert [row.type for row in other.read_stream("membership-m-1")] == ["MembershipEnrolled", "ResponseReceived"]
    assert (
        format_instant(PROGRAMMES.decode(other.read_feed(3, 1)[0].stored).occurred_us) == "2010-06-15T00:00:00.000000Z"
    )
    other.close()
