"""Rows for the tests of the store in PostgreSQL."""

from __future__ import annotations

from ledger.store.base import NewRow
from ledger.store.postgres import PostgresStore


def rows(first: int, count: int, stream: str = "membership-a") -> list[NewRow]:
    return [NewRow(n, stream, n, "ResponseReceived", b"{}", None, None) for n in range(first, first + count)]


def append(store: PostgresStore, count: int = 1) -> None:
    with store.writing() as transaction:
        transaction.append(rows(transaction.max_position() + 1, count))
