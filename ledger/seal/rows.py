"""Rows of a database that somebody may have changed: columns can hold anything, and still have to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ledger.store.base import Columns, Row, as_columns

NO_SEQ: Final = -1
KINDS: Final[list[set[type]]] = [{int}, {str}, {int}, {str}, {bytes}]


def plain(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows with columns of the right types; what was of another type is no event's, but can be hashed."""
    return rows if _are_plain(zip(*rows, strict=True)) else [_plain(row) for row in rows]


def plain_columns(columns: Columns) -> Columns:
    """The same, a column at a time."""
    return columns if _are_plain(columns) else as_columns([_plain(row) for row in zip(*columns, strict=True)])


def plain_stream(rows: Iterable[Row]) -> list[Row]:
    """The same, for the rows of one stream."""
    return list(plain(list(rows)))


def _are_plain(columns: Iterable[tuple[Any, ...]]) -> bool:
    return [set(map(type, column)) for column in columns] == KINDS


def _plain(row: tuple[Any, ...]) -> Row:
    position, stream, seq, type_name, stored = row
    return Row(position, str(stream), seq if type(seq) is int else NO_SEQ, str(type_name), _bytes(stored))


def _bytes(stored: Any) -> bytes:
    if isinstance(stored, str):
        return stored.encode("utf-8", "surrogatepass")
    return bytes(stored) if isinstance(stored, (bytes, bytearray, memoryview)) else repr(stored).encode("utf-8")
