"""What was erased stands in no file of the database, and is not over as long as anybody's reading keeps it there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.erasures import BookOfWriter
from ledger.errors import StoreUnreachable, SubjectErased
from ledger.vault import postgres
from ledger.vault.contact import Contact
from ledger.vault.database import SQLiteVault
from ledger.vault.erasing import erase, finish
from ledger.vault.vault import Vault
from tests.ledger.vault.erasing_support import (
    ASKED,
    clock,
    in_files,
    kept,
    sealed,
    told,
)
from tests.ledger.vault.support import ACCESS, ANNA, KEYS, Place, line, people


def test_the_bytes_are_in_the_files_before_and_in_none_of_them_after(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        subjects = kept(vault, line(2, ANNA), *people(400, 10))
        gone = [subjects[0], *subjects[1:400:2]]
        # Rows that grew and shrank may leave older boxes in the gaps of pages.
        older = [secret for subject in gone[:50] for secret in sealed(place, subject)]
        longer = [line(n, Contact(f"person-{n}@example.org", "N" * (n % 190 + 1))) for n in range(10, 410)]
        kept(vault, *longer)
        secrets = [secret for subject in gone for secret in sealed(place, subject)]
        assert in_files(place, secrets) == len(secrets)
        erase(vault, book, gone, ASKED, clock)
        assert in_files(place, [*secrets, *older]) == 0
        stays = [secret for subject in subjects[2:400:2] for secret in sealed(place, subject)]
        assert in_files(place, stays) == len(stays)


def test_while_a_reader_holds_what_was_erased_it_is_not_over(
    place: Place, book: BookOfWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SCRUB_TIMEOUT_S", 0.3)
    monkeypatch.setattr("ledger.vault.database.LOCK_TIMEOUT_S", 0.3)
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
    secrets = sealed(place, anna)
    with place.vault(create=False) as vault, place.raw() as raw:
        if place.backend.name == "sqlite":
            raw("BEGIN")
        else:
            raw("BEGIN ISOLATION LEVEL REPEATABLE READ")
        raw("SELECT 1 FROM vault_meta")
        with pytest.raises(StoreUnreachable, match="do the same again"):
            erase(vault, book, [anna], ASKED, clock)
        assert told(book) == [("ErasureRequested", anna)]
        with pytest.raises(SubjectErased, match="not over"):
            vault.show(anna, ACCESS)
        raw("ROLLBACK")
        assert finish(vault, book, clock) == 1
    assert told(book)[-1] == ("ErasureCompleted", anna)
    assert in_files(place, secrets) == 0


def test_a_process_that_has_the_vault_open_goes_on_after_it_became_shorter_but_not_over_an_older_copy(
    tmp_path: Path, book: BookOfWriter
) -> None:
    path = tmp_path / "people.db"
    with closing(SQLiteVault(str(path), create=True)) as database:
        vault = Vault(database, KEYS, create=True)
        subjects = kept(vault, *people(2_000))
        with closing(SQLiteVault(str(path))) as second:
            other = Vault(second, KEYS)
            assert len(other.subjects("m-1", subjects)) == 2_000
            second._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert len(other.subjects("m-1", subjects)) == 2_000
            before = path.stat().st_size
            erase(vault, book, subjects[:1_900], ASKED, clock)
            assert path.stat().st_size < before
            assert other.subjects("m-1", subjects) == set(subjects[1_900:])
            kept(other, *people(3_000, 5_000))
            second._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert other.subjects("m-1", subjects[1_900:]) == set(subjects[1_900:])
            with closing(sqlite3.connect(tmp_path / "older.db")) as older:
                older.execute("CREATE TABLE t (a)")
            path.write_bytes((tmp_path / "older.db").read_bytes())
            with pytest.raises(StoreUnreachable, match="copied over"):
                other.subjects("m-1", subjects)


def test_no_statistics_of_sealed_columns_are_kept_by_the_server(postgres_url: str, book: BookOfWriter) -> None:
    place = Place(next(one for one in _backends() if one.name == "postgres"), postgres_url)
    with place.vault() as vault:
        kept(vault, *people(300))
        with place.raw() as raw:
            raw("ANALYZE contacts")
            raw("ANALYZE data_keys")
            sampled = {name for (name,) in raw("SELECT attname FROM pg_stats WHERE schemaname = 'vault'")}
    assert {"subject", "membership", "holder"} <= sampled
    assert sampled & {"email", "name", "phone", "language", "address", "details", "wrapped"} == set()


def _backends() -> list[Any]:
    from tests.ledger.vault.support import BACKENDS

    return BACKENDS


def test_a_role_that_does_not_own_the_tables_never_takes_them_for_rewritten(
    postgres_url: str, book: BookOfWriter
) -> None:
    place = Place(next(one for one in _backends() if one.name == "postgres"), postgres_url)
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        with place.raw() as raw:
            raw("CREATE ROLE clerk")
            raw("GRANT USAGE ON SCHEMA vault TO clerk")
            raw("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vault TO clerk")
            raw("GRANT ALL ON ALL SEQUENCES IN SCHEMA vault TO clerk")
            try:
                raw("GRANT clerk TO CURRENT_USER")
                with vault.database._connections.take() as connection:  # type: ignore[attr-defined]
                    connection.execute("SET ROLE clerk")
                with pytest.raises(StoreUnreachable, match="must own its tables"):
                    erase(vault, book, [anna], ASKED, clock)
                with vault.database._connections.take() as connection:  # type: ignore[attr-defined]
                    connection.execute("RESET ROLE")
                assert told(book) == [("ErasureRequested", anna)]
                assert finish(vault, book, clock) == 1
            finally:
                raw("DROP OWNED BY clerk")
                raw("DROP ROLE clerk")
