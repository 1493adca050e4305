"""What a driver says, as the caller hears it: what is wrong with data is no lost store; catching up before looking."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest
from eventsourcing.persistence import OperationalError

from console.wiring import driver_errors, open_ledger
from ledger.errors import BadInput, BrokenHistory, LedgerError, StoreUnreachable
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from ledger.store.postgres_connections import Address, Connections
from projections.questions.board import board
from tests.console.support import enrolment, met

NOW_US = parse_instant("2012-01-01T00:00:00Z")


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


# Catching up and looking


def test_a_view_shows_what_was_caught_up_with_and_brings_nothing_up_to_date(tmp_path: Path) -> None:
    store = tmp_path / "book.db"
    with open_ledger(str(store), lambda: NOW_US, create=True) as ledger:
        ledger.writer.record([fact_from_object(one) for one in met()])
        with ledger.view() as view, pytest.raises(StoreUnreachable, match="csat-ledger project"):
            view.eligibility()
        ledger.catch_up()
        ledger.writer.record([fact_from_object(one) for one in enrolment("m-2")])
        with ledger.view() as view:
            assert [row.membership for row in board(view, NOW_US, 90)] == ["m-1"]
        ledger.catch_up()
        with ledger.view() as view:
            assert [row.membership for row in board(view, NOW_US, 90)] == ["m-1", "m-2"]


def test_what_is_worked_out_where_nothing_may_be_kept_lasts_as_long_as_the_ledger_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, remarks = tmp_path / "book.db", list[str]()
    with open_ledger(str(store), lambda: NOW_US, create=True) as ledger:
        ledger.writer.record([fact_from_object(one) for one in met()])
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(rooms))
    with open_ledger(str(store), lambda: NOW_US, remark=remarks.append) as ledger:
        monkeypatch.setattr(ledger.database, "may_write", lambda: False)
        ledger.catch_up()
        ledger.catch_up()  # the first is given up
        assert len(list(rooms.iterdir())) == 1
        for _ in range(2):
            with ledger.view() as view:
                assert [row.membership for row in board(view, NOW_US, 90)] == ["m-1"]
    assert list(rooms.iterdir()) == []
    assert len(remarks) == 2
    assert "worked out from the whole book" in remarks[0]
