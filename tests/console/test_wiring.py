"""What a driver says, as the caller hears it: what is wrong with data is no lost store."""

from __future__ import annotations

import sqlite3

import pytest
from eventsourcing.persistence import OperationalError

from console.wiring import driver_errors
from ledger.errors import BadInput, BrokenHistory, LedgerError, StoreUnreachable
from ledger.store.postgres_connections import Address, Connections


@pytest.mark.parametrize(
    ("error", "heard"),
    [
        (sqlite3.OperationalError("database is locked"), StoreUnreachable),
        (sqlite3.DatabaseError("file is not a database"), StoreUnreachable),
        (OperationalError("the server is gone"), StoreUnreachable),
        (sqlite3.OperationalError("Could not decode to UTF-8 column 'topic' with text 'x'"), BrokenHistory),
    ],
)
def test_a_lost_store_and_a_damaged_text_are_two_things(error: Exception, heard: type[LedgerError]) -> None:
    with pytest.raises(heard, match=r"book\.db: "), driver_errors("book.db"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.DataError("string or blob too big"),
        sqlite3.InterfaceError("bad parameter or other API misuse"),
        sqlite3.ProgrammingError("type 'object' is not supported"),
    ],
)
def test_a_value_that_no_statement_can_hold_is_a_fault_of_the_program(error: Exception) -> None:
    with pytest.raises(type(error)), driver_errors("book.db"):
        raise error


@pytest.mark.parametrize("value", ["a NUL \0", 1 << 70], ids=["a text with a NUL", "a number beyond 64 bits"])
def test_a_value_that_the_server_does_not_take_is_no_lost_server(postgres_url: str, value: object) -> None:
    connections = Connections(Address(postgres_url))
    with pytest.raises(BadInput, match="found a value that no database takes"), connections.take() as connection:
        connection.execute("SELECT %s::text, %s::text::bigint", (value, str(value)))
    connections.close()


def test_an_address_that_is_no_text_is_said_to_be_unreadable() -> None:
    with pytest.raises(StoreUnreachable, match="found a URL that cannot be read"):
        Address("postgresql://host/\udcff")
