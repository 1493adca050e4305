"""The databases in which a book can be kept, as rows of a table: each passes the same suite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ledger.store.base import Store

Execute = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Backend:
    """What the suite must know of a database."""

    name: str
    events: str
    """The name of the events table."""
    place: Callable[[pytest.FixtureRequest], str]
    """A fresh place for a book."""
    opened: Callable[..., Store]
    """(place, lock_timeout_s=…, migrate=…) -> the store."""
    raw: Callable[[str], Any]
    """(place) -> a context with a connection past the ledger, each statement its own transaction."""
    refusals: tuple[type[Exception], ...]
    """What the driver raises where the database refuses something, raw or through the store."""
    newer: Sequence[str]
    """Statements that make the tables look as if a newer program had migrated them."""
    foreign: Sequence[str]
    """Statements that make the place one of something else."""
    steps: str
    """Where the steps of the migration are looked up."""


# SQLite


def _sqlite_place(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("tmp_path") / "book.db")


def _sqlite_opened(place: str, **options: Any) -> Store:
    from ledger.store.sqlite import SQLiteStore

    return SQLiteStore(place, **options)


@contextmanager
def _sqlite_raw(place: str) -> Iterator[Execute]:
    connection = sqlite3.connect(place, isolation_level=None)
    try:
        yield lambda statement: connection.execute(statement).fetchall()
    finally:
        connection.close()


# PostgreSQL


def _postgres_place(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("postgres_url")
    return url


def _postgres_opened(place: str, **options: Any) -> Store:
    from ledger.store.postgres import PostgresStore

    return PostgresStore(place, **options)


@contextmanager
def _postgres_raw(place: str) -> Iterator[Execute]:
    import psycopg

    with psycopg.connect(place, autocommit=True) as connection:

        def execute(statement: Any) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

        yield execute


def backends() -> list[Backend]:
    """Every backend whose driver is installed."""
    found = [
        Backend(
            name="sqlite",
            events="events",
            place=_sqlite_place,
            opened=_sqlite_opened,
            raw=_sqlite_raw,
            refusals=(sqlite3.Error,),
            newer=["PRAGMA user_version = 99"],
            foreign=["CREATE TABLE letters (text TEXT)"],
            steps="ledger.store.sqlite.STEPS",
        )
    ]
    try:
        import psycopg
        from eventsourcing.persistence import PersistenceError

        import ledger.store.postgres  # noqa: F401
    except ImportError:
        return found
    found.append(
        Backend(
            name="postgres",
            events="ledger.events",
            place=_postgres_place,
            opened=_postgres_opened,
            raw=_postgres_raw,
            refusals=(psycopg.Error, PersistenceError),
            newer=["UPDATE ledger.ledger_meta SET value = '99' WHERE name = 'tables'"],
            foreign=["CREATE SCHEMA ledger", "CREATE TABLE ledger.events (text text)"],
            steps="ledger.store.postgres_tables.STEPS",
        )
    )
    return found


BACKENDS = backends()
