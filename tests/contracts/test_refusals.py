"""Refused facts beside the book (`ledger.store.refusals`): one suite, every backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest

from ledger.errors import StoreOutdated
from ledger.store import refusals
from ledger.store.base import Store
from ledger.store.refusal_rows import NewRefusal, Verdict, Wanted
from tests.contracts.backends import BACKENDS, Backend

EVERY = Wanted(resolved=None)


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = request.param
    return chosen


@pytest.fixture
def place(backend: Backend, request: pytest.FixtureRequest) -> str:
    return backend.place(request)


@pytest.fixture
def store(backend: Backend, place: str) -> Iterator[Store]:
    opened = backend.opened(place)
    yield opened
    opened.close()


def refusal(name: str, code: str = "unknown-membership", **changed: object) -> NewRefusal:
    """A refusal of a fact of that name, which is kept whole."""
    original = f'{{"id":"{name}"}}'
    digest = sha256(original.encode()).digest()
    made = NewRefusal(digest, name, "add-location", "m-1", code, "no such", None, "file:a", original, True)
    return made._replace(**changed)


def keep(store: Store, *some: NewRefusal, at: int = 100) -> None:
    with store.keeping_refusals() as table:
        table.keep(some, at)


def names(store: Store, wanted: Wanted = EVERY, **how: int) -> list[str | None]:
    return [row.fact for row in store.refusals.page(wanted, 100, **how)]


def figures(store: Store) -> dict[str, Sequence[int]]:
    return {one.code: one[1:] for one in store.refusals.totals()}


def consistent(store: Store) -> None:
    """The totals say of rows and bytes what the rows say."""
    rows = store.refusals.page(EVERY, 100_000)
    by_code = {one.code: (one.kept, one.bytes) for one in store.refusals.totals() if one.kept}
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        number, size = found.get(row.code, (0, 0))
        found[row.code] = (number + 1, size + row.size())
    assert by_code == found


def test_a_new_book_has_none(store: Store) -> None:
    assert store.refusals.page(EVERY, 10) == store.refusals.totals() == store.refusals.counted(EVERY) == []
    assert store.refusals.last_number() == 0


def test_what_is_kept_is_read_back_newest_first_and_a_page_at_a_time(store: Store) -> None:
    keep(store, *(refusal(f"f-{n}") for n in range(5)))
    first = store.refusals.page(EVERY, 2)
    assert [row.fact for row in first] == ["f-4", "f-3"]
    assert names(store, below=first[-1].number) == ["f-2", "f-1", "f-0"]
    assert names(store, above=3) == ["f-3", "f-4"]
    row = first[0]
    assert (row.code, row.sentence, row.source, row.times, row.whole) == (
        "unknown-membership",
        "no such",
        "file:a",
        1,
        True,
    )
    assert (row.original, row.first_us, row.refused_us, row.resolved_at) == ('{"id":"f-4"}', 100, 100, None)


def test_the_same_fact_again_only_counts_and_says_why_it_was_refused_last(store: Store) -> None:
    keep(store, refusal("f-1"), refusal("f-1"))
    keep(store, refusal("f-1", "consent-missing", source="http:x"), at=200)
    (row,) = store.refusals.page(EVERY, 10)
    assert (row.times, row.code, row.source, row.first_us, row.refused_us) == (3, "consent-missing", "http:x", 100, 200)
    assert figures(store) == {
        "consent-missing": (1, row.size(), 1, 0, 0, 0),
        "unknown-membership": (0, 0, 2, 0, 0, 0),
    }


def test_refusals_are_found_by_code_source_time_and_fact(store: Store) -> None:
    keep(store, refusal("f-1"), refusal("f-2", "consent-missing"))
    keep(store, refusal("f-3", source="topic:x/0/1"), refusal("f-4", whole=False), at=200)
    assert names(store, Wanted(code="consent-missing")) == ["f-2"]
    assert names(store, Wanted(source="topic:x/0/1")) == ["f-3"]
    assert names(store, Wanted(since_us=200)) == ["f-4", "f-3"]
    assert names(store, Wanted(until_us=200)) == ["f-2", "f-1"]
    assert names(store, Wanted(facts=("f-1", "f-3"))) == ["f-3", "f-1"]
    assert names(store, Wanted(facts=())) == []
    assert names(store, Wanted(whole=False)) == ["f-4"]
    assert store.refusals.counted(Wanted(since_us=200)) == [("unknown-membership", 2, 2, 200)]


def test_what_is_resolved_loses_its_original_and_what_is_refused_again_counts_up(store: Store) -> None:
    keep(store, refusal("f-1"), refusal("f-2"))
    again, taken = store.refusals.page(EVERY, 10)
    verdicts = [Verdict(taken, 17), Verdict(again, None, "org-mismatch", "another", "customer_org")]
    for _ in range(2):  # the second time changes nothing of what is resolved
        with store.keeping_refusals() as table:
            table.settle(verdicts[:1], 300)
    with store.keeping_refusals() as table:
        table.settle(verdicts[1:], 300)
    assert names(store, Wanted()) == ["f-2"]
    again, taken = store.refusals.page(EVERY, 10)
    assert (taken.resolved_at, taken.original, taken.times) == (17, None, 1)
    assert (again.code, again.sentence, again.field, again.times) == ("org-mismatch", "another", "customer_org", 2)
    assert again.refused_us == 300
    assert figures(store)["unknown-membership"][3] == 1
    consistent(store)


def test_a_verdict_on_a_row_that_was_dropped_meanwhile_changes_nothing(store: Store) -> None:
    keep(store, refusal("f-1"))
    (row,) = store.refusals.page(EVERY, 10)
    with store.keeping_refusals() as table:
        table.expire(1_000)
    keep(store, refusal("f-2"))
    with store.keeping_refusals() as table:
        table.settle([Verdict(row, 17)], 300)
    (left,) = store.refusals.page(EVERY, 10)
    assert (left.fact, left.resolved_at) == ("f-2", None)
    consistent(store)


def test_beyond_the_bounds_the_resolved_and_then_the_oldest_are_dropped_and_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "ROWS_MAX", 3)
    keep(store, *(refusal(f"f-{n}") for n in range(3)))
    newest = store.refusals.page(EVERY, 1)[0]
    with store.keeping_refusals() as table:
        table.settle([Verdict(newest, 9)], 200)
    keep(store, refusal("f-3"))
    assert names(store) == ["f-3", "f-1", "f-0"]
    keep(store, refusal("f-4", "malformed"), refusal("f-5", "malformed"))
    assert names(store) == ["f-5", "f-4", "f-3"]
    assert [one[4] for one in figures(store).values()] == [0, 3]
    consistent(store)
    monkeypatch.setattr(refusals, "BYTES_MAX", refusal("f-6").size())
    keep(store, refusal("f-6"))
    assert names(store) == ["f-6"]
    consistent(store)


def test_what_is_too_old_is_deleted_and_counted(store: Store) -> None:
    keep(store, refusal("f-1"), refusal("f-2"))
    keep(store, refusal("f-2"), at=500)
    with store.keeping_refusals() as table:
        assert table.expire(500) == 1
    assert names(store) == ["f-2"]
    assert figures(store)["unknown-membership"][5] == 1
    consistent(store)


def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    def failing() -> None:
        with store.keeping_refusals() as table:
            table.keep([refusal("f-1")], 100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert names(store) == []
    assert figures(store) == {}


def test_a_batch_of_many_goes_in_and_out_at_once(store: Store) -> None:
    some = [refusal(f"f-{n}") for n in range(1_300)]
    keep(store, *some)
    keep(store, *some, at=200)
    rows = store.refusals.page(EVERY, 2_000)
    assert {row.times for row in rows} == {2}
    with store.keeping_refusals() as table:
        table.settle([Verdict(row, 5) for row in rows], 300)
    assert store.refusals.page(Wanted(), 10) == []
    consistent(store)


def test_tables_of_the_version_before_get_them_by_a_migration(backend: Backend, place: str) -> None:
    backend.opened(place).close()
    schema = "" if backend.name == "sqlite" else "ledger."
    with backend.raw(place) as execute:
        for table in ("refusals", "refusal_totals", "webhooks", "webhook_held"):
            execute(f"DROP TABLE {schema}{table}")
        for statement in backend.newer:
            execute(statement.replace("99", "4"))
    with pytest.raises(StoreOutdated, match="csat-ledger migrate"):
        backend.opened(place)
    migrated = backend.opened(place, migrate=True)
    keep(migrated, refusal("f-1"))
    assert names(migrated) == ["f-1"]
    migrated.close()
