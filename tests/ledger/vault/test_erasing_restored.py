"""Restored vaults and books: whom the other one says was erased is hidden at once, and erased again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from console.erasures import BookOfWriter
from ledger.errors import AnotherBook, SubjectErased
from ledger.vault.access_log import Access, entries
from ledger.vault.erasing import erase, erased, heed, replay
from tests.ledger.vault.erasing_support import (
    ASKED,
    LATER_US,
    Backup,
    book_at,
    clock,
    everything,
    kept,
    told,
)
from tests.ledger.vault.support import ACCESS, ANNA, BERT, NOW_US, Place, line, people


def test_a_restored_vault_hides_whom_the_book_says_was_erased_and_replay_erases_them_again(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        heed(vault, book, NOW_US)
    backup = Backup(place)
    with place.vault(create=False) as vault:
        erase(vault, book, [anna], ASKED, clock)
    backup.restore()
    with place.vault(create=False) as vault:
        assert vault.show(anna, ACCESS).contact == ANNA  # so it stands there, as long as the book was not asked
        assert heed(vault, book, LATER_US) == 1
        with pytest.raises(SubjectErased, match="not over"):
            vault.show(anna, ACCESS)
        assert vault.show(bert, ACCESS).contact == BERT
        ended: list[str] = []
        replay(vault, book, clock, ended=ended.extend)
        assert ended == [anna]
        assert anna not in everything(vault.database)
        assert heed(vault, book, LATER_US) == 0
        assert len(told(book)) == 2
        assert [entry.reason for entry in entries(vault.database, anna) if entry.action == "erased"] == [
            "request 31", "the book has this erasure: the vault was restored from before it"
        ]  # fmt: skip


def test_a_subject_of_which_a_restored_vault_has_nothing_is_erased_there_too_and_no_longer_unknown(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        kept(vault, line(3, BERT))
        heed(vault, book, NOW_US)
    backup = Backup(place)
    with place.vault(create=False) as vault:
        (anna,) = kept(vault, line(2, ANNA))
        erase(vault, book, [anna], ASKED, clock)
    backup.restore()
    with place.vault(create=False) as vault:
        replay(vault, book, clock)
        with pytest.raises(SubjectErased):
            vault.show(anna, ACCESS)


def test_a_restored_book_is_told_again(place: Place, tmp_path: Path) -> None:
    with book_at(tmp_path / "book.db"):
        pass
    shutil.copy(tmp_path / "book.db", tmp_path / "older.db")
    with place.vault() as vault:
        anna, bert, third = kept(vault, line(2, ANNA), line(3, BERT), *people(1))
        with book_at(tmp_path / "book.db") as book:
            erase(vault, book, [anna, bert], ASKED, clock)
        with book_at(tmp_path / "older.db") as book:
            # What the restored book says next stands where the other said something else: it is heeded all the same.
            erase(vault, book, [third], ASKED, clock)
            assert {subject for _, subject in told(book)} == {third}
            replay(vault, book, clock)
            assert {subject for _, subject in told(book)} == {anna, bert, third}
            assert len(told(book)) == 6


def test_a_mark_of_a_book_that_was_restored_starts_from_the_beginning(place: Place, tmp_path: Path) -> None:
    with book_at(tmp_path / "book.db"):
        pass
    shutil.copy(tmp_path / "book.db", tmp_path / "older.db")
    with place.vault() as vault, book_at(tmp_path / "book.db") as book:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        erase(vault, book, [anna], ASKED, clock)
        heed(vault, book, NOW_US)
    backup = Backup(place)
    with place.vault(create=False) as vault, book_at(tmp_path / "older.db") as book:
        erase(vault, book, [bert], ASKED, clock)
    backup.restore()
    with place.vault(create=False) as vault, book_at(tmp_path / "older.db") as book:
        assert heed(vault, book, NOW_US) == 1
        with pytest.raises(SubjectErased):
            vault.show(bert, ACCESS)


def test_rows_that_came_back_past_this_program_are_erased_once_more(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
    with place.raw() as raw:
        (row,) = raw("SELECT * FROM contacts")
    with place.vault(create=False) as vault:
        erase(vault, book, [anna], ASKED, clock)
        with place.raw() as raw:
            raw(f"INSERT INTO contacts VALUES ({','.join('?' * len(row))})", *row)
        with pytest.raises(SubjectErased):
            vault.show(anna, ACCESS)
        erase(vault, book, [anna], Access(LATER_US, "clerk", "again"), lambda: LATER_US + 7)
        assert anna not in everything(vault.database)
        (one,) = erased(vault, [anna])
        assert one.completed_us == LATER_US + 7


def test_with_another_book_nothing_is_erased(place: Place, book: BookOfWriter, tmp_path: Path) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        heed(vault, book, NOW_US)
        with book_at(tmp_path / "other.db") as other, pytest.raises(AnotherBook):
            erase(vault, other, [anna], ASKED, clock)
        assert vault.show(anna, ACCESS).contact == ANNA
