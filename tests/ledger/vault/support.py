"""Vaults in each database, lists that are made up, and what somebody with the database in their hands can do to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ledger.vault.access_log import Access
from ledger.vault.contact import Contact
from ledger.vault.database import SQLiteVault, VaultDatabase
from ledger.vault.keys import Keyring, VaultKey
from ledger.vault.partner_list import ListLine
from ledger.vault.vault import Vault

NOW_US = 1_325_376_000_000_000
ACCESS = Access(NOW_US, "clerk", "a test")
KEYS = Keyring([VaultKey(bytes(range(32)))], "the test's keys")
OTHER_KEYS = Keyring([VaultKey(bytes(range(1, 33)))], "other keys")
BOTH_KEYS = Keyring([OTHER_KEYS.current, KEYS.current], "both keys")
ANNA = Contact("anna.moeller@example.org", "Anna Möller", "+49 89 1234567", "de")
BERT = Contact("bert@bücher.example", "Bert Quill")

Raw = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Backend:
    """What the suite must know of a database."""

    name: str
    place: Callable[[pytest.FixtureRequest], str]
    """A fresh place for a vault."""
    opened: Callable[..., VaultDatabase]
    """(place, create=…) -> its tables."""
    raw: Callable[[str], Any]
    """(place) -> a context with a connection past the vault: (statement, *parameters) -> rows."""
    refusals: type[Exception]
    """What the driver raises where the database refuses a statement."""


@contextmanager
def _sqlite_raw(place: str) -> Iterator[Raw]:
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        yield lambda statement, *parameters: connection.execute(statement, parameters).fetchall()


@contextmanager
def _postgres_raw(place: str) -> Iterator[Raw]:
    import psycopg

    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("SET search_path = vault")

        def execute(statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.replace("?", "%s"), parameters)
            return cursor.fetchall() if cursor.description else []

        yield execute


def _postgres_opened(place: str, **options: Any) -> VaultDatabase:
    from ledger.vault.postgres import PostgresVault

    return PostgresVault(place, **options)


def backends() -> list[Backend]:
    """Every backend whose driver is installed."""
    found = [
        Backend(
            "sqlite",
            lambda request: str(request.getfixturevalue("tmp_path") / "people.db"),
            SQLiteVault,
            _sqlite_raw,
            sqlite3.Error,
        )
    ]
    try:
        import psycopg
    except ImportError:
        return found
    return [
        *found,
        Backend(
            "postgres",
            lambda request: str(request.getfixturevalue("postgres_url")),
            _postgres_opened,
            _postgres_raw,
            psycopg.Error,
        ),
    ]


BACKENDS = backends()


class Place:
    """A place with a vault of the test's own, to be opened as often as it likes."""

    def __init__(self, backend: Backend, where: str) -> None:
        self.backend = backend
        self.where = where

    @contextmanager
    def vault(self, keyring: Keyring = KEYS, *, create: bool = True) -> Iterator[Vault]:
        """The vault, open; made where there is none."""
        with closing(self.backend.opened(self.where, create=create)) as database:
            yield Vault(database, keyring, create=create)

    def raw(self) -> Any:
        """A connection past the vault."""
        return self.backend.raw(self.where)


def line(
    number: int, contact: Contact = ANNA, customer_org: str = "Brontegard", consent: Any = "given", at_us: int = NOW_US
) -> ListLine:
    """A line of a list."""
    return ListLine(number, contact, customer_org, consent, None if consent == "none" else at_us)


def people(count: int, start: int = 0) -> list[ListLine]:
    """So many lines, each of somebody else."""
    return [
        line(number + 2, Contact(f"person-{number}@example.org", f"Person {number}", None, "en-GB"))
        for number in range(start, start + count)
    ]


def dies_at(moment: int, work: Callable[[Callable[[], None]], None]) -> bool:
    """Does some work in a process of its own that is killed when it passes a moment; whether it was.

    The work is handed what says that a moment has come; the first is 0.
    """
    child = os.fork()
    if child == 0:
        passed = 0

        def passes() -> None:
            nonlocal passed
            if passed == moment:
                os.kill(os.getpid(), 9)
            passed += 1

        try:
            work(passes)
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


class Counted:
    """A database that says of each statement that writes, and of each commit, when it comes and when it is over."""

    def __init__(self, database: VaultDatabase, passes: Callable[[], None]) -> None:
        self._database = database
        self._passes = passes
        self.name = database.name
        self.found_version = database.found_version

    @contextmanager
    def writing(self) -> Iterator[Any]:
        with self._database.writing() as transaction:
            yield _CountedTransaction(transaction, self._passes)
            self._passes()
        self._passes()

    def reading(self) -> Any:
        return self._database.reading()

    def unguarded(self) -> list[str]:
        return self._database.unguarded()

    def mend(self) -> list[str]:
        return self._database.mend()

    def scrub(self) -> None:
        self._passes()
        self._database.scrub()
        self._passes()

    def close(self) -> None:
        self._database.close()


class _CountedTransaction:
    def __init__(self, transaction: Any, passes: Callable[[], None]) -> None:
        self._transaction = transaction
        self._passes = passes

    def query(self, *given: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._transaction.query(*given)
        return rows

    def query_in(self, *given: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._transaction.query_in(*given)
        return rows

    def execute(self, *given: Any) -> None:
        self._passes()
        self._transaction.execute(*given)
        self._passes()

    def execute_in(self, *given: Any) -> None:
        self._passes()
        self._transaction.execute_in(*given)
        self._passes()

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._passes()
        self._transaction.execute_many(statement, rows)
        self._passes()
