"""Whoever goes on from a position notices that the book is another one, or an older copy that grew again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ledger.errors import DifferentBook
from ledger.event import leaf_hash
from ledger.store.base import NewRow
from ledger.store.bookmark import START, Bookmark, BookmarkWatch, bookmark_at, bookmark_of, require_same
from ledger.store.sqlite import SQLiteStore


def book_of(path: object, contents: Sequence[bytes]) -> SQLiteStore:
    store = SQLiteStore(str(path))
    with store.writing() as transaction:
        transaction.append(
            [NewRow(number, "s", number, "T", content, None, None) for number, content in enumerate(contents, 1)]
        )
    return store


def test_a_bookmark_is_the_position_and_the_leaf_hash_of_the_event_there(tmp_path: object) -> None:
    store = book_of(f"{tmp_path}/a.db", [b"one", b"two"])
    assert bookmark_at(store, 2) == Bookmark(2, leaf_hash(b"two")) == bookmark_of(store.read_feed(1, 1)[0])
    assert (bookmark_at(store, 0), bookmark_at(store, 3)) == (START, None)
    require_same(store, Bookmark(2, leaf_hash(b"two")), "somebody")
    require_same(store, START, "somebody")
    store.close()


def test_another_event_at_the_position_and_an_end_before_it_are_told_with_both_sides(tmp_path: object) -> None:
    store = book_of(f"{tmp_path}/a.db", [b"one", b"two"])
    with pytest.raises(DifferentBook, match=rf"found leaf hash {leaf_hash(b'two')} .* expected ab, .*; call somebody"):
        require_same(store, Bookmark(2, "ab"), "the relay", "call somebody")
    with pytest.raises(DifferentBook, match=r"up to position 2, expected at least 3, where the relay is.*older copy"):
        require_same(store, Bookmark(3, "ab"), "the relay")
    store.close()


def test_a_watch_looks_at_its_first_turn_and_then_only_now_and_then(tmp_path: object) -> None:
    store = book_of(f"{tmp_path}/a.db", [b"one", b"two"])
    seconds = [0.0]
    watch = BookmarkWatch(store, "a follower", mark=Bookmark(1, "ab"), every_s=1.0, monotonic=lambda: seconds[0])
    with pytest.raises(DifferentBook):
        watch.check()
    watch.move(store.read_feed(0, 1)[0])
    watch.check()
    watch.mark = Bookmark(1, "ab")
    seconds[0] = 0.9
    watch.check()
    with pytest.raises(DifferentBook):
        watch.check(now=True)
    seconds[0] = 1.0
    with pytest.raises(DifferentBook):
        watch.check()
    store.close()
