"""Copying a book: every byte, either way, checked, resumed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from console.demo.survey import generate
from ledger.errors import BrokenHistory, DifferentBook, Refused, StoreUnreachable
from ledger.instants import parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store import copying
from ledger.store.base import Aside, NewRow, Store
from ledger.store.copying import copy_book
from ledger.store.sqlite import SQLiteStore
from ledger.writing.salts import foreseeable_salts
from ledger.writing.writer import Writer
from tests.contracts.backends import BACKENDS
from tests.support.link_key import KEY, KEYS

NOW_US = parse_instant("2016-01-01T00:00:00Z")
FACTS = 700


@pytest.fixture(
    params=[(one, other) for one in BACKENDS for other in BACKENDS], ids=lambda pair: f"{pair[0].name}-{pair[1].name}"
)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two empty stores, of each pair of backends."""
    with ExitStack() as stack:
        opened = []
        for number, backend in enumerate(request.param):
            place = str(tmp_path / f"{number}.db") if backend.name == "sqlite" else _database(request, stack)
            opened.append(stack.enter_context(closing(backend.opened(place))))
        yield opened[0], opened[1]


def _database(request: pytest.FixtureRequest, stack: ExitStack) -> str:
    server = request.getfixturevalue("postgres_server")
    url: str = server.create_database()
    stack.callback(server.drop_database, url)
    return url


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[SQLiteStore, SQLiteStore]]:
    """Two empty stores in SQLite, for what does not depend on the database."""
    with closing(SQLiteStore(tmp_path / "from.db")) as source, closing(SQLiteStore(tmp_path / "to.db")) as target:
        yield source, target


def fill(store: Store, first: int = 0, count: int = FACTS) -> None:
    writer = Writer(store, lambda: NOW_US, PROGRAMMES, salts=foreseeable_salts("test"), link_keys=KEYS)
    told = []
    for _, fact in islice(generate(7, memberships=5), first, first + count):
        try:
            told.append(fact_from_object(fact))
        except Refused:
            continue
    writer.record(told)
    writer.close()


def everything(store: Store) -> dict[str, Any]:
    return {
        "events": store.read_feed_full(0, 1_000_000),
        "due": store.read_due("", 1_000_000),
        "reviews": store.reviews(),
        "link key": store.link_key_id(),
        "count": store.count_events(),
    }


def test_a_copy_is_the_same_book_byte_for_byte_and_can_go_on(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source)
    Writer(source, lambda: NOW_US, PROGRAMMES).review()
    copied = copy_book(source, target)
    assert (copied.compared, copied.copied, copied.position) == (0, source.max_position(), source.max_position())
    assert everything(target) == everything(source)
    assert everything(target)["due"]
    assert everything(target)["reviews"]
    assert everything(target)["link key"] == KEY.id
    for store in (source, target):  # what comes next is decided the same
        fill(store, FACTS, 100)
    assert everything(target) == everything(source)


def test_a_target_that_ties_answers_under_another_key_is_another_book(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source)
    with target.writing() as transaction:
        transaction.save_link_key_id("0123456789abcdef")
    with pytest.raises(DifferentBook, match=f"found link key 0123456789abcdef, expected {KEY.id}"):
        copy_book(source, target)


def test_a_copy_made_again_compares_and_adds_what_is_new(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source)
    before = copy_book(source, target).position
    again = copy_book(source, target)
    assert (again.compared, again.copied) == (before, 0)
    fill(source, FACTS, 100)
    more = copy_book(source, target)
    assert (more.compared, more.copied) == (before, source.max_position() - before)
    assert everything(target) == everything(source)


