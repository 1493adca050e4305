"""The feed as it is read: while the book grows, and of one membership among many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.programmes.registry import fact_from_object
from ledger.store.base import Row
from ledger.store.sqlite import SQLiteStore
from projections.questions import changes as feed
from projections.questions.changes import Wanted, changes
from tests.console.designation_story import qualified
from tests.console.http.support import NOW_US
from tests.console.support import met


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    found = SQLiteStore(tmp_path / "book.db")
    yield found
    found.close()


def record(store: SQLiteStore, facts: list[dict[str, Any]]) -> None:
    from ledger.programmes.registry import PROGRAMMES
    from ledger.writing.writer import Writer

    outcomes = Writer(store, lambda: NOW_US, PROGRAMMES).record([fact_from_object(one) for one in facts])
    assert {outcome.status for outcome in outcomes} == {"accepted"}


class Growing:
    """A book that grows between two reads of one page."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self._grown = 0

    def max_position(self) -> int:
        return self._store.max_position()

    def read_type(self, event_type: str, after: int, limit: int, stream: str | None = None) -> list[Row]:
        found = self._store.read_type(event_type, after, limit, stream)
        if self._grown < 3:
            self._grown += 1
            record(self._store, [*qualified(f"m-{self._grown}"), *met(f"m-{self._grown}")])
        return found


@pytest.mark.parametrize("limit", [1, 2, 1_000])
def test_nothing_is_missed_while_both_programmes_are_announcing(store: SQLiteStore, limit: int) -> None:
    record(store, met("m-0"))
    book: Any = Growing(store)
    seen: list[int] = []
    after, reads = 0, 0
    while True:
        page = changes(book, after, limit=limit)
        seen += [row.position for row in page.rows]
        reads += 1
        assert page.through > after or not page.more
        if not page.more and after == page.through:
            break
        after = page.through
    types = ("EligibilityChanged", "DesignationChanged")
    assert seen == sorted(row.position for one in types for row in store.read_type(one, 0, 1_000))
    assert len(seen) == 7


@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_one_membership_among_many_is_read_from_its_own_streams(
    store: SQLiteStore, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        record(store, [*met(f"m-{number}"), *qualified(f"m-{number}")])
    record(store, met("m-1:x"))
    for types in ({"EligibilityChanged"}, {"DesignationChanged"}, {"EligibilityChanged", "DesignationChanged"}):
        wanted = Wanted(frozenset(types), "m-1")
        seen, after, more = [], 0, True
        while more:
            rows, after, more = changes(store, after, wanted, limit)
            seen += [(row.stream, row.type) for row in rows]
        expected = [
            ("membership-m-1", "EligibilityChanged"),
            ("designation-m-1/business-applications", "DesignationChanged"),
        ]
        assert seen == [one for one in expected if one[1] in types]
        assert after == store.max_position()
    monkeypatch.setattr(feed, "PAGE", limit)
    assert [row.stream for row in changes(store, 0, Wanted(membership="m-9")).rows] == []
