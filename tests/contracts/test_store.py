"""The port of a store (`ledger.store.base`): one suite, every backend."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from random import Random
from typing import Any

import pytest

from console.demo.survey import generate
from ledger.errors import Refused, StoreOutdated, StoreUnreachable
from ledger.instants import parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store import sqlite_tables
from ledger.store.base import Aside, KnownFact, NewRow, Row, Snapshot, Store
from ledger.store.migrations import newest_version
from ledger.store.sqlite import SQLiteStore
from ledger.writing.salts import foreseeable_salts
from ledger.writing.writer import Writer
from tests.contracts.backends import BACKENDS, Backend
from tests.support.designations import NOW_US, designation_facts, side_by_side
from tests.support.link_key import KEYS

END_US = parse_instant("2016-01-01T00:00:00Z")


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = request.param
    return chosen


@pytest.fixture
def place(backend: Backend, request: pytest.FixtureRequest) -> str:
    return backend.place(request)


Open = Callable[..., Store]


@pytest.fixture
def open_store(backend: Backend, place: str) -> Iterator[Open]:
    """Opens the book once more; what is open at the end is closed."""
    opened: list[Store] = []

    def open_one(**options: Any) -> Store:
        opened.append(backend.opened(place, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()


def new(position: int, stream: str = "membership-a", seq: int = 0, fact: str | None = None, **more: Any) -> NewRow:
    """A row; its seq is its position where no other is given."""
    event_type = more.get("type", "ResponseReceived")
    digest = None if fact is None else fact.encode().ljust(32, b".")[:32]
    return NewRow(position, stream, seq or position, event_type, b'{"p":%d}' % position, fact, digest)


def as_read(row: NewRow) -> Row:
    return Row(*row[:5])


def append(store: Store, *rows: NewRow) -> list[NewRow]:
    with store.writing() as transaction:
        transaction.append(rows)
    return list(rows)


class Broken(Exception):
    """Something that goes wrong in the middle of a transaction."""


# Reading


def test_a_new_book_is_empty(store: Store) -> None:
    assert store.max_position() == store.count_events() == store.last_seq("membership-a") == 0
    assert store.read_feed(0, 10) == store.read_feed_full(0, 10) == store.read_type("LocationAdded", 0, 10) == []
    assert list(store.read_stream("membership-a")) == list(store.read_streams(["membership-a"])) == []
    assert store.stream_names() == store.reviews() == store.read_due() == store.set_aside() == []
    assert store.last_event() is None
    with store.writing() as transaction:
        assert transaction.max_position() == 0
        assert transaction.known_facts(["f-1"]) == transaction.known_facts([]) == {}
        assert transaction.snapshots(["membership-a"]) == transaction.snapshots([]) == []
        assert transaction.streams_since(0, 10) == set()
        assert transaction.due_streams(END_US, 10) == transaction.set_aside() == []
        assert transaction.last_event() is None
        transaction.append([])
    assert store.max_position() == 0


def test_the_feed_gives_what_was_appended_in_order_of_position_a_page_at_a_time(store: Store) -> None:
    rows = append(store, *(new(p, f"membership-{p % 3}", fact=f"f-{p}" if p % 2 else None) for p in range(1, 151)))
    assert store.read_feed(0, 1_000) == [as_read(row) for row in rows]
    assert store.read_feed_full(0, 1_000) == rows
    assert store.read_feed(148, 1) == [as_read(rows[148])]
    assert store.read_feed_full(148, 1) == [rows[148]]
    assert store.read_feed(150, 1) == store.read_feed_full(150, 1) == []
    assert store.max_position() == store.count_events() == 150
    assert isinstance(store.read_feed(0, 1)[0].stored, bytes)
    assert isinstance(store.read_feed_full(0, 1)[0].digest, bytes)


def test_the_last_event_is_that_at_the_last_position_inside_a_transaction_too(store: Store) -> None:
    rows = append(store, new(1, "membership-a"), new(2, "membership-b"))
    assert store.last_event() == as_read(rows[-1])
    with store.writing() as transaction:
        assert transaction.last_event() == as_read(rows[-1])
        transaction.append([new(3, "membership-c")])
        assert transaction.last_event() == as_read(new(3, "membership-c"))
    assert store.last_event() == as_read(new(3, "membership-c"))


def test_streams_are_set_aside_with_the_latest_reason_until_they_are_taken_up(store: Store) -> None:
    first, second = Aside("membership-a", 7, "why", -5), Aside("membership-b", 9, "why not", END_US)
    with store.writing() as transaction:
        transaction.save_set_aside([second, first._replace(reason="not yet")])
        transaction.save_set_aside([first])
        assert transaction.set_aside() == [first, second]
    assert store.set_aside() == [first, second]
    with store.writing() as transaction:
        assert transaction.set_aside() == [first, second]
        transaction.take_up(["membership-a", "membership-unknown"])
    assert store.set_aside() == [second]


def test_what_is_due_can_be_forgotten(store: Store) -> None:
    with store.writing() as transaction:
        transaction.save_due([("membership-a", 30), ("membership-b", 10)])
        transaction.drop_due(["membership-b", "membership-unknown"])
    assert store.read_due() == [("membership-a", 30)]


@pytest.mark.parametrize(("after", "limit"), [(0, 1_000), (0, 1), (7, 5), (148, 9), (150, 1)])
def test_the_feed_a_column_at_a_time_is_the_feed(store: Store, after: int, limit: int) -> None:
    append(store, *(new(p, f"membership-{p % 3}") for p in range(1, 151)))
    columns = store.read_columns(after, limit)
    assert [Row(*values) for values in zip(*columns, strict=True)] == store.read_feed(after, limit)
    assert {type(stored) for stored in columns.stored} <= {bytes}


def test_a_stream_is_read_in_order_from_a_seq_and_up_to_a_position(store: Store) -> None:
    rows = append(store, *(new(p, "membership-" + "ab"[p % 2], (p + 1) // 2) for p in range(1, 11)))
    mine = [as_read(row) for row in rows if row.stream == "membership-a"]
    assert list(store.read_stream("membership-a")) == mine
    assert list(store.read_stream("membership-a", 3)) == mine[3:]
    assert list(store.read_stream("membership-a", 1, 6)) == mine[1:3]
    assert list(store.read_stream("membership-a", 0, 1)) == []
    assert list(store.read_stream("membership-A")) == []
    assert store.last_seq("membership-a") == 5


def test_a_long_stream_is_read_whole(store: Store) -> None:
    append(store, *(new(p) for p in range(1, 4_101)))
    assert [row.seq for row in store.read_stream("membership-a")] == list(range(1, 4_101))
    assert [row.seq for row in store.read_streams(["membership-a"])] == list(range(1, 4_101))
    assert len(list(store.read_stream("membership-a", 100, 4_050))) == 3_950


def test_several_streams_are_read_one_after_the_other_each_in_order(store: Store) -> None:
    append(store, *(new(p, f"membership-{p % 4}", (p + 3) // 4) for p in range(1, 41)))
    found = [(row.stream, row.seq) for row in store.read_streams(["membership-3", "membership-1", "membership-9"])]
    assert found == [(name, seq) for name in ("membership-1", "membership-3") for seq in range(1, 11)]


def test_names_of_streams_come_in_the_order_of_their_bytes_whatever_the_language(store: Store) -> None:
    names = ["membership-a", "membership-B", "membership-a.b", "membership-a-b", "membership-_", "programme"]
    append(store, *(new(p, name, 1) for p, name in enumerate(names, start=1)))
    assert store.stream_names() == sorted(names)
    assert store.stream_names(limit=2) == sorted(names)[:2]
    assert store.stream_names(sorted(names)[1], 3) == sorted(names)[2:5]
    assert [row.stream for row in store.read_streams(names)] == sorted(names)


def test_events_of_one_type_are_read_in_order_of_position(store: Store) -> None:
    types = ["EligibilityChanged", "ResponseReceived", "LocationAdded"]
    rows = append(store, *(new(p, type=types[p % 3]) for p in range(1, 31)))
    for event_type in types:
        expected = [as_read(row) for row in rows if row.type == event_type]
        assert store.read_type(event_type, 0, 100) == expected
        assert store.read_type(event_type, expected[2].position, 3) == expected[3:6]
    with pytest.raises(ValueError, match="expected letters"):
        store.read_type("x' OR '1'='1", 0, 1)
    with pytest.raises(ValueError, match="expected letters"):
        store.read_type("x' OR '1'='1", 0, 1, "membership-a")


def test_events_of_one_type_in_one_stream_are_read_in_order_of_position(store: Store) -> None:
    types = ["EligibilityChanged", "ResponseReceived"]
    rows = append(store, *(new(p, f"membership-{p % 3}", type=types[p % 2]) for p in range(1, 61)))
    for event_type in types:
        for stream in ("membership-0", "membership-1", "membership-2", "membership-nowhere"):
            expected = [as_read(row) for row in rows if (row.type, row.stream) == (event_type, stream)]
            assert store.read_type(event_type, 0, 100, stream) == expected
            if expected:
                assert store.read_type(event_type, expected[3].position, 2, stream) == expected[4:6]


def test_what_is_read_is_what_was_stored_to_the_byte(store: Store) -> None:
    stored = '{"name":"Żółw Ltd – 龜"}'.encode()
    row = new(1, fact='f "quoted" \'\\ 龜 %s ?')._replace(stored=stored)
    append(store, row)
    assert store.read_feed_full(0, 1) == [row]
    with store.writing() as transaction:
        assert list(transaction.known_facts([row.fact or ""])) == [row.fact]


# Writing


def test_facts_that_were_recorded_are_known_with_digest_and_position(store: Store) -> None:
    first, second, _ = append(store, new(1, fact="f-1"), new(2, fact="f-2"), new(3))
    with store.writing() as transaction:
        assert transaction.known_facts(["f-2", "f-9", "f-1"]) == {
            "f-1": KnownFact(first.digest or b"", 1),
            "f-2": KnownFact(second.digest or b"", 2),
        }
        transaction.append([new(4, fact="f-4")])
        assert transaction.known_facts(["f-4"])["f-4"].position == 4


def test_a_transaction_sees_what_it_appended_and_nobody_else_does_before_its_end(open_store: Open) -> None:
    writer, reader = open_store(), open_store()
    append(writer, new(1))
    with writer.writing() as transaction:
        transaction.append([new(2)])
        transaction.save_due([("membership-a", 5)])
        transaction.save_reviews([(7, 2)])
        assert transaction.max_position() == 2
        assert [row.position for row in transaction.read_feed(0, 10)] == [1, 2]
        assert transaction.last_seq("membership-a") == 2
        assert transaction.reviews() == [(7, 2)]
        assert reader.max_position() == 1
        assert [row.position for row in reader.read_feed(0, 10)] == [1]
        assert (reader.read_due(), reader.reviews()) == ([], [])
    assert [row.position for row in reader.read_feed(0, 10)] == [1, 2]
    assert (reader.read_due(), reader.reviews()) == ([("membership-a", 5)], [(7, 2)])


def test_what_is_rolled_back_leaves_nothing(store: Store) -> None:
    append(store, new(1))

    def break_off() -> None:
        with store.writing() as transaction:
            transaction.append([new(2, fact="f-2")])
            transaction.save_snapshots([Snapshot("membership-a", 2, b"state")])
            transaction.save_due([("membership-a", 5)])
            transaction.save_reviews([(7, 2)])
            raise Broken

    with pytest.raises(Broken):
        break_off()
    assert store.max_position() == 1
    assert (store.read_due(), store.reviews()) == ([], [])
    with store.writing() as transaction:
        assert transaction.known_facts(["f-2"]) == {}
        assert transaction.snapshots(["membership-a"]) == []
        transaction.append([new(2, fact="f-2")])
    assert [row.position for row in store.read_feed(0, 10)] == [1, 2]


def test_a_book_that_is_opened_again_holds_what_was_committed(open_store: Open) -> None:
    first = open_store()
    rows = append(first, new(1, fact="f-1"), new(2))
    first.close()
    assert open_store().read_feed_full(0, 10) == rows


def test_the_streams_that_others_appended_to_are_told_unless_there_are_too_many_events(store: Store) -> None:
    append(store, *(new(p, f"membership-{p}", 1) for p in range(1, 6)))
    with store.writing() as transaction:
        assert transaction.streams_since(3, 2) == {"membership-4", "membership-5"}
        assert transaction.streams_since(5, 0) == set()
        assert transaction.streams_since(2, 2) is None


def test_a_snapshot_takes_the_place_of_an_older_one(store: Store) -> None:
    with store.writing() as transaction:
        transaction.save_snapshots([Snapshot("membership-a", 1, b"old"), Snapshot("membership-b", 1, b"\x00\xff")])
        transaction.save_snapshots(iter([Snapshot("membership-a", 9, b"new")]))
    with store.writing() as transaction:
        assert sorted(transaction.snapshots(["membership-b", "membership-a", "membership-c"])) == [
            Snapshot("membership-a", 9, b"new"),
            Snapshot("membership-b", 1, b"\x00\xff"),
        ]


def test_who_is_due_is_told_the_earliest_first(store: Store) -> None:
    with store.writing() as transaction:
        transaction.save_due([("membership-a", 30), ("membership-b", -10), ("membership-c", 20)])
        transaction.save_due([("membership-a", 5)])
        assert transaction.due_streams(20, 10) == ["membership-b", "membership-a", "membership-c"]
        assert transaction.due_streams(20, 2) == ["membership-b", "membership-a"]
        assert transaction.due_streams(19, 10) == ["membership-b", "membership-a"]
        assert transaction.due_streams(-11, 10) == []
    assert store.read_due() == [("membership-a", 5), ("membership-b", -10), ("membership-c", 20)]
    assert store.read_due("membership-a", 1) == [("membership-b", -10)]
    assert sorted(store.due_by(20)) == [("membership-a", 5), ("membership-b", -10), ("membership-c", 20)]
    assert sorted(store.due_by(19)) == [("membership-a", 5), ("membership-b", -10)]
    assert store.due_by(-11) == []


def test_streams_of_which_nothing_says_when_they_are_due(store: Store) -> None:
    append(
        store, new(1, "programme", 1), new(2, "membership-b", 1), new(3, "membership-b", 2), new(4, "membership-a", 1)
    )
    with store.writing() as transaction:
        transaction.save_due([("membership-b", 5), ("membership-of-another-book", 5)])
        assert transaction.streams_without_due() == ["membership-a", "programme"]
    assert store.streams_without_due() == ["membership-a", "programme"]
    assert store.streams_without_due(limit=1) == ["membership-a"]
    assert store.streams_without_due("membership-a") == ["programme"]
    assert store.streams_without_due("programme") == []


def test_snapshots_are_read_in_order_and_thrown_away(store: Store) -> None:
    kept = [Snapshot("membership-a", 9, b"new"), Snapshot("membership-b", 1, b"\x00\xff")]
    with store.writing() as transaction:
        transaction.save_snapshots(reversed(kept))
    assert store.read_snapshots(limit=5) == kept
    assert store.read_snapshots() == kept[:1]
    assert store.read_snapshots("membership-a") == kept[1:]
    with store.writing() as transaction:
        transaction.drop_snapshots(["membership-a", "membership-unknown"])
    assert store.read_snapshots() == kept[1:]


def test_bringing_due_forward_never_puts_anybody_off(store: Store) -> None:
    with store.writing() as transaction:
        transaction.save_due([("membership-a", 30), ("membership-b", 10), ("membership-c", END_US)])
        transaction.bring_due_forward(20, ["membership-a", "membership-b", "membership-c", "membership-unknown"])
    assert store.read_due() == [("membership-a", 20), ("membership-b", 10), ("membership-c", 20)]


def test_bringing_due_forward_leaves_the_others_as_they_are(store: Store) -> None:
    with store.writing() as transaction:
        transaction.save_due([("membership-a", 30), ("designation-a/x", 30), ("designation-a/y", 30)])
        transaction.bring_due_forward(20, ["designation-a/x"])
        transaction.bring_due_forward(10, [])
    assert store.read_due() == [("designation-a/x", 20), ("designation-a/y", 30), ("membership-a", 30)]


def test_reviews_are_kept_in_their_order_and_the_last_ones_saved_stand(store: Store) -> None:
    for reviews in ([(30, 2), (10, 7)], [(40, 9)], [(-62_135_596_800_000_000, 1), (END_US, 2**40)]):
        with store.writing() as transaction:
            transaction.save_reviews(reviews)
            assert transaction.reviews() == reviews
        assert store.reviews() == reviews


# What the database itself refuses


def attacks(backend: Backend) -> dict[str, str]:
    table = backend.events
    insert = f"INSERT INTO {table} VALUES "
    blob = "decode('7b7d', 'hex')" if backend.name == "postgres" else "x'7b7d'"
    found = {
        "update": f"UPDATE {table} SET topic = 'x' WHERE position = 2",
        "update of nothing but the fact": f"UPDATE {table} SET fact = 'other' WHERE position = 1",
        "update of positions": f"UPDATE {table} SET position = position + 10",
        "delete of one": f"DELETE FROM {table} WHERE position = 3",
        "delete of all": f"DELETE FROM {table}",
        "a gap": insert + f"(5,'membership-a',5,'t',{blob},NULL,NULL)",
        "a gap between two": insert
        + f"(4,'membership-a',4,'t',{blob},NULL,NULL),(6,'membership-a',6,'t',{blob},NULL,NULL)",
        "a position that is taken": insert + f"(3,'membership-a',4,'t',{blob},NULL,NULL)",
        "a position before the first": insert + f"(0,'membership-a',4,'t',{blob},NULL,NULL)",
        "a place in the stream that is taken": insert + f"(4,'membership-a',2,'t',{blob},NULL,NULL)",
        "a fact that is recorded": insert + f"(4,'membership-a',4,'t',{blob},'f-1',NULL)",
        "an insertion that updates": insert
        + f"(3,'membership-a',3,'t',{blob},NULL,NULL) ON CONFLICT (position) DO UPDATE SET state = excluded.state",
        "no bytes": insert + "(4,'membership-a',4,'t',NULL,NULL,NULL)",
    }
    if backend.name == "sqlite":
        found["replace of a position"] = f"REPLACE INTO {table} VALUES (3,'membership-a',3,'t',{blob},NULL,NULL)"
        found["replace of a place"] = f"REPLACE INTO {table} VALUES (4,'membership-a',2,'t',{blob},NULL,NULL)"
        found["replace of a fact"] = f"REPLACE INTO {table} VALUES (4,'membership-a',4,'t',{blob},'f-1',NULL)"
        found["update or replace"] = f"UPDATE OR REPLACE {table} SET position = 1 WHERE position = 2"
    else:
        found["truncate"] = f"TRUNCATE {table}"
        found["truncate with all that hangs on it"] = f"TRUNCATE {table} CASCADE"
        found["update as a replica"] = f"SET session_replication_role = replica; UPDATE {table} SET topic = 'x'"
        found["delete as a replica"] = f"SET session_replication_role = replica; DELETE FROM {table}"
    return found


def test_the_database_refuses_whatever_would_change_an_event_or_leave_a_gap(
    backend: Backend, place: str, store: Store
) -> None:
    rows = append(store, new(1, fact="f-1"), new(2), new(3))
    for name, statement in attacks(backend).items():
        with backend.raw(place) as execute:
            try:
                execute(statement)
            except backend.refusals:
                pass
            else:
                pytest.fail(f"{name} was let through: {statement}")
        assert store.read_feed_full(0, 10) == rows, name
    append(store, new(4))


@pytest.mark.parametrize(
    "row",
    [new(3), new(1), new(2, seq=1), new(2, fact="f-1")],
    ids=["a gap", "a position that is taken", "a place in the stream that is taken", "a fact that is recorded"],
)
def test_an_append_that_does_not_follow_is_refused_and_nothing_of_its_transaction_stays(
    backend: Backend, store: Store, row: NewRow
) -> None:
    rows = append(store, new(1, fact="f-1"))

    def append_it() -> None:
        with store.writing() as transaction:
            transaction.save_due([("membership-a", 5)])
            transaction.append([row])

    with pytest.raises(backend.refusals):
        append_it()
    assert store.read_feed_full(0, 10) == rows
    assert store.read_due() == []
    append(store, new(2))


def test_vacuum_keeps_positions(backend: Backend, place: str, store: Store) -> None:
    rows = append(store, *(new(p, f"membership-{p % 7}") for p in range(1, 101)))
    with backend.raw(place) as execute:
        execute("VACUUM" if backend.name == "sqlite" else f"VACUUM FULL {backend.events}")
    assert store.read_feed_full(0, 1_000) == rows
    append(store, new(101))


# Several at once


def test_writers_take_turns_and_a_reader_sees_every_position_in_order(open_store: Open) -> None:
    stores, reader = [open_store() for _ in range(3)], open_store()
    each = 25
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for seq in range(1, each + 1):
                with stores[number].writing() as transaction:
                    position = transaction.max_position() + 1
                    transaction.append([new(position, f"membership-{number}", seq)])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    deadline = time.monotonic() + 60
    while len(seen) < each * len(stores) and time.monotonic() < deadline and not failures:
        reader.wait(len(seen), 1)
        page = reader.read_feed(len(seen), 10)
        seen += [row.position for row in page]
    for thread in threads:
        thread.join()
    assert not failures
    assert seen == list(range(1, each * len(stores) + 1))


def test_a_wait_ends_at_once_where_there_is_an_event_and_in_time_where_there_is_none(store: Store) -> None:
    append(store, new(1))
    started = time.monotonic()
    assert store.wait(0, 10) is True
    assert time.monotonic() - started < 5
    assert store.wait(1, 0.05) is False
    assert store.wait(1, 0) is False


def test_a_wait_ends_when_another_commits(open_store: Open) -> None:
    waiting, writing = open_store(), open_store()
    timer = threading.Timer(0.2, lambda: append(writing, new(1)))  # by then it waits; no store tells that it does
    timer.start()
    started = time.monotonic()
    assert waiting.wait(0, 30) is True
    assert time.monotonic() - started < 15
    timer.join()
    assert waiting.max_position() == 1


def test_the_lock_of_a_role_has_one_holder(open_store: Open) -> None:
    one, other = open_store(), open_store()
    relay = one.try_lock("relay")
    assert relay is not None
    assert (relay.role, relay.held()) == ("relay", True)
    assert other.try_lock("relay") is None
    assert one.try_lock("relay") is None
    clock = other.try_lock("clock")
    assert clock is not None
    relay.release()
    relay.release()
    assert not relay.held()
    again = other.try_lock("relay")
    assert again is not None
    again.release()
    clock.release()


def test_a_role_keeps_its_lock_when_its_store_is_closed_and_never_holds_up_a_writer(open_store: Open) -> None:
    one, other = open_store(), open_store()
    lock = one.try_lock("sealer")
    assert lock is not None
    one.close()
    assert lock.held()
    assert other.try_lock("sealer") is None
    append(other, new(1))
    lock.release()


def test_a_role_has_a_plain_name(store: Store) -> None:
    for role in ("", "Relay", "../relay", "a" * 41, "relay;"):
        with pytest.raises(ValueError, match="expected up to 40"):
            store.try_lock(role)


def test_the_id_of_the_link_key_is_recorded_once_and_for_all(backend: Backend, store: Store, open_store: Open) -> None:
    assert store.link_key_id() is None
    with suppress(Broken), store.writing() as transaction:
        transaction.save_link_key_id("aaaa")
        assert transaction.link_key_id() == "aaaa"
        raise Broken
    assert store.link_key_id() is None
    with store.writing() as transaction:
        transaction.save_link_key_id("bbbb")
    assert store.link_key_id() == open_store().link_key_id() == "bbbb"
    with pytest.raises(backend.refusals), store.writing() as transaction:
        transaction.save_link_key_id("cccc")
    assert store.link_key_id() == "bbbb"


# What cannot be opened or used


def test_a_store_that_stays_locked_is_unreachable_and_is_usable_afterwards(open_store: Open) -> None:
    patient, hasty = open_store(), open_store(lock_timeout_s=1)
    with patient.writing() as transaction:
        transaction.append([new(1)])
        with pytest.raises(StoreUnreachable), hasty.writing():
            pytest.fail("two hold the book at once")
        assert hasty.max_position() == 0, "readers must not wait"
    append(hasty, new(2))
    assert patient.max_position() == 2


def test_a_database_of_something_else_is_left_alone(backend: Backend, place: str) -> None:
    with backend.raw(place) as execute:
        for statement in backend.foreign:
            execute(statement)
    with pytest.raises(StoreUnreachable, match="something else"):
        backend.opened(place)


def test_a_place_that_is_none_is_unreachable_and_its_name_has_no_password(backend: Backend, place: str) -> None:
    nowhere = "/nowhere/at/all/book.db" if backend.name == "sqlite" else "postgresql://u:s3cret@127.0.0.1:1/none"
    with pytest.raises(StoreUnreachable) as caught:
        backend.opened(nowhere)
    assert "s3cret" not in str(caught.value)


def test_tables_of_a_newer_program_are_not_touched(backend: Backend, place: str, open_store: Open) -> None:
    append(open_store(), new(1))
    with backend.raw(place) as execute:
        for statement in backend.newer:
            execute(statement)
    for migrate in (False, True):
        with pytest.raises(StoreOutdated, match="found tables of version 99"):
            backend.opened(place, migrate=migrate)


HELD = "INSERT INTO webhook_held VALUES (?, ?, ?, 1, 2, 3, 0, 'found 100 % of nothing')"


def test_what_stands_beside_the_events_is_kept_whole_or_not_at_all_and_no_writer_waits_for_it(open_store: Open) -> None:
    store = open_store()
    with store.beside() as beside:
        beside.change_many(HELD, [("w", "m-1", 1), ("w", "m-2", 2)])
        assert beside.query("SELECT membership FROM webhook_held ORDER BY membership") == [("m-1",), ("m-2",)]

    def given_up() -> None:
        with store.beside() as beside:
            assert beside.change("DELETE FROM webhook_held WHERE position > ?", (0,)) == 2
            raise Refused("malformed", "whatever")

    with pytest.raises(Refused):
        given_up()
    assert open_store().query_beside(
        "SELECT membership, position, reason FROM webhook_held WHERE webhook = ? ORDER BY position", ("w",)
    ) == [("m-1", 1, "found 100 % of nothing"), ("m-2", 2, "found 100 % of nothing")]


def test_events_are_read_at_positions_in_order_and_what_is_not_there_is_left_out(open_store: Open) -> None:
    store = open_store()
    rows = append(store, *(new(number) for number in range(1, 6)))
    assert [row.position for row in store.read_at([5, 2, 99, 4])] == [2, 4, 5]
    assert store.read_at([3]) == store.read_feed(2, 1)
    assert store.read_at([]) == []
    assert len(rows) == 5


@pytest.mark.parametrize("version", [1, 2, 3])
def test_tables_of_a_draft_are_neither_opened_nor_migrated(
    backend: Backend, place: str, open_store: Open, version: int
) -> None:
    append(open_store(), new(1))
    with backend.raw(place) as execute:
        for statement in backend.newer:
            execute(statement.replace("99", str(version)))
    said = f"version {version}, expected {newest_version(sqlite_tables.STEPS)}: this ledger was begun with a draft"
    for migrate in (False, True, False):
        with pytest.raises(StoreOutdated, match=said):
            backend.opened(place, migrate=migrate)


def test_tables_of_an_older_program_are_migrated_when_somebody_asks_for_it_and_not_before(
    backend: Backend, place: str, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_store()
    rows = append(first, new(1, fact="f-1"))
    first.close()
    module, name = backend.steps.rsplit(".", 1)
    steps = getattr(importlib.import_module(module), name)
    prefix = backend.events.removesuffix("events")

    def add_a_table(cursor: Any) -> None:
        cursor.execute(f"CREATE TABLE {prefix}extra (one INTEGER)")

    monkeypatch.setattr(backend.steps, [*steps, add_a_table])
    with pytest.raises(StoreOutdated, match=r"found tables of version \d+, expected \d+"):
        open_store()
    migrated = open_store(migrate=True)
    assert migrated.read_feed_full(0, 10) == rows
    with backend.raw(place) as execute:
        assert execute(f"SELECT * FROM {prefix}extra") == []
    again = open_store()
    append(again, new(2))


def test_a_file_that_is_no_database_is_unreachable(tmp_path: Any) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(StoreUnreachable):
        SQLiteStore(tmp_path / "letter.txt")
    with pytest.raises(StoreUnreachable, match="found no place"):
        SQLiteStore(tmp_path)


def test_the_announcements_of_every_programme_are_found_by_an_index(store: Store, backend: Backend, place: str) -> None:
    indexes = {"EligibilityChanged": "events_announcements", "DesignationChanged": "events_designations"}
    assert indexes.keys() == PROGRAMMES.announcements
    explain = "EXPLAIN QUERY PLAN" if backend.name == "sqlite" else "EXPLAIN"
    with backend.raw(place) as execute:
        if backend.name == "postgres":
            execute("SET enable_seqscan = off")  # an empty table is read as a whole, whatever indexes it has
        for announcement, index in indexes.items():
            assert store.read_type(announcement, 0, 1) == []
            found = execute(
                f"{explain} SELECT * FROM {backend.events} WHERE topic = '{announcement}' AND position > 0 "
                "ORDER BY position LIMIT 9"
            )
            assert index in " ".join(str(value) for row in found for value in row)


# The writer over it


def test_the_same_facts_make_the_same_book_in_every_database(store: Store, open_store: Open, tmp_path: Any) -> None:
    facts = []
    for _, content in islice(generate(11, memberships=5), 400):
        try:
            facts.append(fact_from_object(content))
        except Refused:
            continue
    designations = designation_facts(Random(11), ["m-0001"])
    facts = list(side_by_side(Random(11), [facts, [fact_from_object(fact) for fact in designations]]))
    reference = SQLiteStore(tmp_path / "reference.db")
    books = (reference, store, open_store())
    for number, book in enumerate(books):
        writer = Writer(book, lambda: NOW_US, PROGRAMMES, salts=foreseeable_salts("test"), link_keys=KEYS)
        outcomes = [
            outcome.status for start in range(0, len(facts), 50) for outcome in writer.record(facts[start:][:50])
        ]
        assert number == 2 or outcomes.count("accepted") > 500
        assert number < 2 or "accepted" not in outcomes, "the second time round all are duplicates"
        writer.review(NOW_US)
        if number == 1:  # what was refused before may be accepted after others
            facts = [fact for fact, status in zip(facts, outcomes, strict=True) if status != "refused"]
        writer.close()
    assert store.read_feed_full(0, 10_000) == reference.read_feed_full(0, 10_000)
    assert store.reviews() == reference.reviews()
    assert store.link_key_id() == reference.link_key_id() == KEYS.find().id
    assert store.read_due(limit=10_000) == reference.read_due(limit=10_000)
    assert all(json.loads(row.stored)["seq"] == row.seq for row in store.read_feed(0, 10_000))
    reference.close()