def test_a_copy_that_was_stopped_goes_on_where_it_was(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = stores
    fill(source)
    monkeypatch.setattr(copying, "BATCH", 100)
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_book(source, target, stop)
    assert seen == [(100, source.max_position()), (200, source.max_position()), (300, source.max_position())]
    copied = copy_book(source, target)
    assert (copied.compared, copied.copied) == (300, source.max_position() - 300)
    assert everything(target) == everything(source)


def damaged(source: SQLiteStore, statement: str) -> None:
    """Changes the source past the ledger, as whoever can write to the file can."""
    with closing(sqlite3.connect(source.path, isolation_level=None)) as connection:
        for trigger in ("no_update", "no_delete", "append_only"):
            connection.execute(f"DROP TRIGGER events_{trigger}")
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE events SET state = cast(replace(state, '\"v\":1', '\"v\":2') AS BLOB) WHERE position = 40", "after"),
        ("UPDATE events SET state = cast(state AS TEXT) WHERE position = 40", "no event"),
        ("UPDATE events SET state = x'7b' WHERE position = 40", "no event"),
        ("UPDATE events SET topic = 'Nothing' WHERE position = 40", "Nothing"),
        ("UPDATE events SET originator_version = 9999 WHERE position = 40", "seq"),
        ("UPDATE events SET fact = 'other' WHERE position = 40", "'other'"),
        ("DELETE FROM events WHERE position = 40", "found position 41, expected 40"),
    ],
)
def test_a_broken_chain_is_told_with_both_sides_and_not_copied(
    two: tuple[SQLiteStore, SQLiteStore], statement: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = two
    fill(source)
    damaged(source, statement)
    monkeypatch.setattr(copying, "BATCH", 10)
    with pytest.raises(BrokenHistory, match=words):
        copy_book(source, target)
    assert target.max_position() < source.max_position()


def test_a_target_with_another_book_is_left_alone(two: tuple[SQLiteStore, SQLiteStore]) -> None:
    source, target = two
    fill(source)
    fill(target, 100)
    before = everything(target)
    with pytest.raises(DifferentBook, match=r"position \d+: found seq .* expected seq"):
        copy_book(source, target)
    assert everything(target) == before


def test_a_target_that_is_longer_is_left_alone(two: tuple[SQLiteStore, SQLiteStore]) -> None:
    source, target = two
    fill(source)
    copy_book(source, target)
    fill(target, FACTS, 50)
    before = everything(target)
    with pytest.raises(DifferentBook, match="expected at most"):
        copy_book(source, target)
    assert everything(target) == before


def test_a_digest_that_differs_is_another_book(two: tuple[SQLiteStore, SQLiteStore]) -> None:
    source, target = two
    fill(source)
    copy_book(source, target)
    damaged(target, "UPDATE events SET fact_digest = x'00' WHERE position = 40")
    with pytest.raises(DifferentBook, match="position 40"):
        copy_book(source, target)


def test_what_is_appended_while_the_copy_runs_is_copied_too(
    two: tuple[SQLiteStore, SQLiteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = two
    fill(source)
    monkeypatch.setattr(copying, "BATCH", 100)
    told = iter(range(3))

    def tell(_done: int, _total: int) -> None:
        for number in islice(told, 1):
            fill(source, FACTS + number * 20, 20)

    copy_book(source, target, tell)
    assert everything(target) == everything(source)


def test_a_review_while_the_copy_runs_is_not_lost(two: tuple[SQLiteStore, SQLiteStore]) -> None:
    source, target = two
    fill(source)
    reviewed: list[int] = []

    def review(done: int, total: int) -> None:
        if done == total and not reviewed:
            reviewed.append(Writer(source, lambda: NOW_US, PROGRAMMES).review().position)

    copy_book(source, target, review)
    assert reviewed
    assert everything(target) == everything(source)


def test_a_source_that_never_stands_still_is_given_up(two: tuple[SQLiteStore, SQLiteStore]) -> None:
    source, target = two
    fill(source)
    real = source.max_position
    source.max_position = lambda: real() + 1  # type: ignore[method-assign]
    with pytest.raises(StoreUnreachable, match="stop those who append"):
        copy_book(source, target)


def test_somebody_else_who_appends_to_the_target_stops_the_copy(
    two: tuple[SQLiteStore, SQLiteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = two
    fill(source)
    monkeypatch.setattr(copying, "BATCH", 100)

    def disturb(done: int, _total: int) -> None:
        if done == 200:
            with target.writing() as transaction:
                transaction.append([NewRow(201, "x", 1, "X", b"{}", None, None)])

    with pytest.raises(DifferentBook, match="somebody else"):
        copy_book(source, target, disturb)


def test_what_was_set_aside_is_set_aside_in_the_copy(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source, 0, 50)
    aside = Aside("membership-m-1", 5, "an event that nobody can read", NOW_US)
    with source.writing() as transaction:
        transaction.save_set_aside([aside])
    with target.writing() as transaction:
        transaction.save_set_aside([aside._replace(stream="membership-gone")])
    copy_book(source, target)
    assert target.set_aside() == [aside]
